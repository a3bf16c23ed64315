"""What sqlfluff sees in place of the package's macros: SQL of the same shape, so that what people write can be linted.

Linting only. dbt never reads this file.
"""


def known_after(time, length=None):
    return f"({time} + interval '1 hour')"


def known(events):
    return f"(select * from {events})"


def logged(service, version=None):
    return "(select 1 as row_id)"


def points(entity):
    return f"(select * from {entity})"


def left_join_known(events, on, corrected=False, **kwargs):
    return f"left join {events} as {kwargs['as']} on true"


def left_join_last_known(events, on, **kwargs):
    return f"left join {events} as {kwargs['as']} on true"


def within(events, length):
    return f"{events}.occurred_at > point.as_of"


def in_order(events):
    return f"order by {events}.occurred_at"


def mean(x, scale, where=None, over=None):
    return f"avg({x})"


def hours_between(earlier, later):
    return f"({later} - {earlier})"


def cap(expression, high):
    return f"case when {expression} > {high} then {high} else {expression} end"


def known_category(expression, categories):
    return expression


def first_by(x, by):
    return f"arg_min({x}, {by[0]})"


def cutoff():
    return "(select 1)"


def series(first, last, every):
    return "(select moment from generate_series(1, 2) as series (moment))"


def time_text(time):
    return f"cast({time} as varchar)"


def type_double():
    return "double precision"
