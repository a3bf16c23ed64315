"""The table and the picture of `make bench-serve`, as docs/benchmarks.md has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs/benchmarks.md"
BEGIN, END = "<!-- measured by make bench-serve -->\n", "<!-- end -->\n"
COLORS = {"bare": "#2a6f97", "feast-sqlite": "#e07a1f", "feast-redis": "#b23a48"}
TITLES = {"bare": "bare Flask", "feast-sqlite": "Feast, SQLite", "feast-redis": "Feast, Redis"}


def markdown(table: list[dict[str, Any]]) -> str:
    """The medians of each setting: a row as `throughput` makes it."""
    others = [what for what in TITLES if what in table[0]]
    heads = ["service", "keys", "connections", "shim, per second", "p50 / p99, ms"]
    for what in others:
        heads.append(f"{TITLES[what]}, per second")
        heads += ["share of it"] if what == "bare" else ["p50 / p99, ms", "times it"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in table:
        shim = row["shim"]
        cells = [row["service"], row["keys"], row["connections"], _rate(shim), _latency(shim)]
        for what in others:
            cells.append(_rate(row[what]))
            cells += [_share(row[what])] if what == "bare" else [_latency(row[what]), _times(row[what])]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, ""])


def _rate(one: dict[str, float]) -> str:
    return f"{one['per_second']:,.0f}"


def _latency(one: dict[str, float]) -> str:
    return f"{one['p50']:.1f} / {one['p99']:.1f}"


def _share(one: dict[str, float]) -> str:
    return f"{one['times']:.0%}"


def _times(one: dict[str, float]) -> str:
    return f"{one['times']:.1f}"


def chart(table: list[dict[str, Any]]) -> str:
    """The ratios as an SVG: the share of bare Flask on the left, the times of Feast's on the right."""
    feasts = [what for what in TITLES if what in table[0] and what != "bare"]
    step = 26 if len(feasts) < 2 else 34
    width, height = 900, 66 + step * len(table)
    most = max((row[what]["times"] for row in table for what in feasts), default=1)
    largest = max(row["bare"]["times"] for row in table)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        ' font-size="12" fill="#222">',
        "<title>Requests per second of the shim, beside bare Flask and Feast</title>",
        f'<rect width="{width}" height="{height}" rx="6" fill="#fff"/>',  # its own ground, for dark pages
        '<text x="12" y="24" font-weight="bold">Requests per second, one worker each</text>',
        '<text x="210" y="48">as a share of bare Flask on the same server</text>',
    ]
    if feasts:
        lines.append('<text x="560" y="48">times those of</text>')
    for at, what in enumerate(feasts):
        x = 646 + 110 * at
        lines.append(
            f'<rect x="{x}" y="38" width="11" height="11" fill="{COLORS[what]}"/>'
            f'<text x="{x + 16}" y="48">{TITLES[what]}</text>'
        )
    for number, row in enumerate(table):
        top = 60 + step * number
        middle = top + step / 2 + 1
        plural = [f"{row[each]} {each[:-1] if row[each] == 1 else each}" for each in ("keys", "connections")]
        share = row["bare"]["times"]
        lines.append(
            f'<text x="12" y="{middle:.0f}">{row["service"]}, {", ".join(plural)}</text>'
            + _bar(210, middle - 13, 18, 260 * share / max(1, largest), COLORS["bare"], f"{share:.0%}")
        )
        for at, what in enumerate(feasts):
            times = row[what]["times"]
            y = middle - 4 - 14 * len(feasts) / 2 + 14 * at
            lines.append(_bar(560, y, 12, 270 * times / most, COLORS[what], f"{times:.1f}"))
    return "\n".join([*lines, "</svg>", ""])


def _bar(x: float, y: float, height: float, width: float, color: str, reported: str) -> str:
    return (
        f'<rect x="{x}" y="{y:.0f}" width="{width:.0f}" height="{height}" fill="{color}"/>'
        f'<text x="{x + width + 6:.0f}" y="{y + height / 2 + 4:.0f}">{reported}</text>'
    )


def write(reported: str, table: list[dict[str, Any]]) -> None:
    """Puts the table, and what is told below it, between the markers of docs/benchmarks.md, and the picture beside."""
    page = PAGE.read_text()
    pattern = re.compile(f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{PAGE}: the lines {BEGIN.strip()} and {END.strip()} are not there: nothing was written")
    PAGE.write_text(pattern.sub(lambda _: f"\n{markdown(table)}\n{reported}\n", page))
    PAGE.with_suffix(".svg").write_text(chart(table))
