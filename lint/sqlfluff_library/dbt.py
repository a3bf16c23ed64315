"""The same of dbt's own macros."""


def type_string():
    return "varchar"
