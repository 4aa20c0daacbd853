"""Step: close a request over a corpus and split it, under DVC; the splits as a record."""

import json
import shutil
from pathlib import Path

from prefect import task

from tasks.core.errors import DataError
from tasks.core.event import SPLITS
from tasks.core.record import Identity, Record, digests, keep
from tasks.core.variants import Section
from tasks.data.curation import CurationConfig
from tasks.data.source import Source
from tasks.data.splits import SplitsConfig
from tasks.requests.request import Request
from tasks.versions import reproduced, stage_md5, workspace

DATA = Path("artifacts/data")


class Prepared(Section):
    """What the splits of a corpus depend on; passages are held as digests, never as text."""

    request: Request
    splits: SplitsConfig


@task
def prepare(
    corpus: Record, source: Source, curation: CurationConfig, request: Request, splits: SplitsConfig
) -> Record:
    """Bring the splits in the workspace of ``corpus`` up to date and keep a copy of them."""
    sections = {
        "source": source.resolved(),
        "curation": curation,
        "request": request,
        "splits": splits,
    }
    prepared = Prepared(request=request.redacted(), splits=splits)
    identity = Identity(
        kind="splits", config=prepared, inputs=(corpus,), rooms=("requests", "data", "stages")
    )

    def make(scratch: Path) -> None:
        path = workspace(source, curation)
        params = {name: section.model_dump(mode="json") for name, section in sections.items()}
        with reproduced(path, params, ["split"]) as revision:
            _refuse_other_documents(path, corpus)
            shutil.copytree(path / DATA / "splits", scratch, dirs_exist_ok=True)
            md5 = {name: stage_md5(path, f"{DATA}/splits/{name}.parquet") for name in SPLITS}
        origin = {"workspace": str(path), "revision": revision, "md5": md5}
        (scratch / "revision.json").write_text(json.dumps(origin, indent=1))

    return keep(identity, make)


def _refuse_other_documents(path: Path, corpus: Record) -> None:
    now = digests(path / DATA / "documents")
    then = {name: digest for name, digest in corpus.files.items() if name.startswith("documents/")}
    if {f"documents/{name}": digest for name, digest in now.items()} != then:
        raise DataError(
            f"corpus {corpus.fingerprint}: its source was curated anew since; run again to take "
            "what it holds now"
        )
