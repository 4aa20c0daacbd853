import json
import math
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks import expectations
from tasks.core.errors import DataError
from tasks.core.event import SPLITS
from tasks.core.record import Record
from tasks.data.curation import DOCUMENTS
from tasks.data.facts import OTHERS
from tasks.metrics.evidence import Evidence, write
from tasks.validate import ExpectationsConfig, knows, validate

CONFIG = ExpectationsConfig()
DOCUMENTS_EACH = 20
TOKENS_EACH = 50
SECRET = "zyzzyva"
"""In every text, so that a search for it finds any text anywhere."""


def text(split, number):
    """Thirty words, none of them in another document but one."""
    return " ".join([SECRET, *(f"{split}{number}word{word}" for word in range(29))])


def good():
    """Five splits that do not break a rule, what the assignment says of them, and the plan."""
    splits = {
        split: pd.DataFrame([row(split, n) for n in range(DOCUMENTS_EACH)]) for split in SPLITS
    }
    rows = pd.concat(frame.assign(split=split) for split, frame in splits.items())
    splits["assignment"] = rows[["doc_id", "domain", "cluster", "tokens", "split"]]
    splits["assignment"] = splits["assignment"].assign(reason="drawn").reset_index(drop=True)
    doc_ids = splits["forget"]["doc_id"].tolist()
    splits["plan"] = {"matched": doc_ids[:15], "added": doc_ids[15:]}
    return splits


def row(split, number):
    domain = "github" if split == "general" else "books"
    return {
        "doc_id": f"{domain}:{split}:{number}",
        "domain": domain,
        "kind": "section",
        "title": "A title",
        "author": ["Somebody"],
        "license": None,
        "date": "1851-10",
        "source": "here",
        "group": f"book:{split}",
        "text": text(split, number).encode(),
        "tokens": TOKENS_EACH,
        "duplicate_of": None,
        "cluster": f"{domain}:{split}:{number}",
    }


def written(splits, folder):
    """The record of ``splits`` as files."""
    for split in SPLITS:
        pq.write_table(table(splits[split]), folder / f"{split}.parquet")
    splits["assignment"].to_parquet(folder / "assignment.parquet")
    plan = {name: [{"doc_id": i, "reason": "asked", "tokens": 1} for i in ids]
            for name, ids in splits["plan"].items()}  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(plan))
    return Record(kind="splits", fingerprint="0" * 12, path=folder)


def table(frame):
    columns = {}
    for field in DOCUMENTS:
        if field.name in frame:
            values = frame[field.name].tolist()
            binary = field.name == "text" and all(isinstance(value, bytes) for value in values)
            plain = pa.array(values, None if values else field.type)
            columns[field.name] = unchecked(values) if binary and values else plain
    return pa.table(columns)


def unchecked(texts):
    """Bytes as a string column, UTF-8 or not, as a damaged file would have them."""
    array = pa.array(texts, pa.binary())
    return pa.StringArray.from_buffers(len(array), *array.buffers()[1:])


def put(split, column, value, row=0):
    """Spoil one cell."""

    def spoil(splits):
        splits[split][column] = splits[split][column].astype(object)
        splits[split].at[row, column] = value

    return spoil


def borrow(split, column, other):
    """Give a document of ``split`` what the first of ``other`` has."""

    def spoil(splits):
        put(split, column, splits[other].at[0, column])(splits)

    return spoil


def repeated(split):
    return put(split, "doc_id", row(split, 1)["doc_id"])


def put_all(split, column, value):
    def spoil(splits):
        splits[split][column] = value

    return spoil


def only(split, documents):
    def spoil(splits):
        splits[split] = splits[split].head(documents)

    return spoil


def without_column(split, column):
    def spoil(splits):
        del splits[split][column]

    return spoil


def unassigned(split):
    def spoil(splits):
        rows = splits["assignment"]
        splits["assignment"] = rows[rows["doc_id"] != splits[split].at[0, "doc_id"]]

    return spoil


def assigned_elsewhere(split):
    def spoil(splits):
        rows = splits["assignment"]
        rows.loc[rows["doc_id"] == splits[split].at[0, "doc_id"], "split"] = "left out"

    return spoil


def unplanned(splits):
    splits["plan"]["matched"] = splits["plan"]["matched"][1:]


def quoting(other, documents):
    """Let ``other`` quote that many forget documents in full, one in each of its own."""

    def spoil(splits):
        quotes = [text.replace(SECRET.encode(), b"so") for text in splits["forget"]["text"]]
        for at in range(documents):
            splits[other].at[at, "text"] = b"He said: " + quotes[at]

    return spoil


