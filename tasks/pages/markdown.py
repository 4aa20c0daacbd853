"""Tables in Markdown, and figures with their intervals as words."""

import math
from collections.abc import Sequence


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """One table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def figure(value: float) -> str:
    """Three digits; a dash where it is not known, "never" for a number of steps without end."""
    if math.isinf(value):
        return "never" if value > 0 else "-never"
    return "-" if math.isnan(value) else f"{value:.3g}"


def spread(value: float, low: float, high: float) -> str:
    """A figure with its interval."""
    return f"{figure(value)} ({figure(low)} to {figure(high)})"
