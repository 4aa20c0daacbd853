"""The commands dvc.yaml runs: ``python -m tasks.stages STAGE [DOMAIN]``, in a workspace.

A stage reads params.yaml and earlier outputs below the current folder and writes below it. What
goes wrong on purpose is one line ``NameOfError: message`` on standard error and exit code 2.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet
import yaml
from pydantic import BaseModel, ValidationError
from tqdm import tqdm

from tasks.core.errors import ConfigError, LetheError
from tasks.core.record import sha256, storage
from tasks.core.settings import Settings
from tasks.data import AnySource, tombstones
from tasks.data.curation import CurationConfig, curate
from tasks.data.source import Document, Source
from tasks.data.splits import LEFT_OUT, SplitsConfig, assign
from tasks.requests.request import Request
from tasks.requests.resolve import resolve

DATA = Path("artifacts/data")
"""Where a workspace keeps its data, relative to the workspace."""
SECONDS = DATA / "seconds.jsonl"
"""How long each domain took, a line each time; not under DVC, for time is no part of a result."""
LEASH = "LETHE_LEASH"
"""Set by whoever holds our standard input open: when it closes, they are gone and so are we."""


class Parameters(BaseModel):
    """The sections of params.yaml that the stages read."""

    source: AnySource
    curation: CurationConfig
    request: Request = Request()
    splits: SplitsConfig = SplitsConfig()


def source() -> None:
    """Write what the documents of each domain depend on, so that DVC sees changes outside."""
    origin: Source = parameters().source.resolved()
    for domain in origin.domains:
        with _timed(domain):
            manifest = json.dumps(origin.manifest(domain) | _erased(), indent=1, sort_keys=True)
            _made(DATA / "source" / f"{domain}.json").write_text(manifest + "\n")


def curation(domain: str) -> None:
    """Write the tables of ``domain``."""
    with _timed(domain):
        config = parameters().curation
        curated = curate(_documents(domain), config, _recogniser(config.jaccard))
        for name in ("documents", "duplicates", "nearby"):
            _write(getattr(curated, name), DATA / name / f"{domain}.parquet")
        statistics = json.dumps(curated.statistics, indent=1, ensure_ascii=False)
        _made(DATA / "statistics" / f"{domain}.json").write_text(statistics + "\n")
        pa.csv.write_csv(curated.lengths, _made(DATA / "lengths" / f"{domain}.csv"))


def split() -> None:
    """Write the plan of the request, where each document is and why, and the five splits."""
    ours = parameters()
    plan = resolve(ours.request, DATA, ours.splits.max_forget_share, ours.splits.history)
    documents = pa.concat_tables(
        pa.parquet.read_table(file) for file in sorted((DATA / "documents").glob("*.parquet"))
    )
    known = documents.drop_columns(["text"]).to_pandas()
    assignment = assign(known, plan.forget, plan.beside, ours.splits)
    for name, rows in assignment.groupby("split"):
        if name != LEFT_OUT:
            chosen = pa.compute.is_in(documents["doc_id"], pa.array(rows["doc_id"]))
            _write(documents.filter(chosen).sort_by("doc_id"), DATA / "splits" / f"{name}.parquet")
    table = pa.Table.from_pandas(assignment, preserve_index=False)
    _write(table, DATA / "splits" / "assignment.parquet")
    (DATA / "splits" / "plan.json").write_text(plan.model_dump_json(indent=1) + "\n")


STAGES: dict[str, Callable[..., None]] = {"source": source, "curate": curation, "split": split}


def parameters() -> Parameters:
    """The params.yaml of this workspace.

    Raises:
        ConfigError: it breaks a rule; one line names the key.
    """
    try:
        return Parameters.model_validate(yaml.safe_load(Path("params.yaml").read_text()))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in fault["loc"])
        raise ConfigError(f"params.yaml: {key}: {fault['msg']}") from None
    except yaml.YAMLError:
        raise ConfigError("params.yaml is not YAML; compare it with the checked-in one") from None


def main(arguments: list[str]) -> int:
    """Run one stage; 2 where it went wrong on purpose."""
    if LEASH in os.environ:
        threading.Thread(target=end_with_standard_input, daemon=True).start()
    stage, *rest = arguments
    try:
        with storage(Path.cwd()):
            STAGES[stage](*rest)
    except LetheError as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        return 2
    return 0


def end_with_standard_input() -> None:
    """Wait until whoever holds our standard input is gone, then end at once."""
    os.read(0, 1)
    os._exit(1)


def _erased() -> dict[str, str]:
    """The digest of what must not come back, so that a curation after an erasure is another."""
    path = Settings().tombstones_path
    return {"(tombstones)": sha256(path)} if path.exists() else {}


def _recogniser(jaccard: float) -> Callable[[str, str], bool]:
    stones = tombstones.read(Settings().tombstones_path)
    if not stones.marks:
        return lambda _doc_id, _text: False
    from tasks import ledger  # its database is not needed where nothing was ever erased

    return tombstones.recogniser(stones, ledger.key(tombstones.PURPOSE), jaccard)


def _documents(domain: str) -> Iterator[Document]:
    origin: Source = parameters().source.resolved()
    yield from tqdm(origin.documents(domain), f"curate {domain}", unit=" documents", mininterval=1)


def _write(table: pa.Table, path: Path) -> None:
    pa.parquet.write_table(table, _made(path), compression="zstd")


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def _timed(domain: str) -> Iterator[None]:
    """Note in ``SECONDS`` how long this took for ``domain``."""
    started = time.monotonic()
    yield
    spent = {"domain": domain, "seconds": time.monotonic() - started, "ended": time.time()}
    with _made(SECONDS).open("a") as file:
        file.write(json.dumps(spent) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
