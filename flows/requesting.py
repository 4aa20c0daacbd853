"""From what an officer types to a request in the ledger, and from the ledger to what is shown.

Passages are shown by their digest; no error quotes what somebody asks to be forgotten.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from tasks.core.errors import ConfigError
from tasks.core.variants import nearest
from tasks.requests.deletion import Deletion, Draft, moment, valid
from tasks.requests.plan import SHOWN, escaped
from tasks.requests.request import LISTS, Request

ASSIGNMENT = re.compile(r"([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
MAX_BYTES = 64 * 2**20
COLUMNS = ("id", "status", "due", "left", "ground", "selects", "models")

Selectors = dict[str, Any]


def drafted(
    selectors: Sequence[str],
    asked_by: str,
    ground: str,
    received: str,
    due: str,
    models: Sequence[str],
    now: datetime,
) -> Draft:
    """The request that the arguments of ``lethe request add`` describe.

    Raises:
        ConfigError: a file cannot be read, or a field breaks its rule.
    """
    values: dict[str, Any] = {
        "asked_by": asked_by,
        "ground": ground,
        "received": moment(received) if received else now,
        "request": selected(selectors),
    }
    values |= {"due": moment(due, last=True)} if due else {}
    values |= {"models": tuple(models)} if models else {}
    return valid(Draft, values)


def selected(arguments: Sequence[str]) -> Request:
    """What ``KEY=VALUE`` and files of the same keys select together.

    Raises:
        ConfigError: a file cannot be read, or a key is unknown, given twice, or not of its form.
    """
    found: Selectors = {}
    for argument in arguments:
        match = ASSIGNMENT.fullmatch(argument)
        given = [(match[1], _yaml(match[2], match[1]))] if match else _file(Path(argument))
        for key, value in given:
            _refuse_key(key, value, found)
            found[key] = value
    return valid(Request, found)


def told(deletion: Deletion, now: datetime) -> dict[str, Any]:
    """A request as JSON, with its passages as digests."""
    return deletion.redacted().model_dump(mode="json") | _standing(deletion, now)


def summary(deletion: Deletion, now: datetime) -> dict[str, Any]:
    """A request in a list: how much it selects, not what."""
    kept = {"id", "status", "ground", "received", "due", "models", "run"}
    row = deletion.model_dump(mode="json", include=kept)
    return row | {"selects": _counts(deletion.request)} | _standing(deletion, now)


def as_line(row: Mapping[str, Any]) -> str:
    """``summary`` as one line."""
    return f"{row['id']} is {row['status']}, due {row['due'][:10]} ({_left(row)})"


def as_table(result: Mapping[str, Any]) -> str:
    """Summaries under their headings, in columns as wide as they need."""
    if not result["requests"]:
        return "no requests"
    rows = [COLUMNS, *map(_cells, result["requests"])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_page(row: Mapping[str, Any]) -> str:
    """``told`` for a terminal: long lists are cut, every string is escaped."""
    selects = {key: value for key, value in row["request"].items() if value}
    lines = [
        as_line(row),
        f"ground    {row['ground']}",
        f"asked by  {row['asked_by']}",
        f"received  {row['received']}",
        f"models    {', '.join(row['models'])}",
        *(f"run       {run}" for run in [row["run"]] if run),
        "selects" if selects else "selects   nothing any more: it was forgotten",
        *(line for key, value in selects.items() for line in _listed(key, value)),
        "moves",
        *(
            f"  {move['at'][:19]}Z  {move['status']} by {move['by']}"
            + (f": {move['note']}" if move["note"] else "")
            for move in row["moves"]
        ),
        *(f"answered  {one['model']} {one['version']}, {one['event']}" for one in row["events"]),
    ]
    return "\n".join(map(escaped, lines))


def _listed(key: str, value: str | list[str]) -> list[str]:
    entries = [value] if isinstance(value, str) else value
    more = [f"    and {len(entries) - SHOWN:,} more"] if len(entries) > SHOWN else []
    shown = [entry if len(entry) <= 200 else f"{entry[:197]}..." for entry in entries[:SHOWN]]
    return [f"  {key}", *(f"    {entry}" for entry in shown), *more]


def _standing(deletion: Deletion, now: datetime) -> dict[str, Any]:
    return {
        "open": deletion.open,
        "overdue": deletion.overdue(now),
        "days_left": deletion.days_left(now),
    }


def _counts(request: Request) -> dict[str, int]:
    counts = {name: len(getattr(request, name)) for name in LISTS}
    counts |= {"dates": int(request.dated)}
    return {name: count for name, count in counts.items() if count}


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    selects = ", ".join(f"{count:,} {name}" for name, count in row["selects"].items())
    due = row["due"][:10]
    return (row["id"], row["status"], due, _left(row), row["ground"], selects or "-",
            ", ".join(row["models"]))  # fmt: skip


def _left(row: Mapping[str, Any]) -> str:
    days = row["days_left"]
    if not row["open"]:
        return "closed"
    return f"OVERDUE by {-days} days" if row["overdue"] else f"{days} days left"


def _refuse_key(key: str, value: Any, found: Selectors) -> None:
    if key not in Request.model_fields:
        known = nearest(key, Request.model_fields)
        raise ConfigError(f"{escaped(key)[:80]}: there is no such selector{known}")
    if key in found:
        raise ConfigError(f"{key}: given twice, of which one would be lost; give one list")
    if key in LISTS and not isinstance(value, list):
        raise ConfigError(f"{key}: not a list; write {key}='[...]'")


def _file(path: Path) -> Iterable[tuple[str, Any]]:
    """The keys and values of a YAML or JSON file, a key as often as it is there."""
    shown = escaped(str(path))
    try:
        if not path.is_file():
            raise ConfigError(f"{shown}: neither KEY=VALUE nor a file; see --help for the keys")
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{shown}: more than {MAX_BYTES:,} bytes; split the request")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        why = type(error).__name__
        raise ConfigError(f"{shown}: cannot be read ({why}); name a UTF-8 file") from None
    if path.suffix == ".json":
        return _json(text, shown)
    return _pairs(text, shown)


def _json(text: str, shown: str) -> Iterable[tuple[str, Any]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise ConfigError(f"{shown}: not JSON, at line {line}") from None
    if not text.lstrip().startswith("{"):
        raise ConfigError(f"{shown}: not an object; see lethe request add --help for its keys")
    return list(pairs)


def _pairs(text: str, shown: str) -> Iterable[tuple[str, Any]]:
    node = _parsed(text, shown, yaml.compose)
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{shown}: not a mapping; see lethe request add --help for its keys")
    loader = yaml.constructor.BaseConstructor()
    return [
        (str(key.value), loader.construct_object(value, deep=True)) for key, value in node.value
    ]


def _yaml(text: str, shown: str) -> Any:
    return _parsed(text, shown, yaml.load)


def _parsed(text: str, shown: str, parse: Any) -> Any:
    """Scalars as they are written: 2402.10000 is an id, not a number that ends in 1."""
    try:
        return parse(text, Loader=yaml.CBaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", at line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{shown}: not YAML{where}; quote what holds special characters, or give it as JSON"
        ) from None
