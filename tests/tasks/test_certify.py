"""A certificate of a real event, registered in a real MLflow and asked for in a real ledger."""

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks import ledger, registry
from tasks.certificates.statement import decoded
from tasks.certify import amended, certified
from tasks.core.errors import CertificateError, ConfigError, RegistryError
from tasks.core.event import SPLITS
from tasks.track import tracking

GOLDEN = Path(__file__).parents[1] / "golden" / "certificate.json"


def payload(file):
    return base64.b64decode(json.loads(file.read_bytes())["payload"])


def said(file):
    return json.loads(payload(file))["predicate"]


def masked(told):
    """What is the same on every machine and day: neither digests, times, floats nor versions."""
    if isinstance(told, dict):
        return {name: masked(value) for name, value in told.items()}
    if isinstance(told, list):
        return [masked(value) for value in told]
    if isinstance(told, float):
        return float(f"{told:.6g}")
    if isinstance(told, str):
        told = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", told)
        return re.sub(
            r"\b(r-)?[0-9a-f]{12}\b|\b(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\b", "DIGEST", told
        )
    return told


def test_it_says_what_the_golden_one_says(issued):
    told = masked(json.loads(payload(issued.file)))
    predicate = told["predicate"]
    predicate["software"] = sorted(predicate["software"])
    predicate["measured"]["further"] = {
        role: sorted(figures) for role, figures in predicate["measured"]["further"].items()
    }
    assert told == json.loads(GOLDEN.read_text())


def test_its_subjects_are_the_files_of_the_model_and_of_the_data(issued, tmp_path):
    statement = decoded(payload(issued.file), "here")
    registry.fetch_model(issued.version, tmp_path)
    assert statement.digests("model/", "sha256") == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()
    }
    assert statement.digests("data/", "md5") == {
        f"{split}.parquet": hashlib.md5(
            (issued.data.path / f"{split}.parquet").read_bytes()
        ).hexdigest()
        for split in SPLITS
    }


def test_every_figure_with_an_interval_that_was_logged_is_in_it(issued):
    logged = registry.show(issued.version)["metrics"]["unlearned"]
    told = said(issued.file)["measured"]
    figures = told["headline"]["unlearned"] | told["further"]["unlearned"]
    for name in ("retain/perplexity", "test/accuracy", "attack/zlib/auc"):
        low, high = logged[f"{name}_low"], logged[f"{name}_high"]
        assert figures[name] == {"value": logged[name], "low": low, "high": high}
    assert figures["exposure/relative/mean"]["low"] == logged["exposure/relative/low"]
    assert not any(name.endswith(("_low", "_high")) for name in figures)


def test_nothing_of_what_is_to_be_forgotten_is_in_it_or_in_its_page(issued):
    request = issued.deletion.request
    rows = pq.read_table(issued.data.path / "forget.parquet").to_pylist()
    assert rows
    secret = {*request.authors, *request.passages, "subject-0042"}
    for row in rows:
        secret |= {row["doc_id"], row["title"], row["source"], row["group"], *row["author"]}
        secret |= {row["text"], *row["text"].splitlines()}
    for row in json.loads((issued.data.path / "plan.json").read_text())["left"]:
        secret |= {row["doc_id"], row["reason"]}
    secret |= {move.note for move in issued.deletion.moves}
    secret = {text for text in secret if text and len(text) > 3}
    assert len(secret) > 30
    shown = {
        issued.file.name: payload(issued.file).decode(),
        "page": (issued.record.path / "certificate.html").read_text(),
        "record": (issued.record.path / "record.json").read_text(),
    }
    for where, text in shown.items():
        found = [one for one in secret if one in text or json.dumps(one)[1:-1] in text]
        assert found == [], where


def test_it_is_with_the_event_in_mlflow(issued):
    with tracking() as client:
        run_id = registry.find(client, issued.version).run_id
        at = f"certificates/{issued.deletion.id}/{issued.record.fingerprint}"
        kept = {artifact.path for artifact in client.list_artifacts(run_id, at)}
    assert {f"{at}/certificate.json", f"{at}/certificate.html"} <= kept


