"""Curate a source: the tables of its documents and near-duplicates, under DVC, as a record."""

import json
import os
import shutil
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from prefect import task

from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.data import AnySource
from tasks.data.curation import CurationConfig
from tasks.data.source import Source
from tasks.versions import reproduced, workspace

DATA = Path("artifacts/data")
TABLES = ("documents", "duplicates", "nearby", "statistics")


class Corpus(Section):
    """What a corpus is: its source, what the source holds now, and how it was curated."""

    source: AnySource
    curation: CurationConfig
    manifests: dict[str, dict[str, str]]


@task
def curate(source: Source, curation: CurationConfig) -> Record:
    """Bring the workspace of ``source`` up to date and keep what it holds now."""
    source, started = source.resolved(), time.time()
    path = workspace(source, curation)
    params = {"source": source, "curation": curation}
    dumped = {name: section.model_dump(mode="json") for name, section in params.items()}
    with reproduced(path, dumped, ["source", "curate"]) as revision:
        manifests = {
            domain: _json(path / DATA / f"source/{domain}.json") for domain in source.domains
        }
        corpus = Corpus(**params, manifests=manifests)
        identity = Identity(kind="corpus", config=corpus, rooms=("data", "stages"))
        record = keep(identity, lambda scratch: _copied(path, revision, scratch))
        seconds = _since(path / DATA / "seconds.jsonl", started)
    _seconds(record).write_text(json.dumps(seconds))
    return record


def summary(corpus: Record) -> dict[str, Any]:
    """Per domain: counts, the seconds that the latest curation took, and where the pairs are."""
    seconds = _json(_seconds(corpus))
    return {
        domain: _json(corpus.path / f"statistics/{domain}.json")
        | {
            "seconds": seconds[domain],
            "near_duplicates": str(corpus.path / f"duplicates/{domain}.parquet"),
        }
        for domain in corpus.config["source"]["domains"]
    }


def _copied(path: Path, revision: str, scratch: Path) -> None:
    for name in TABLES:
        shutil.copytree(path / DATA / name, scratch / name, copy_function=_linked)
    origin = {"workspace": str(path), "revision": revision}
    (scratch / "revision.json").write_text(json.dumps(origin))


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _since(timings: Path, started: float) -> dict[str, float]:
    """Seconds by domain of what ended after ``started``."""
    seconds: dict[str, float] = defaultdict(float)
    for line in timings.read_text().splitlines():
        spent = json.loads(line)
        if spent["ended"] >= started:
            seconds[spent["domain"]] += spent["seconds"]
    return {domain: round(total, 3) for domain, total in seconds.items()}


def _seconds(corpus: Record) -> Path:
    """Beside the record, not in it: every curation takes another time."""
    return corpus.path.with_name(f".{corpus.fingerprint}.seconds.json")


def _json(path: Path) -> Any:
    return json.loads(path.read_text())
