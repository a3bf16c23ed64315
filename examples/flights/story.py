"""The story as a picture: `make flights-story`. A model trained on January to March scores later flights over HTTP.

It does so as it should, and with four classical mistakes (mistakes.py), one each: the AUC of every week as evaluated
offline, and as served. All is made anew in examples/flights/.demo; `--again` scores once more what was built there.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import duckdb
import matplotlib as mpl
import numpy as np
import urllib3
from check import MAX_AGE, TRAINING, Flight, of_first_quarter, read_flights, same_bits, training_rows
from flask import Flask
from load import HERE
from matplotlib.figure import Figure
from mistakes import WeeklyCopy, flights_table, late_share, other_fill, other_window, with_the_future
from predict import DelayModel, create_app, features_of
from run import ROOT, make_history, run
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from werkzeug.serving import WSGIRequestHandler, make_server

sys.path.insert(0, str(ROOT))
from asof.serve.app import create_app as create_shim

# Five weeks from a Monday on, with two builds a day: before New York's first flights, and in its afternoon. Each serves
# the flights that are asked about until it is too old. One more, when all have landed, makes their training rows.
FIRST_DAY, WEEKS, HOURS = datetime(2013, 4, 1, tzinfo=UTC), 5, (9, 19)
LAST_DAY = FIRST_DAY + timedelta(days=7 * WEEKS - 1)
BUILDS = [FIRST_DAY + timedelta(days=day, hours=hour) for day in range(7 * WEEKS) for hour in HOURS]
FINAL_BUILD = BUILDS[-1] + timedelta(hours=14)

PUBLISHED, SERVED, KEPT = (HERE / ".demo" / name for name in ("published", "served", "story"))
PAGE, PLOT = ROOT / "docs" / "flights-story.md", ROOT / "docs" / "flights-story.svg"

RIGHT, WINDOW, FILL, STALE = "no mistake", "another window", "another null fill", "stale values"
FUTURE = "the future in training"


class SettableClock:
    """The shim's now, which this story moves."""

    now = FIRST_DAY

    def __call__(self) -> datetime:
        return self.now


class Handler(WSGIRequestHandler):
    """Werkzeug's, answering at once on a connection that is kept open."""

    disable_nagle_algorithm = True


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serves an application on a free local port, in threads; where."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def build(now: datetime) -> None:
    """`dbt build` at a now, as a scheduler would run it; keeps the pointer that it leaves."""
    variables = f'{{last_day: "{LAST_DAY:%Y-%m-%d}"}}'
    run(f"build {now:%m-%d %H:%M}", "dbt", "build", "--vars", variables, now=f"{now:%Y-%m-%dT%H:%M:%SZ}")
    shutil.copy(PUBLISHED / "current.json", pointer_of(now))


def pointer_of(now: datetime) -> Path:
    return KEPT / f"{now:%Y%m%dT%H%M}.json"


def ship(now: datetime) -> int:
    """Copies what a build published to the folder that is served, the pointer last; its sequence number."""
    pointer = json.loads(pointer_of(now).read_text())
    manifest = json.loads((PUBLISHED / pointer["manifest"]).read_text())
    for name in [*(group["file"] for group in manifest["groups"].values()), pointer["manifest"]]:
        shutil.copy(PUBLISHED / name, SERVED)
    shutil.copy(pointer_of(now), SERVED / "arriving.json")
    os.replace(SERVED / "arriving.json", SERVED / "current.json")
    return pointer["sequence_number"]


def wait_for(pool: urllib3.PoolManager, url: str, sequence_number: int) -> None:
    """Waits until the shim has taken up a publication."""
    deadline = time.monotonic() + 30
    while pool.request("GET", f"{url}/ready").json().get("sequence_number") != sequence_number:
        if time.monotonic() > deadline:
            sys.exit(f"the shim did not take up publication {sequence_number} within 30 s")
        time.sleep(0.02)


def train(rows: list[dict[str, Any]]) -> DelayModel:
    """A logistic regression on training rows, and what was published when they were made.

    What is missing is the median, and an indicator says that it was.
    """
    pointer = json.loads((SERVED / "current.json").read_text())
    (service,) = json.loads((SERVED / pointer["manifest"]).read_text())["services"].values()
    names = [feature["name"] for feature in service["features"]]
    values = np.array([[math.nan if row[name] is None else row[name] for name in names] for row in rows])
    is_late = [row["is_late"] for row in rows]
    impute, scale = SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
    regression = LogisticRegression(max_iter=1000)
    pipeline = make_pipeline(impute, scale, regression).fit(values, is_late)
    # The same sum with less to do for the service: the scale goes into the weights, the median into what is missing
    weights = regression.coef_[0] / scale.scale_
    indicators = dict(zip(impute.indicator_.features_, weights[len(names) :], strict=True))
    terms = [
        {"name": name, "weight": float(weights[i]), "if_missing": float(weights[i] * median + indicators.get(i, 0))}
        for i, (name, median) in enumerate(zip(names, impute.statistics_, strict=True))
    ]
    model = DelayModel(
        service["name"], service["definition"], float(regression.intercept_[0] - weights @ scale.mean_), terms
    )
    exported = np.array([model.score(row) for row in rows])
    if np.abs(exported - pipeline.predict_proba(values)[:, 1]).max() > 1e-9:
        raise AssertionError("the exported model is not the one that was trained")
    return model


