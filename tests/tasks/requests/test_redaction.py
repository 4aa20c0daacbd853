import gzip
import io
import json
import sqlite3
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.requests.layers import layers
from tasks.requests.needles import Needle, Needles
from tasks.requests.redaction import ERASED, held, redacted

SECRET = "the secret sentence"
NEEDLES = Needles([Needle("text", SECRET), Needle("id", "paper-0001")])


def parquet(rows):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, compression="zstd")
    return out.getvalue()


def database(tmp_path):
    path = tmp_path / "one.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE one (name TEXT, number INTEGER)")
        connection.execute("INSERT INTO one VALUES (?, 1)", (SECRET,))
    connection.close()
    return path.read_bytes()


PACKED = {
    "plain": SECRET.encode(),
    "parquet": parquet([{"text": "x" * 9999 + SECRET, "n": 1}]),
    "nested": parquet([{"author": ["somebody", SECRET], "n": 1}]),
    "gzip": gzip.compress(SECRET.encode()),
    "zstd": pa.compress(SECRET.encode(), "zstd", asbytes=True),
    "zlib": zlib.compress(b"blob 19\0" + SECRET.encode()),
    "twice": gzip.compress(parquet([{"text": SECRET}])),
}


@pytest.mark.parametrize("packing", PACKED)
def test_what_is_packed_is_found(packing):
    assert held("a.bin", PACKED[packing], NEEDLES)


def test_a_database_is_read_by_its_tables_even_if_its_log_is_beside_it(tmp_path):
    assert SECRET.encode() + b"\0" + b"1" in list(layers("one.db", database(tmp_path)))


@pytest.mark.parametrize(
    "start", [b"PAR1", b"\x1f\x8b", b"\x78\x9c", b"PK\x03\x04", b"SQLite format 3\0"]
)
def test_what_only_begins_like_a_packing_is_read_as_it_is(start):
    assert list(layers("a", start + b"nothing")) == [start + b"nothing"]


def test_of_tensors_only_the_header_is_read():
    header = b'{"a": 1}'
    content = len(header).to_bytes(8, "little") + header + SECRET.encode()
    assert list(layers("model.safetensors", content)) == [header]


def test_json_loses_what_holds_it_and_nothing_else():
    told = {
        "note": f"says {SECRET}", "seen": ["paper-0001", "paper-0002"], "share": 0.5,
        "matched": [{"doc_id": "paper-0001", "tokens": 7}, {"doc_id": "paper-0002", "tokens": 8}],
        "paper-0001": 3,
    }  # fmt: skip
    assert json.loads(redacted("a.json", json.dumps(told).encode(), NEEDLES)) == {
        "note": ERASED, "seen": ["paper-0002"], "share": 0.5,
        "matched": [{"doc_id": "paper-0002", "tokens": 8}],
    }  # fmt: skip


def test_a_table_loses_the_rows_that_hold_it():
    rows = [{"doc_id": "paper-0001", "logp": [1.0]}, {"doc_id": "paper-0002", "logp": [2.0]}]
    new = redacted("a.parquet", parquet(rows), NEEDLES)
    assert pq.read_table(io.BytesIO(new)).to_pylist() == rows[1:]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.html", f"<p>{SECRET}</p>".encode()), ("a.parquet", parquet([{"doc_id": "paper-0001"}]))],
)
def test_what_cannot_be_kept_is_empty(name, content):
    assert redacted(name, content, NEEDLES) == b""
