"""Where a text is in the files of a folder, read by other means than Lethe's own."""

import gzip
import io
import json
import sqlite3
import subprocess
import zlib

import pyarrow as pa
import pyarrow.parquet as pq


def unpacked(path):
    """The bytes of a file and of what is packed in it, read by other means than Lethe's own."""
    content = path.read_bytes()
    yield content
    if content.startswith(b"PAR1"):
        yield str(pq.read_table(io.BytesIO(content)).drop_columns(
            [n for n in ("logp", "hit", "mean", "variance") if n in pq.read_schema(io.BytesIO(content)).names]
        ).to_pylist()).encode()  # fmt: skip
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        yield pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
    if "/.git/objects/" in str(path) and content[:1] == b"x":
        yield zlib.decompress(content)
    if content.startswith(b"SQLite format 3\0"):
        with sqlite3.connect(path) as database:
            yield "\n".join(database.iterdump()).encode()


def holders(root, words):
    """The files below ``root`` that hold one of ``words``."""
    forms = [form.encode() for word in words for form in {word, json.dumps(word)[1:-1]}]
    for pack in root.rglob("*.pack"):
        packed = subprocess.run(
            ["git", "-C", pack.parents[3], "cat-file", "--batch-all-objects", "--batch"],
            capture_output=True, check=True,
        )  # fmt: skip
        (pack.parent / "all").write_bytes(packed.stdout)
    return [
        str(path.relative_to(root))
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and any(form in part for part in [*unpacked(path), str(path).encode()] for form in forms)
    ]
