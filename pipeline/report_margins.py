"""The report's margins: what each axis tolerates, in words and as a bar, beside another gate's."""

from collections.abc import Iterator
from typing import Any

from pipeline import report_plots, report_words
from pipeline.config_gate import UNITS

Row = dict[str, Any]


def margins(gate: Row, other: Row | None) -> list[Row]:
    """Each margin with its words, its place between nominal and limit, and the other gate's.

    Args:
        gate: Contents of gate.json.
        other: That of the gate it is compared with.
    """
    theirs = {(row["axis"], row["limit"]): row for row in (other or {}).get("margins", [])}
    return [_margin(row, theirs.get((row["axis"], row["limit"]))) for row in gate["margins"]]


def _margin(row: Row, theirs: Row | None) -> Row:
    title, meaning = report_words.axis_words(row["axis"])
    return {
        **row,
        "title": title,
        "meaning": meaning,
        "words": tolerates(row),
        "use": share(row, row["value"]),
        "against": tolerates(theirs) if theirs else "",
        "against_use": share(row, theirs["value"]) if theirs else None,
    }


def tolerates(row: Row) -> str:
    """A margin in words: `down to 0.31`, `up to 46 ms`, `at least 1.5`."""
    value = _short(row["value"], row["unit"])
    if row["value"] == row["nominal"]:
        return f"nothing found: {_short(row['fails_at'], row['unit'])} is too much"
    down = row["limit"] < row["nominal"]
    more = " or less" if down else " or more"
    return f"{value}{more}" if row["beyond_limit"] else f"{'down' if down else 'up'} to {value}"


def _short(value: float, unit: str) -> str:
    """Three digits: a bisection's own are many, and mean nothing."""
    return report_words.brief(float(f"{value:.3g}"), unit)


def share(row: Row, value: float) -> float:
    """How far a value lies from nominal to the end of the search: 0 to 1."""
    way = (value - row["nominal"]) / (row["limit"] - row["nominal"])
    return min(max(way, 0.0), 1.0)


def curves(gate: Row) -> Iterator[Row]:
    """Survival along each axis whose margins were searched: all values tried, swept ones too."""
    by_axis: dict[str, list[Row]] = {}
    for row in gate["margins"]:
        by_axis.setdefault(row["axis"], []).append(row)
    for axis, rows in by_axis.items():
        points = [found for row in rows for found in row["tried"]]
        points += [row for row in gate["sweeps"] if row["axis"] == axis]
        title, meaning = report_words.axis_words(axis)
        yield {
            "title": title,
            "meaning": meaning,
            "chart": report_plots.curve_chart(
                f"Survival along {title.lower()}",
                sorted(
                    (p["value"], p["survival"], p["survival_low"], p["survival_high"])
                    for p in points
                ),
                rows[0]["nominal"],
                [row["value"] for row in rows],
                rows[0]["unit"],
            ),
        }


def regressions(gate: Row) -> list[Row]:
    """Each value that the baseline stood as this policy stood it, lost ones first."""
    rows = [
        {
            **row,
            "title": report_words.axis_words(row["axis"])[0],
            "words": _short(row["value"], row["unit"]),
        }
        for row in gate["regressions"]
    ]
    return sorted(rows, key=lambda row: not row["regressed"])


def scenarios(gate: Row, other: Row | None) -> list[Row]:
    """Each named scenario with its conditions in words, and the other gate's survival."""
    theirs = {row["name"]: row for row in (other or {}).get("scenarios", [])}

    def against(row: Row) -> float | None:
        same = theirs.get(row["name"])
        return same["survival"] if same and same["conditions"] == row["conditions"] else None

    return [
        {**row, "words": conditions(row["conditions"]), "against": against(row)}
        for row in gate["scenarios"]
    ]


def conditions(given: Row) -> str:
    """Conditions in words."""
    return ", ".join(
        f"{report_words.axis_words(axis)[0].lower()} {report_words.brief(value, UNITS[axis])}"
        for axis, value in given.items()
    )


def worst(gate: Row) -> str:
    """Which episode is shown, in words."""
    row = gate["worst"]
    where = row["scenario"].replace("_", " ")
    if row["value"] is not None:
        where = report_words.axis_words(row["scenario"])[0].lower()
        where += f" {report_words.brief(row['value'], UNITS.get(row['scenario'], ''))}"
    end = (
        f"falls after {row['fell_at_s']:.1f} s"
        if row["fell_at_s"] is not None
        else f"stands, {report_words.number(row['planar_error'], 'm/s')} off its command"
    )
    return f"{where}, episode {row['number']} of seed {gate['seed']}: {end}"