def write_models(flights: list[Flight]) -> dict[str, DelayModel]:
    """Trains on what the first build made of January to March, and once with the future in it; read back as JSON."""
    named = [flight.flight_id for flight in of_first_quarter(flights) if flight.tailnum != "none"]
    rows = training_rows(named, KEPT / "trained_on.parquet")
    with flights_table(HERE / ".demo" / "flights.duckdb") as database:
        future = with_the_future(database, known_by=BUILDS[0])
    models = {}
    for name, trained_on in (
        (RIGHT, list(rows.values())),
        (FUTURE, [row | future[flight_id] for flight_id, row in rows.items()]),
    ):
        file = KEPT / f"{name.replace(' ', '_')}.json"
        file.write_text(json.dumps(asdict(train(trained_on)), indent=1))
        models[name] = DelayModel.read(file)
    print(f"\ntrained on {len(rows):,} flights: {json.dumps(asdict(models[RIGHT]), indent=1)}", flush=True)
    return models


def hold_by_hand_against_lookup(
    now: datetime, flights: list[Flight], served: dict[str, dict[str, Any]], database: duckdb.DuckDBPyConnection
) -> None:
    """Raises unless what mistakes.py computes by hand is what the lookup served, once its mistake is taken out.

    So it is the mistake that makes the difference: 7 days are counted, and the copy is of this publication, made `now`.
    """
    copy = WeeklyCopy(lambda: now)
    copy.copy(SERVED)
    of_carrier, of_route = (
        late_share(database, keys, f"{now:%Y-%m-%dT%H:%M:%SZ}", days=7) for keys in ("carrier", "origin, dest")
    )
    for flight in flights:
        by_hand = copy.features(flight.request, flight.requested_at)
        counted = {
            "carrier_late_share_7d": of_carrier.get((flight.carrier,)),
            "route_late_share_7d": of_route.get((flight.origin, flight.dest)),
        }
        for name, value in served[flight.flight_id]["features"].items():
            if not same_bits(value, by_hand[name]) or not same_bits(value, counted.get(name, value)):
                raise AssertionError(
                    f"{flight.flight_id}: {name} was served as {value}, and by hand is {by_hand[name]}, {counted}"
                )


def serve_and_score(flights: list[Flight], is_built: bool) -> tuple[dict, dict]:
    """Builds, unless that was done, and scores each flight when it is asked about, by every prediction service.

    The models, and what was answered by service and flight.
    """
    shutil.rmtree(SERVED, ignore_errors=True)
    SERVED.mkdir()
    clock, pool = SettableClock(), urllib3.PoolManager(maxsize=8, timeout=30, retries=False)
    weekly = WeeklyCopy(clock)
    scored: dict[str, dict[str, dict[str, Any]]] = {}
    with ExitStack() as running:
        for number, now in enumerate(BUILDS):
            if not is_built:
                build(now)
            if not is_built and number == 0:
                shutil.copy(TRAINING, KEPT / "trained_on.parquet")
            clock.now = now
            sequence_number = ship(now)
            if number == 0:
                models = write_models(flights)
                app = create_shim(SERVED, now=clock)
                running.callback(app.extensions["asof"].folder.stop)
                shim = running.enter_context(serving(app))
                database = running.enter_context(flights_table(HERE / ".demo" / "flights.duckdb"))
                look_up = features_of(shim, models[RIGHT])
                services = {
                    RIGHT: (models[RIGHT], look_up),
                    WINDOW: (models[RIGHT], other_window(look_up, database)),
                    FILL: (models[RIGHT], other_fill(look_up)),
                    STALE: (models[RIGHT], weekly.look_up),
                    FUTURE: (models[FUTURE], look_up),
                }
                urls = {name: running.enter_context(serving(create_app(*made))) for name, made in services.items()}
                scored = {name: {} for name in services}
            if number % (7 * len(HOURS)) == 0:
                weekly.copy(SERVED)
            wait_for(pool, shim, sequence_number)
            due = sorted(
                (
                    flight
                    for flight in flights
                    if now < flight.requested_at <= now + MAX_AGE and flight.tailnum != "none"
                ),
                key=attrgetter("requested_at", "flight_id"),
            )
            for requested_at, batch in groupby(due, key=attrgetter("requested_at")):
                clock.now, requested = requested_at, list(batch)
                body = {"flights": [flight.request for flight in requested]}
                for name, url in urls.items():
                    response = pool.request("POST", f"{url}/predict", json=body)
                    answer = response.json()
                    if response.status != 200:
                        sys.exit(f"{name}: {answer}")
                    for flight, row in zip(requested, answer.pop("rows"), strict=True):
                        scored[name][flight.flight_id] = answer | row
            hold_by_hand_against_lookup(now, due, scored[RIGHT], database)
            print(f"  {now:%Y-%m-%d %H:%M}: publication {sequence_number} scored {len(due)} flights", flush=True)
    return models, scored