def test_the_same_occasion_gives_the_same_certificate(issued):
    before = issued.file.read_bytes()
    again = certified.fn(issued.deletion, issued.version, ledger.head())
    assert again.path == issued.record.path
    assert issued.file.read_bytes() == before


def test_a_version_that_does_not_answer_the_request_is_refused(issued):
    other = issued.deletion.model_copy(update={"events": ()})
    with pytest.raises(ConfigError, match="lethe-tiny/1 does not answer request r-"):
        certified.fn(other, issued.version, issued.head)


def test_figures_that_the_evidence_does_not_give_are_not_certified(issued):
    later = issued.deletion.model_copy(update={"moves": issued.deletion.moves[:-1]})
    with tracking() as client:
        run = client.get_run(registry.find(client, issued.version).run_id)
        (child,) = [one for one in registry.below(client, run) if one.info.run_name == "unlearned"]
        client.log_metric(child.info.run_id, "forget/perplexity", 1e6)
    try:
        with pytest.raises(RegistryError, match="unlearned forget/perplexity: the registry says"):
            certified.fn(later, issued.version, issued.head)
    finally:
        with tracking() as client:
            right = said(issued.file)["measured"]["headline"]["unlearned"]["forget/perplexity"]
            client.log_metric(child.info.run_id, "forget/perplexity", right["value"], step=1)


def test_an_amendment_names_its_predecessor_and_says_what_changed(issued):
    first = said(issued.file)
    revoked = amended.fn(issued.file, issued.deletion, ledger.head(), "revoked")
    told = said(revoked.path / "certificate.json")
    assert told["follows"] == hashlib.sha256(issued.file.read_bytes()).hexdigest()
    assert told["status"] == "revoked"
    for name in ("request", "found", "measured", "judged", "evidence", "weights"):
        assert told[name] == first[name]
    left = ["the text in the backup of <b>May</b>, until \u202eJuly"]
    erased = amended.fn(
        revoked.path / "certificate.json", issued.deletion, ledger.head(), "erased", left
    )
    told = said(erased.path / "certificate.json")
    assert (
        told["follows"]
        == hashlib.sha256((revoked.path / "certificate.json").read_bytes()).hexdigest()
    )
    assert told["remains"] == ["the text in the backup of <b>May</b>, until \\u202eJuly"]
    page = (erased.path / "certificate.html").read_text()
    assert "backup of &lt;b&gt;May&lt;/b&gt;, until \\u202eJuly" in page
    assert "What remains after erasure" in page


def test_an_amendment_of_another_request_or_key_is_refused(issued, tmp_path, monkeypatch):
    other = issued.deletion.model_copy(update={"id": "r-000000000000"})
    with pytest.raises(CertificateError, match="amend the one of r-000000000000"):
        amended.fn(issued.file, other, issued.head, "revoked")
    monkeypatch.setenv("LETHE_SIGNING_KEY", str(tmp_path / "other.pem"))
    with pytest.raises(CertificateError, match="was signed by another key"):
        amended.fn(issued.file, issued.deletion, issued.head, "revoked")


class Seen(HTMLParser):
    """The tags of a page, and its words."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.texts).split())


def test_the_page_tells_a_person_what_was_signed(issued):
    page = Seen((issued.record.path / "certificate.html").read_text())
    told = said(issued.file)
    assert f"Certificate of deletion, request {issued.deletion.id}" in page.words
    assert "✓ Forgotten, as far as was measured" in page.words
    assert "What is not proven" in page.words
    assert "officer-7" in page.words
    assert hashlib.sha256(issued.file.read_bytes()).hexdigest() in page.words
    value = told["measured"]["headline"]["unlearned"]["forget/perplexity"]["value"]
    assert f"{value:.4g}" in page.words
    for rule in told["judged"]["rules"]:
        assert rule["message"] in page.words


def test_the_page_runs_nothing_and_asks_nobody(issued):
    page = Seen((issued.record.path / "certificate.html").read_text())
    assert not {"script", "img", "link", "iframe", "a"} & set(page.tags)
    assert not any(name.startswith("on") or name in ("src", "href") for name in page.attributes)


def test_what_was_not_measured_is_null(issued):
    assert said(issued.file)["cost"]["joules"] is None
    assert math.isnan(decoded(payload(issued.file), "here").predicate.cost["joules"])
