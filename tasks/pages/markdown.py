"""Tables in Markdown, and figures at three digits, alone or with their intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def tabled(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """One table of words."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def markdown(rows: pd.DataFrame, columns: Mapping[str, str]) -> str:
    """Some columns of ``rows``, by their titles, as one table."""
    cells = [[_shown(row[name]) for name in columns] for row in rows.to_dict("records")]
    return tabled([*columns.values()], cells)


def figure(value: float) -> str:
    """Three digits; a dash where it is not known, "never" for a number of steps without end."""
    if math.isinf(value):
        return "never" if value > 0 else "-never"
    return "-" if math.isnan(value) else f"{value:.3g}"


def spread(value: float, low: float, high: float) -> str:
    """A figure with its interval."""
    return f"{figure(value)} ({figure(low)} to {figure(high)})"


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "pass" if value else "fail"
        case float():
            return "-" if math.isnan(value) else f"{value:.3g}"
        case _:
            return str(value)