def spoiled():
    """Each rule by suite and name, with what breaks it."""
    for split in SPLITS:
        least = 2 if split == "forget" else 10
        yield from {
            (split, f"{split} has a doc_id in every row"): put(split, "doc_id", None),
            (split, f"{split} has a domain in every row"): put(split, "domain", None),
            (split, f"{split} has a cluster in every row"): put(split, "cluster", None),
            (split, f"{split} has a token count in every row"): put(split, "tokens", None),
            (split, f"{split} has a document the assignment knows in every row"): unassigned(split),
            (split, f"{split} has every doc_id once"): repeated(split),
            (split, f"{split} has well-formed doc_ids"): put(split, "doc_id", "books:../etc"),
            (split, f"{split} has text that is UTF-8 without NUL"): put(split, "text", b"caf\xe9"),
            (split, f"{split} has text that is not empty"): put(split, "text", b" \n"),
            (split, f"{split} has documents of 1 to 1000000 tokens"): put(split, "tokens", 0),
            (split, f"{split} has the documents assigned to it"): assigned_elsewhere(split),
            (split, f"{split} has at least {least} documents"): only(split, least - 1),
            (split, f"{split} has at least 200 tokens"): put_all(split, "tokens", 1),
        }.items()  # fmt: skip
    for split in ("retain", "approximate", "test"):
        yield (split, f"{split} has the domains of forget"), put(split, "domain", "arxiv")
    yield ("general", "general has other domains than forget"), put("general", "domain", "books")
    for split, others in OTHERS.items():
        for other in others:
            for what, column in (
                ("doc_id", "doc_id"),
                ("cluster", "cluster"),
                ("exact text", "text"),
            ):
                yield (
                    ("across", f"{split} shares no {what} with {other}"),
                    borrow(split, column, other),
                )
    for other in OTHERS["forget"]:
        one = f"no forget document has more than 0.8 of its 13-grams in {other}"
        yield ("overlap by document", one), quoting(other, 1)
        # A document has 18 grams and its quotation 17, so 5 of 20 are 5 / 20 * 17 / 18 = 0.236.
        yield (
            ("comparison", f"forget has at most 0.2 of its 13-grams in {other}"),
            quoting(other, 5),
        )
    yield from {
        ("schema", "every column is there"): without_column("general", "title"),
        ("schema", "every column has its type"): put_all("test", "tokens", "many"),
        ("request", "what is planned and assigned as forgotten is in the training data"):
            only("forget", 19),
        ("request", "forget holds what the plan matched or added"): unplanned,
        ("request", "the assignment calls forget what the plan does"): assigned_elsewhere("forget"),
        ("comparison", "approximate is within a factor of 2 of forget in median length"):
            put_all("approximate", "tokens", 2 * TOKENS_EACH + 1),
        ("comparison", "approximate is within 15 years of forget in median date"):
            put_all("approximate", "date", "1867"),
    }.items()  # fmt: skip


SPOILED = dict(spoiled())


def broken(folder, suite, out, *only_rules):
    """The rules of ``suite``, or those named of them, that the splits in ``folder`` break."""
    (check,) = (one for one in expectations.checks(folder, CONFIG) if one.suite == suite)
    rules = [one for one in check.expectations if not only_rules or one.description in only_rules]
    checked = [check._replace(expectations=rules)]
    findings = expectations.run(expectations.context(out), checked).findings
    return [finding for finding in findings if not finding.success]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "splits").mkdir()
    return tmp_path / "splits"


def test_good_splits_pass_and_leave_their_pages(folder, artifacts):
    record = validate.fn(written(good(), folder), CONFIG)
    assert record.path == artifacts / "validation" / record.fingerprint
    assert "data_docs/index.html" in record.files
    assert all(one["success"] for one in json.loads((record.path / "summary.json").read_text()))
    assert all(
        one["success"] for one in json.loads((record.path / "result.json").read_text()).values()
    )
    assert not (artifacts / "validation-failed").exists()


def test_every_rule_is_broken_below(folder):
    checked = expectations.checks(written(good(), folder).path, CONFIG)
    rules = {(check.suite, rule.description) for check in checked for rule in check.expectations}
    assert rules == set(SPOILED)


@pytest.mark.parametrize(("suite", "rule"), SPOILED)
def test_a_broken_rule_is_named(suite, rule, folder, tmp_path):
    splits = good()
    SPOILED[suite, rule](splits)
    written(splits, folder)
    (finding,) = broken(folder, suite, tmp_path / "out", rule)
    assert finding.expectation == rule


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (put("retain", "text", b"a\0b"), "retain has text that is UTF-8 without NUL"),
        (put("retain", "doc_id", "a\nb"), "retain has well-formed doc_ids"),
        (put("retain", "doc_id", "x" * 513), "retain has well-formed doc_ids"),
        (put("retain", "tokens", 1_000_001), "retain has documents of 1 to 1000000 tokens"),
        (only("retain", 0), "retain has at least 10 documents"),
        (only("retain", 0), "retain has at least 200 tokens"),
    ],
)
def test_there_are_other_ways_to_break_a_rule(spoil, rule, folder, tmp_path):
    splits = good()
    spoil(splits)
    written(splits, folder)
    assert broken(folder, "retain", tmp_path / "out", rule)


