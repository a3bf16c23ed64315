"""Training sets and batches for the person at the notebook, `asof training` and `asof batch`.

    from asof import batch, training

    train = training("late_delivery", examples=requests)   # a DataFrame or a file; the examples model unless given
    train.attrs["asof"]                                 # the manifest of the set: its id, what it is made of
    scores = batch("late_delivery")                     # every entity, as of now

dbt computes, by the same macros as the training models; this hands files back and forth.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from . import compare
from .dbt import DbtError, add_project_options, run_dbt
from .serve.clock import parse_rfc3339
from .set_files import Manifest, SetError, files_of, find_set, read_manifest

if TYPE_CHECKING:
    import pandas

Examples = Any  # a DataFrame (of pandas, or what else DuckDB reads), or the path of a Parquet or CSV file


def training(
    service: str,
    examples: Examples = None,
    cutoff: str | datetime | None = None,
    *,
    every: bool = False,
    project: str | Path = ".",
    dbt: Sequence[str] = (),
) -> pandas.DataFrame:
    """The training rows of examples, each as the API would have answered then; written as a set that keeps its name.

    service: a name, or one with its version. examples: the keys, prediction_time (aware times) and request columns of
    the service; row_id, sequence_number and the labels if you have them. Without, those of its examples model. cutoff:
    later requests and what was known later are left out (RFC 3339 or an aware datetime; dbt's now unless given). every:
    a row for each example, also the rejected, with its status. dbt: options for it, such as `["--target", "prod"]`.

    Sorted by prediction_time and row_id; times are UTC. `.attrs["asof"]` is the set's manifest. Raises SetError.
    """
    manifest = make_set(service, examples, cutoff, every=every, project=project, dbt=dbt)
    return _frame(Path(manifest["path"]).with_name(manifest["files"]["rows"]["file"]), manifest)


def batch(
    service: str,
    examples: Examples = None,
    to: str | Path | None = None,
    *,
    project: str | Path = ".",
    dbt: Sequence[str] = (),
) -> pandas.DataFrame:
    """What the API would answer now for every entity of the service's first group, or for the examples given.

    examples: as for `training`, without prediction_time. to: a Parquet file to keep. `.attrs["asof"]` says which
    publication it is from, in the words of an answer. Raises SetError.
    """
    with tempfile.TemporaryDirectory(prefix="asof-batch-") as folder:
        path = Path(to or Path(folder) / "batch.parquet").absolute()
        head = make_batch(service, path, examples, project=project, dbt=dbt)
        return _frame(path, head)


def make_set(
    service: str,
    examples: Examples = None,
    cutoff: str | datetime | None = None,
    *,
    every: bool = False,
    project: str | Path = ".",
    dbt: Sequence[str] = (),
    folder: Path | None = None,
) -> Manifest:
    """Makes a training set (see `training`); returns its manifest, with `path`, where it lies. folder: instead of the
    project's own for training sets. Raises SetError.
    """
    if isinstance(cutoff, datetime):
        if cutoff.tzinfo is None:
            raise SetError(f"the cutoff {cutoff} has no zone: give an aware datetime")
        cutoff = cutoff.isoformat()
    arguments = {"service": service, "cutoff": cutoff, "every": every}
    environment = {"ASOF_TRAINING": str(folder)} if folder else {}
    path = Path(_operation("training_set", arguments, examples, project, dbt, environment))
    return read_manifest(Path(project).absolute() / path)


def make_batch(
    service: str, to: Path, examples: Examples = None, *, project: str | Path = ".", dbt: Sequence[str] = ()
) -> dict[str, Any]:
    """Writes a batch (see `batch`); returns what the answers are from. Raises SetError."""
    arguments = {"service": service, "to": str(to.absolute())}
    found: dict[str, Any] = json.loads(_operation("batch", arguments, examples, project, dbt, {}))
    return found


def _operation(
    name: str,
    arguments: dict[str, Any],
    examples: Examples,
    project: str | Path,
    options: Sequence[str],
    environment: dict[str, str],
) -> str:
    """Runs a dbt operation over examples; returns what it prints last."""
    with tempfile.TemporaryDirectory(prefix="asof-examples-") as scratch:
        if examples is not None:
            arguments = {**arguments, "examples": str(_as_file(examples, Path(scratch)))}
        command = ["run-operation", name, "--args", json.dumps(arguments)]
        try:
            return run_dbt(*command, project=project, options=options, environment=environment)
        except DbtError as error:
            raise SetError(str(error)) from None


def _as_file(examples: Examples, scratch: Path) -> Path:
    if isinstance(examples, (str, os.PathLike)):
        return Path(examples).absolute()
    path = scratch / "examples.parquet"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        try:
            connection.register("examples", examples)
            connection.execute(f"copy examples to '{path}' (format parquet)")
        except (duckdb.Error, TypeError, AttributeError) as error:
            raise SetError(f"these examples cannot be read as a table: {error}") from None
    return path


def _frame(path: Path, head: dict[str, Any]) -> pandas.DataFrame:
    """A Parquet file as a DataFrame with what is known of it. Raises SetError."""
    with duckdb.connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # DuckDB's own use of pandas
        connection.execute("set TimeZone = 'UTC'")
        try:
            frame = connection.execute("select * from read_parquet(?)", [str(path)]).df()
        except ImportError as error:
            raise SetError(f"a DataFrame needs pandas ({error}); the rows are in {path}") from None
    frame.attrs["asof"] = head
    return frame


# -------------------- the commands


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `training` and `batch` to the command line."""
    for name, run, help_ in [
        ("training", _run_training, "make a training set that can be named, or build one again"),
        ("batch", _run_batch, "what the API would answer now for every entity, as a file"),
    ]:
        parser = commands.add_parser(name, help=help_)
        add_project_options(parser)
        parser.add_argument("--examples", type=Path, help="a Parquet or CSV file; the service's own unless given")
        if name == "training":
            what = parser.add_mutually_exclusive_group(required=True)
            what.add_argument("service", nargs="?", help="its name, or name@version")
            what.add_argument("--rebuild", metavar="SET", help="an id or manifest: build it again, compare the bytes")
            parser.add_argument("--cutoff", type=parse_rfc3339, help="leave out later examples and labels known later")
            parser.add_argument("--every", action="store_true", help="a row for each example, also the rejected")
        else:
            parser.add_argument("service", help="its name, or name@version")
            parser.add_argument("--to", type=Path, required=True, help="the Parquet file to write")
        parser.set_defaults(run=run)


def _run_training(options: argparse.Namespace) -> int:
    try:
        if options.rebuild:
            return _rebuild(find_set(options.rebuild, options.project), options)
        manifest = make_set(
            options.service,
            options.examples,
            options.cutoff,
            every=options.every,
            project=options.project,
            dbt=options.dbt,
        )
    except SetError as error:
        print(f"no training set: {error}", file=sys.stderr)
        return 2
    rows, examples = (manifest["files"][kind]["rows"] for kind in ("rows", "examples"))
    reasons = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in manifest["left_out"].items())
    print(f"{manifest['service']}@{manifest['version']} as of {manifest['cutoff']}: set {manifest['id']}")
    print(f"{rows} rows of {examples} examples; {'among them' if manifest['every'] else 'left out'}: {reasons}")
    print(manifest["path"])
    return 0