class Outcome:
    """What a prediction service was evaluated on and what it served, as arrays over the same flights."""

    def __init__(
        self, model: DelayModel, evaluated: dict[str, dict[str, Any]], served: dict[str, dict[str, Any]]
    ) -> None:
        """By flight: its row in the offline evaluation, and what the service answered."""
        self.evaluated = np.array([model.score(evaluated[flight_id]) for flight_id in served])
        self.served = np.array([row["score"] for row in served.values()])
        self.has_other_features = np.array(
            [
                any(not same_bits(evaluated[flight_id][name], value) for name, value in row["features"].items())
                for flight_id, row in served.items()
            ]
        )


def served_what_training_says(served: dict[str, dict[str, Any]], trained: dict[str, dict[str, Any]]) -> bool:
    """Whether each answer equals its training row: features, status, publication, prediction time. Shows others."""
    wrong = 0
    for flight_id, answer in served.items():
        expected, names = trained[flight_id], ("status", "sequence_number")
        given = answer["features"] | {name: answer[name] for name in names}
        given["prediction_time"] = datetime.fromisoformat(answer["prediction_time"])
        for name, value in given.items():
            if not same_bits(expected[name], value):
                wrong += 1
                print(f"  DIFFERENT: {flight_id}: {name} was {value!r}, but is {expected[name]!r} in training")
    return not wrong


def auc_by_week(is_late: np.ndarray, scores: np.ndarray, week: np.ndarray) -> list[float]:
    return [float(roc_auc_score(is_late[week == each], scores[week == each])) for each in range(WEEKS)]


def gap_interval(is_late: np.ndarray, outcome: Outcome, day: np.ndarray) -> tuple[float, float]:
    """AUC as evaluated less as served, over all weeks: what 95% of 500 redraws of the days (a fixed seed) give."""
    draw = np.random.default_rng(2013)
    of_day = [np.flatnonzero(day == each) for each in np.unique(day)]
    gaps = []
    for _ in range(500):
        rows = np.concatenate([of_day[each] for each in draw.integers(len(of_day), size=len(of_day))])
        late = is_late[rows]
        gaps.append(roc_auc_score(late, outcome.evaluated[rows]) - roc_auc_score(late, outcome.served[rows]))
    low, high = np.percentile(gaps, [2.5, 97.5])
    return float(low), float(high)


def table(header: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table; fractions with three digits."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    shown = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in shown)


def write_page(tables: str) -> None:
    """Puts the tables into the page, in place of those that stand between its two comments."""
    before, begin, rest = PAGE.read_text().partition("<!-- measured -->\n")
    _, end, after = rest.partition("<!-- /measured -->\n")
    if not end:
        sys.exit(f"{PAGE} lost the comments between which the tables stand")
    PAGE.write_text(f"{before}{begin}\n{tables}\n\n{end}{after}")


def draw(weekly: dict[str, tuple[list[float], list[float]]], overall: dict[str, tuple[float, float]]) -> None:
    """A panel per prediction service: AUC by week, as evaluated and served. In colours for light and dark pages."""
    grey, blue, red = "#808080", "#3b82c4", "#d9622b"
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "asof", "font.size": 9, "text.color": grey}
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    weeks = range(1, WEEKS + 1)
    for axis, (name, (evaluated, served)) in zip(axes.flat, weekly.items(), strict=False):
        axis.fill_between(weeks, evaluated, served, color=red, alpha=0.2, linewidth=0)
        lines = axis.plot(weeks, evaluated, "--o", weeks, served, "-o", linewidth=1.5, markersize=3)
        for line, color in zip(lines, (blue, red), strict=True):
            line.set_color(color)
        axis.set_title(f"{name}\n{overall[name][0]:.3f} evaluated, {overall[name][1]:.3f} served", fontsize=9)
        axis.tick_params(colors=grey, labelbottom=True)
        axis.set_xticks(weeks)
        axis.set_xlabel("week", color=grey)
        axis.grid(color=grey, alpha=0.25, linewidth=0.5)
        axis.spines[:].set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("AUC", color=grey)
    axes.flat[-1].set_axis_off()
    axes.flat[-1].legend(lines, ["as evaluated", "as served"], loc="center", frameon=False)
    figure.savefig(PLOT, transparent=True, metadata={"Date": None, "Creator": None})


