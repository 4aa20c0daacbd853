"""Downstream tasks as one table, for a terminal and for a page that renders Markdown."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.core.event import Role
from tasks.pages.words import between, share

ROLES: tuple[Role, ...] = ("target", "unlearned", "retrained")
NOTHING = "-"


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A row a task and metric: the models, what guessing gives, and what unlearning changed."""
    roles = [role for role in ROLES if role in rows[0]["scores"]]
    others = [role for role in roles if role != "unlearned"]
    head = ["task", "items", "chance", *roles, *(f"unlearned less {role}" for role in others)]
    lines = [_cells(row, roles, others) for row in rows]
    table = [head, ["---", *["--:"] * (len(head) - 1)], *lines]
    return "\n".join([*(f"| {' | '.join(cells)} |" for cells in _aligned(table)), *_notes(rows)])


def _cells(row: Mapping[str, Any], roles: Sequence[Role], others: Sequence[Role]) -> list[str]:
    shots = f", {row['shots']} examples" if row["shots"] else ""
    return [
        f"{row['task']} ({row['metric']}{shots})",
        f"{row['items']:,}",
        NOTHING if math.isnan(row["chance"]) else share(row["chance"]),
        *(_figure(row["scores"][role], "") for role in roles),
        *(_figure(row["changes"][role], "+") for role in others),
    ]


def _figure(one: Mapping[str, float], sign: str) -> str:
    def written(value: float | None) -> str:
        assert value is not None
        return f"{value:{sign}.3f}"

    if not math.isfinite(one["mean"]):
        return NOTHING
    ends = between(one, written)
    return f"{written(one['mean'])} ({ends})" if ends else written(one["mean"])


def _notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    dull = [f"{row['task']} ({row['metric']})" for row in rows if not row["tells"]]
    if not dull:
        return []
    return ["", f"Says nothing here, for the target is no better than guessing: {', '.join(dull)}."]


def _aligned(table: Sequence[Sequence[str]]) -> list[list[str]]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        [
            cell.ljust(width, "-" if cell == "---" else " ") if at == 0 else _right(cell, width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in table
    ]


def _right(cell: str, width: int) -> str:
    return f"{'-' * (width - 1)}:" if cell == "--:" else cell.rjust(width)