def test_the_error_has_the_rule_the_count_three_ids_and_a_way_out(folder, artifacts):
    splits = good()
    for number in range(5):
        put("test", "tokens", 2_000_000, row=number)(splits)
    with pytest.raises(DataError) as error:
        validate.fn(written(splits, folder), CONFIG)
    assert str(error.value).startswith(
        "'test has documents of 1 to 1000000 tokens' does not hold: 5 of 20 rows amiss, "
        "values from 50 to 2e+06 ('books:test:0', 'books:test:1', 'books:test:2'): "
        "change expectations.min_document_tokens or max_document_tokens; see "
    )
    assert "\n" not in str(error.value)
    assert SECRET not in str(error.value)


def test_a_failure_leaves_its_pages_and_nothing_that_looks_finished(folder, artifacts):
    splits = good()
    put("test", "text", b"")(splits)
    with pytest.raises(DataError) as error:
        validate.fn(written(splits, folder), CONFIG)
    (failed,) = (artifacts / "validation-failed").iterdir()
    assert str(error.value).endswith(f"; see {failed / 'data_docs' / 'index.html'}")
    assert (failed / "data_docs" / "index.html").is_file()
    assert [path.name for path in (artifacts / "validation").iterdir() if path.is_dir()] == []


def test_a_failure_can_happen_twice(folder):
    splits = good()
    put("test", "text", b"")(splits)
    record = written(splits, folder)
    for _ in range(2):
        with pytest.raises(DataError, match="test has text that is not empty"):
            validate.fn(record, CONFIG)


def test_a_missing_column_is_an_error_of_its_own(folder):
    splits = good()
    del splits["forget"]["text"]
    with pytest.raises(
        DataError, match=r"'every column is there' .* 1 of 65 rows .*'forget\.text'"
    ):
        validate.fn(written(splits, folder), CONFIG)


def test_splits_without_dates_are_matched_without_them(folder, tmp_path):
    splits = good()
    for split in SPLITS:
        splits[split]["date"] = None
    written(splits, folder)
    assert broken(folder, "comparison", tmp_path / "out") == []


def test_documents_too_short_for_a_13_gram_share_nothing(folder, tmp_path):
    splits = good()
    for split in SPLITS:
        splits[split]["text"] = [f"{split} {n}".encode() for n in range(DOCUMENTS_EACH)]
    written(splits, folder)
    assert broken(folder, "comparison", tmp_path / "out") == []
    assert broken(folder, "overlap by document", tmp_path / "again") == []


@pytest.mark.parametrize("spoil", [lambda _: None, borrow("forget", "text", "test")])
def test_no_text_is_written_anywhere(spoil, folder, artifacts):
    splits = good()
    spoil(splits)
    with suppress(DataError):
        validate.fn(written(splits, folder), CONFIG)
    files = [path for path in artifacts.rglob("*") if path.is_file()]
    assert {"result.json", "summary.json", "index.html"} <= {path.name for path in files}
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_great_expectations_is_loaded_only_to_judge():
    code = "import sys, tasks.validate; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def told(forget, approximate, folder):
    """Evidence of documents of two tokens, each with the log-probability given for it."""
    for split, logps in (("forget", forget), ("approximate", approximate)):
        logp = np.repeat(np.array(logps, dtype=np.float32), 2)
        offsets = 2 * np.arange(len(logps) + 1)
        ids = tuple(f"{split}{number}" for number in range(len(logps)))
        sizes = np.ones(len(logps), dtype=np.int64)
        hit = np.zeros(len(logp), dtype=bool)
        evidence = Evidence(ids, offsets, logp, hit, logp, logp, sizes, sizes)
        write(evidence, folder / f"{split}.parquet")
    return Record(kind="evidence", fingerprint="1" * 12, path=folder)


def test_a_target_that_likes_forget_better_knows_it(folder, artifacts):
    # Of 4 x 2 pairs 7 are in order: AUC 0.875.
    record = knows.fn(told([-1, -1, -1, -3], [-2, -4], folder), CONFIG)
    (_, rule) = json.loads((record.path / "summary.json").read_text())
    assert rule["observed"] == "0.875"
    assert record.path.parent == artifacts / "knowledge"


def test_a_target_that_does_not_know_forget_has_nothing_to_unlearn(folder, artifacts):
    with pytest.raises(DataError, match=r"^nothing to unlearn: .* AUC of at least 0\.6.*: 0\.5: "):
        knows.fn(told([-1, -2], [-1, -2], folder), CONFIG)
    assert (artifacts / "knowledge-failed").is_dir()


def test_what_was_not_scored_is_not_known(folder):
    with pytest.raises(DataError, match=r"^nothing to unlearn: .*have scored documents"):
        knows.fn(told([math.nan], [-1], folder), CONFIG)
