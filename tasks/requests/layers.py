"""What a file holds, packed or not: Parquet by column, gzip, zstandard, zlib, zip, SQLite."""

import gzip
import io
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq

DEEPEST = 4
"""Packings within packings that are opened."""
SAFETENSORS = ".safetensors"
OPENED = b"\1\1"


def layers(name: str, content: bytes, depth: int = 0) -> Iterator[bytes]:
    """``content`` as it is, and as each of its packings holds it.

    Of safetensors the header alone: tensors are numbers.
    """
    if name.endswith(SAFETENSORS):
        yield content[8 : 8 + int.from_bytes(content[:8], "little")]
        return
    yield content
    for inside in _opened(content) if depth < DEEPEST else ():
        yield from layers("", inside, depth + 1)


def _opened(content: bytes) -> Iterator[bytes]:
    try:
        if content.startswith(b"PAR1"):
            yield from _columns(pq.read_table(io.BytesIO(content)))
        elif content.startswith(b"\x1f\x8b"):
            yield gzip.decompress(content)
        elif content.startswith(b"\x28\xb5\x2f\xfd"):
            yield pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
        elif content.startswith((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
            yield zlib.decompress(content)
        elif content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                yield from map(archive.read, archive.namelist())
        elif content.startswith(b"SQLite format 3\0"):
            yield from _tables(content)
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, sqlite3.Error):
        return  # it only begins like a packing: its bytes were looked at as they are


def _columns(table: pa.Table) -> Iterator[bytes]:
    """The strings of each column, however they are nested, apart by NUL."""
    for column in table.columns:
        for chunk in column.chunks:
            values = chunk
            while pa.types.is_nested(values.type) and not pa.types.is_struct(values.type):
                values = values.flatten()
            if pa.types.is_dictionary(values.type):
                values = values.dictionary
            if not pa.types.is_primitive(values.type):
                texts = (str(value) for value in values.to_pylist() if value is not None)
                yield "\0".join(texts).encode("utf-8", "surrogatepass")


def _tables(content: bytes) -> Iterator[bytes]:
    """The values of each table; a database may spread a long one over pages that are apart."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.text_factory = bytes
        # Bytes 18 and 19 say that a log is beside it, of which the file alone can do without.
        database.deserialize(content[:18] + OPENED + content[20:])
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            quoted = name.decode().replace('"', '""')
            try:
                rows = database.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608
            except sqlite3.Error:
                continue  # a virtual table, whose content is in tables that are not
            for row in rows:
                yield b"\0".join(
                    value if isinstance(value, bytes) else str(value).encode() for value in row
                )
