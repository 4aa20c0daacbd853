"""A kept file without what is to be erased, and with all else that it holds."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.requests.layers import layers
from tasks.requests.needles import Needles

ERASED = "(erased)"


def held(name: str, content: bytes, needles: Needles) -> bool:
    """Whether the content holds any of it, packed or not."""
    return any(needles.hold(layer) for layer in layers(name, content))


def redacted(name: str, content: bytes, needles: Needles) -> bytes:
    """The file without it; empty where the file cannot be kept.

    JSON loses the entries of lists that hold it, and has ``ERASED`` for other values; Parquet loses
    the rows.
    """
    if name.endswith(".json"):
        new = json.dumps(without(json.loads(content), needles), indent=2).encode()
    elif name.endswith(".parquet"):
        new = _rows(pq.read_table(io.BytesIO(content)), needles)
    else:
        return b""
    return b"" if held(name, new, needles) else new


def without(value: Any, needles: Needles) -> Any:
    """A JSON value without what holds it."""
    if isinstance(value, str):
        return ERASED if value in needles else value
    if isinstance(value, list):
        return [without(item, needles) for item in value if not _holds(item, needles)]
    if isinstance(value, dict):
        return {key: without(item, needles) for key, item in value.items() if key not in needles}
    return value


def _holds(item: Any, needles: Needles) -> bool:
    """Whether an entry of a list is about it: it says so itself, or one of its fields does."""
    said = item.values() if isinstance(item, dict) else [item]
    return any(isinstance(value, str) and value in needles for value in said)


def _rows(table: pa.Table, needles: Needles) -> bytes:
    """The table without the rows that hold it; empty where none is left."""
    texts = [
        name
        for name, kind in zip(table.column_names, table.schema.types, strict=True)
        if not _numeric(kind)
    ]
    rows = table.select(texts).to_pylist()
    kept = [not any(str(value) in needles for value in row.values()) for row in rows]
    if not any(kept):
        return b""
    out = io.BytesIO()
    pq.write_table(table.filter(pa.array(kept)), out, compression="zstd")
    return out.getvalue()


def _numeric(kind: pa.DataType) -> bool:
    while pa.types.is_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_primitive(kind))