def _rebuild(manifest: Manifest, options: argparse.Namespace) -> int:
    """Builds a set again from the examples it kept, elsewhere; says whether it is the same, and if not, why."""
    with tempfile.TemporaryDirectory(prefix="asof-rebuild-") as scratch:
        again = make_set(
            f"{manifest['service']}@{manifest['version']}",
            files_of(manifest)[1],
            manifest["cutoff"],
            every=manifest["every"],
            project=options.project,
            dbt=options.dbt,
            folder=Path(scratch),
        )
        pairs = list(zip(files_of(manifest), files_of(again), strict=True))
        is_same = manifest["id"] == again["id"] and all(one.read_bytes() == other.read_bytes() for one, other in pairs)
        if is_same:
            print(f"{manifest['id']}: built again, the same id and the same bytes")
            return 0
        print(f"{manifest['id']}: NOT the same when built again ({again['id']})\n")
        compare.show(compare.difference(manifest, again))
        return 1


def _run_batch(options: argparse.Namespace) -> int:
    try:
        head = make_batch(options.service, options.to, options.examples, project=options.project, dbt=options.dbt)
    except SetError as error:
        print(f"no batch: {error}", file=sys.stderr)
        return 2
    statuses = ", ".join(f"{count} {status}" for status, count in head["statuses"].items())
    print(f"{head['service']}@{head['version']} as of {head['prediction_time']}, publication {head['sequence_number']}")
    print(f"{head['rows']} rows ({statuses}): {options.to}")
    return 0
