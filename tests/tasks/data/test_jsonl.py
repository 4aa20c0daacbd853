import gzip
import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import DataError
from tasks.data.jsonl import Jsonl, parsed

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus"
SECRET = "the lamp was lit before the bells"
DOCUMENT = {
    "doc_id": "arxiv:1",
    "domain": "arxiv",
    "kind": "abstract",
    "title": "Lamps",
    "author": ["Marta Quill"],
    "license": None,
    "date": "2019",
    "source": "here",
    "group": "arxiv-month:2019-01",
    "text": SECRET,
    "categories": ["cs.SE"],
}


def line(**changes):
    return json.dumps(DOCUMENT | changes).encode() + b"\n"


def without(field):
    return json.dumps({key: DOCUMENT[key] for key in DOCUMENT if key != field}).encode()


def read(folder, **knobs):
    source = Jsonl(path=folder, **knobs).resolved()
    return [document for domain in source.domains for document in source.documents(domain)]


def refusal(folder, **knobs):
    with pytest.raises(DataError) as refused:
        read(folder, **knobs)
    message = str(refused.value)
    assert SECRET not in message
    assert "\n" not in message
    return message


def test_files_of_a_domain_are_read_in_the_order_of_their_names(tmp_path):
    (tmp_path / "arxiv-2.jsonl").write_bytes(line(doc_id="b"))
    (tmp_path / "arxiv-1.jsonl.gz").write_bytes(gzip.compress(line(doc_id="c") + line(doc_id="a")))
    (tmp_path / "books.part1.jsonl").write_bytes(line(doc_id="d", domain="books"))
    (tmp_path / "README.md").write_text("not read")
    assert Jsonl(path=tmp_path).resolved().domains == ("arxiv", "books")
    assert [document.doc_id for document in read(tmp_path)] == ["c", "a", "b", "d"]


def test_a_source_spells_out_its_path_and_domains(tmp_path, monkeypatch):
    (tmp_path / "arxiv.jsonl").write_bytes(line())
    monkeypatch.chdir(tmp_path)
    resolved = Jsonl(path=Path()).resolved()
    assert resolved == Jsonl(path=tmp_path, domains=("arxiv",))


def test_the_manifest_changes_with_the_bytes_of_the_domain_alone(tmp_path):
    (tmp_path / "arxiv.jsonl").write_bytes(line())
    (tmp_path / "books.jsonl").write_bytes(line(domain="books"))
    before = Jsonl(path=tmp_path).manifest("arxiv")
    (tmp_path / "books.jsonl").write_bytes(line(domain="books", title="Bells"))
    assert Jsonl(path=tmp_path).manifest("arxiv") == before
    (tmp_path / "arxiv.jsonl").write_bytes(line(title="Bells"))
    assert Jsonl(path=tmp_path).manifest("arxiv") != before


@pytest.mark.parametrize(
    ("second", "rule"),
    [
        (b"{not json}\n", "line 2: not JSON"),
        (b"[1, 2]\n", "line 2: Input should be an object"),
        (b"\n", "line 2: not JSON"),
        (b"[" * 100_000, "line 2: not JSON"),
        (line(text="\ud800"), "line 2: not JSON"),
        (without("group"), "line 2: the field 'group' is missing"),
        (line(author="Marta Quill"), "line 2: the field 'author'"),
        (line(author=["Marta Quill", 7]), "line 2: the field 'author.1'"),
        (line(text=7), "line 2: the field 'text': Input should be a valid string"),
        (line(doc_id=""), "line 2: the field 'doc_id'"),
        (line(doc_id="arxiv:../../etc"), "line 2: the field 'doc_id': holds ../"),
        (line(doc_id="a\nb"), "line 2: the field 'doc_id': holds ../ or a control character"),
        (line(text=f"{SECRET}\0"), "line 2: the field 'text': holds a NUL character"),
        (line(author=["\0"]), "line 2: the field 'author': holds a NUL character"),
        (line(doc_id="x", domain="books"), "line 2: the domain is 'books' in a file of 'arxiv'"),
        (line(), "line 2: the doc_id 'arxiv:1' was there before"),
        (line(title="\xe9").replace(b"\\u00e9", b"\xe9"), "line 2: not UTF-8 at byte"),
        (line()[:60], "line 2: not JSON"),
    ],
)
@pytest.mark.parametrize("name", ["arxiv.jsonl", "arxiv.jsonl.gz"])
def test_a_bad_line_is_refused_with_its_number(tmp_path, name, second, rule):
    content = line() + second
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    message = refusal(tmp_path)
    assert message.startswith(str(tmp_path / name))
    assert rule in message