def report(flights: list[Flight], models: dict[str, DelayModel], scored: dict[str, dict[str, dict[str, Any]]]) -> bool:
    """Compares what was served with training rows, writes tables and plot; whether all is as it must be."""
    trained = training_rows(list(scored[RIGHT]))
    with flights_table(HERE / ".demo" / "flights.duckdb") as database:
        future = with_the_future(database, known_by=FINAL_BUILD)
    outcomes = {
        name: Outcome(
            models.get(name, models[RIGHT]),
            {flight_id: trained[flight_id] | (future[flight_id] if name == FUTURE else {}) for flight_id in served},
            served,
        )
        for name, served in scored.items()
    }
    right = outcomes[RIGHT]
    is_same = served_what_training_says(scored[RIGHT], trained) and bool((right.evaluated == right.served).all())
    print(
        f"\n{'all' if is_same else 'NOT ALL'} of {len(trained):,} answers equal their training rows, and so do scores"
    )

    requested = {flight.flight_id: flight for flight in flights if flight.flight_id in trained}
    is_late = np.array([requested[flight_id].is_late for flight_id in scored[RIGHT]])
    day = np.array([(requested[flight_id].requested_at - FIRST_DAY).days for flight_id in scored[RIGHT]])
    week = day // 7
    weekly = {
        name: (auc_by_week(is_late, each.evaluated, week), auc_by_week(is_late, each.served, week))
        for name, each in outcomes.items()
    }
    overall = {
        name: (float(roc_auc_score(is_late, each.evaluated)), float(roc_auc_score(is_late, each.served)))
        for name, each in outcomes.items()
    }
    summary = []
    for name, each in outcomes.items():
        moved = np.abs(each.evaluated - each.served)
        other = f"{each.has_other_features.sum():,} of {len(day):,}"
        evaluated, served = overall[name]
        if moved.any():
            low, high = gap_interval(is_late, each, day)
            gap = f"{evaluated - served:+.3f} ({low:+.3f} to {high:+.3f})"
        else:
            gap = "0"
        summary.append([name, evaluated, served, gap, other, float(moved.mean()), float(each.served.mean())])
    by_week = [
        [
            f"{FIRST_DAY + timedelta(days=7 * number):%d %B}",
            f"{(week == number).sum():,}",
            float(is_late[week == number].mean()),
            weekly[RIGHT][0][number],
            *(weekly[name][1][number] for name in (RIGHT, WINDOW, FILL, STALE)),
            *(weekly[FUTURE][part][number] for part in (0, 1)),
        ]
        for number in range(WEEKS)
    ]
    tables = "\n\n".join(
        [
            table(
                [
                    "",
                    "AUC as evaluated",
                    "as served",
                    "gap (95%)",
                    "rows with other features",
                    "score moved by",
                    "mean score",
                ],
                summary,
            ),
            f"By week ({is_late.mean():.3f} of all flights were late); as served, where nothing else is said:",
            table(
                [
                    "week from",
                    "flights",
                    "late",
                    "as evaluated",
                    RIGHT,
                    WINDOW,
                    FILL,
                    STALE,
                    f"{FUTURE}, as evaluated",
                    "as served",
                ],
                by_week,
            ),
        ]
    )
    unharmed = [name for name, each in outcomes.items() if name != RIGHT and not each.has_other_features.any()]
    for name in unharmed:
        print(f"{name}: the mistake was not made, every feature is as it was evaluated")
    print(f"\n{tables}")
    write_page(tables)
    draw(weekly, overall)
    return is_same and not unharmed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="score again what was built last time")
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request, otherwise
    started = time.monotonic()
    flights = read_flights()
    if not options.again:
        make_history()
        KEPT.mkdir()
    models, scored = serve_and_score(flights, is_built=options.again)
    if not options.again:
        build(FINAL_BUILD)
    is_same = report(flights, models, scored)
    print(f"\n{time.monotonic() - started:.0f} s")
    if not is_same:
        sys.exit("what was served is not what training says; what differs stands above")


if __name__ == "__main__":
    main()
