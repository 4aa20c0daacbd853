"""A table as Markdown, numbers at three digits."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd


def markdown(rows: pd.DataFrame, columns: Mapping[str, str]) -> str:
    """Some columns of ``rows``, by their titles, as one Markdown table."""
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + " --- |" * len(columns)]
    for row in rows.to_dict("records"):
        lines.append("| " + " | ".join(_shown(row[name]) for name in columns) + " |")
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "pass" if value else "fail"
        case float():
            return "-" if math.isnan(value) else f"{value:.3g}"
        case _:
            return str(value)