PACKED = gzip.compress(line(), mtime=0)  # the time would be in the name of a test


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (PACKED[:-20], "truncated after line"),
        (PACKED[:5], "truncated after line 0"),
        (line(), "not a gzip file"),
        (b"", "the file is empty"),
        (PACKED[:-8] + b"\0" * 8, "damaged after line 1"),
        (PACKED[:12] + b"\xff" * 90, "damaged after line 0"),
        (PACKED + b"tail", "damaged after line 1"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, content, rule):
    (tmp_path / "arxiv.jsonl.gz").write_bytes(content)
    assert rule in refusal(tmp_path)


def test_a_symbolic_link_out_of_the_folder_is_refused(tmp_path):
    outside, inside = tmp_path / "outside.jsonl", tmp_path / "corpus"
    outside.write_bytes(line())
    inside.mkdir()
    (inside / "arxiv.jsonl").symlink_to(outside)
    assert "a symbolic link out of the folder" in refusal(inside)


def test_what_is_no_regular_file_is_refused(tmp_path):
    (tmp_path / "arxiv.jsonl").mkdir()
    assert "not a regular file" in refusal(tmp_path)


def test_a_decompression_bomb_costs_one_line_of_memory(tmp_path):
    # 200 MB of zeros in 200 kB.
    (tmp_path / "arxiv.jsonl.gz").write_bytes(gzip.compress(bytes(200_000_000), 9))
    assert "longer than 1000000 bytes" in refusal(tmp_path, max_line_bytes=1_000_000)


def test_a_domain_is_decompressed_up_to_its_limit(tmp_path):
    lines = b"".join(line(doc_id=str(number)) for number in range(20))
    (tmp_path / "arxiv.jsonl.gz").write_bytes(gzip.compress(lines))
    assert "larger than 2000 bytes" in refusal(tmp_path, max_domain_bytes=2000)


def test_a_line_of_fifty_megabytes_is_one_document(tmp_path):
    (tmp_path / "arxiv.jsonl").write_bytes(line(text="a" * 50_000_000))
    start = time.perf_counter()
    (document,) = read(tmp_path)
    assert len(document.text) == 50_000_000
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("folder", "domains", "rule"),
    [
        ("missing", (), "is not a folder"),
        (".", ("arxive",), "did you mean 'arxiv'?"),
        ("empty", (), "holds no *.jsonl"),
        ("odd", (), "letters, digits and _ alone"),
    ],
)
def test_a_wrong_place_is_refused_before_reading(tmp_path, folder, domains, rule):
    (tmp_path / "arxiv.jsonl").write_bytes(line())
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "a b.jsonl").write_bytes(line())
    assert rule in refusal(tmp_path / folder, domains=domains)


@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*DOCUMENT]), inner),
    ).map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({field: st.text() | st.integers() for field in DOCUMENT}).map(
        lambda value: json.dumps(value).encode()
    )
)
@settings(max_examples=300)
def test_whatever_the_bytes_are_the_answer_is_a_document_or_a_data_error(line):
    with suppress(DataError):
        parsed(line, "here line 1", "arxiv").text.encode()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the real corpus is not beside the repository")
def test_the_real_corpus_is_read_whole_in_seconds():
    # About 1.2 seconds on one idle core.
    start = time.perf_counter()
    source = Jsonl(path=CORPUS).resolved()
    counts = {domain: sum(1 for _ in source.documents(domain)) for domain in source.domains}
    assert counts == {"arxiv": 28_130, "books": 5_408, "github": 2_279}
    assert time.perf_counter() - start < 30
