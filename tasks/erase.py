"""Steps: a certified request is erased, with everything that Lethe ever put down of it.

Nothing is called erased before it is. What must be known meanwhile lies in one file, the dossier,
for the owner's eyes alone; each step can be done again, and a run that was killed is gone on with.
"""

import io
import json
import logging
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from prefect import task

from tasks import ledger, objects, redact, revoke
from tasks.core.errors import ConfigError, DataError
from tasks.core.settings import Settings
from tasks.data import tombstones
from tasks.data.tombstones import marked
from tasks.purge import working_copies
from tasks.requests.dossier import Dossier
from tasks.requests.layers import layers
from tasks.requests.needles import Needles
from tasks.requests.redaction import held, redacted
from tasks.requests.remains import Kind, Remaining, Remains
from tasks.scan import compact, files, prove, sources
from tasks.versions import drop_history, parameters, reproduce, revisions, workspaces
from tasks.withdraw import deployments, flow_runs, withdraw

TEXTS = ("corpus/", "splits/", "fetched-splits/", "data/")
"""Where tables of documents lie."""
LEDGER = ("ledger.", "stack/postgres/")
"""Where it lies, be it SQLite or the stack's PostgreSQL; it forgets the request last."""
DATABASES = ("mlflow.db", "prefect/prefect.db")
log = logging.getLogger(__name__)


@task(task_run_name="open-{id}")
def open_dossier(id: str) -> None:
    """Gather what must be known to erase a request, or find what a killed run had gathered.

    Raises:
        ConfigError: it is not certified, or a champion still knows what it had forgotten.
        DataError: no event is registered that answered it.
    """
    found = ledger.find(id)
    if found.status == "erased" or _file(id).exists():
        return
    if found.status != "certified":
        raise ConfigError(
            f"{id} is {found.status}: it can be erased once it is certified, for a certificate is "
            "made from what goes then"
        )
    doc_ids = redact.forgotten(found.models, id)
    if not doc_ids:
        raise DataError(
            f"{id}: no event in MLflow says what it had forgotten; set LETHE_TRACKING_URI"
        )
    knowing = revoke.knowing(found.models, doc_ids)
    revoke.refuse_champion(knowing, [ledger.champion(model) for model in found.models])
    _write(
        Dossier(
            id=id,
            models=found.models,
            request=found.request,
            doc_ids=tuple(sorted(doc_ids)),
            texts=_texts(doc_ids),
        )
    )


@task(task_run_name="mark-{id}")
def mark(id: str) -> None:
    """Put up tombstones, so that nothing of it comes back from now on."""
    if dossier := _open(id):
        key, path = ledger.key(tombstones.PURPOSE), Settings().tombstones_path
        marks = [
            marked(doc_id, text, key)
            for doc_id in dossier.doc_ids
            for text in dossier.texts.get(doc_id, ("",))
        ]
        tombstones.write(tombstones.read(path).joined(marks), path)


@task(task_run_name="revoke-{id}")
def custody(id: str, by: str) -> None:
    """Revoke every version of the models concerned that still knows it."""
    if dossier := _open(id):
        for version in revoke.knowing(dossier.models, dossier.doc_ids):
            revoke.revoke(version, id, datetime.now(UTC), Settings().grace_days)
            ledger.log("model.revoked", version, by, {"request": id})


@task(task_run_name="renew-{id}")
def renew(id: str) -> None:
    """Curate anew, without it, each workspace that has it, and drop the revisions before."""
    if dossier := _open(id):
        sought = dossier.sought()
        for path in workspaces():
            if path.name not in dossier.renewed and _touched(path, sought):
                reproduce(path, parameters(path), ["source", "curate"])
                drop_history(path)
                dossier = dossier.model_copy(update={"renewed": (*dossier.renewed, path.name)})
                _write(dossier)


@task(task_run_name="purge-{id}")
def purge(id: str, by: str) -> None:
    """Remove it from the objects of DVC, from working copies, from MLflow and from Prefect."""
    if dossier := _open(id):
        dossier = dossier.sharpened(list(_staying(id)))
        _write(dossier)
        needles = Needles(dossier.needles)

        def holds(name: str, content: bytes) -> bool:
            return held(name, content, needles)

        def without(name: str, content: bytes) -> bytes:
            return redacted(name, content, needles) if holds(name, content) else content

        revoked = [one.version for one in revoke.revoked(dossier.models)]
        removed = {
            "objects": objects.remove(holds),
            "copies": working_copies(holds, revoked),
            "files": redact.redact(id, without),
            "flow_runs": withdraw(holds),
        }
        compact(DATABASES)
        ledger.log("request.purged", id, by, removed)


@task(task_run_name="finish-{id}")
def finish(id: str, by: str) -> Remains:
    """See that it is nowhere, note what remains, and forget the request in the ledger, last.

    Raises:
        DataError: a place holds it still; the request is not erased.
    """
    if not (dossier := _open(id)):
        ledger.forget(id, by)
        return Remains.model_validate_json(_remains(id).read_bytes())
    needles = Needles(dossier.needles)
    prove([*sources(*LEDGER, _place(id)), flow_runs, deployments], needles)
    remains = _remaining(dossier)
    _put(_remains(id), remains.model_dump_json(indent=1))
    shutil.rmtree(_file(id).parent)
    ledger.forget(id, by)
    prove([_ledger_files], needles)
    log.info("erased %s: %s", id, "; ".join(remains.lines))
    return remains


def _ledger_files() -> Iterator[tuple[str, bytes]]:
    """The ledger's own files, where they lie below the artifacts."""
    return files(lambda place: place.startswith(LEDGER))


def _texts(doc_ids: set[str]) -> dict[str, tuple[str, ...]]:
    """The text of each document, as often as there are different ones, of whatever revision."""
    chosen = pa.array(sorted(doc_ids), pa.string())
    texts = defaultdict[str, set[str]](set)
    for content in _tables():
        table = pq.read_table(io.BytesIO(content))
        if {"doc_id", "text"} <= set(table.column_names):
            rows = table.filter(pa.compute.is_in(table["doc_id"], chosen))
            for doc_id, text in zip(
                *(rows[n].to_pylist() for n in ("doc_id", "text")), strict=True
            ):
                texts[doc_id].add(text)
    return {doc_id: tuple(sorted(found)) for doc_id, found in sorted(texts.items())}


def _tables() -> Iterator[bytes]:
    root = Settings().root
    for folder in TEXTS:
        for path in sorted((root / folder).rglob("*.parquet")):
            yield path.read_bytes()
    yield from (one for _, one in objects.contents() if one.startswith(b"PAR1"))


def _touched(path: Path, sought: Needles) -> bool:
    contents = [
        *((file.name, file.read_bytes()) for file in path.rglob("*.*") if file.is_file()),
        *revisions(path),
    ]
    return any(held(name, content, sought) for name, content in contents)


def _staying(id: str) -> Iterator[bytes]:
    """What other documents and other requests say, and may go on saying."""
    for path in workspaces():
        for table in sorted((path / "artifacts/data/documents").glob("*.parquet")):
            yield b"\0".join(list(layers(table.name, table.read_bytes()))[1:])
    others = [one for one in ledger.listed() if one.id != id]
    yield json.dumps([one.request.model_dump(mode="json") for one in others]).encode()


def _remaining(dossier: Dossier) -> Remains:
    kept = revoke.revoked(dossier.models)
    by_day = Counter(f"{one.due:%Y-%m-%d}" for one in kept)
    names = dossier.quoted.get("id", 0) + dossier.quoted.get("selector", 0)
    counts: dict[Kind, int] = {
        "version_of_other_model": len(
            revoke.knowing(revoke.others(dossier.models), dossier.doc_ids)
        ),
        "quoted_text": dossier.quoted.get("text", 0),
        "quoted_name": names,
        "text_gone_before": len(set(dossier.doc_ids) - dossier.texts.keys()),
        "tombstone": len(dossier.doc_ids),
        "history_dropped": len(dossier.renewed),
        "record": sum(entry.subject == dossier.id for entry in ledger.entries()),
    }
    return Remains(
        request=dossier.id,
        remaining=(
            *(
                Remaining(kind="version_in_grace", count=count, until=day)
                for day, count in sorted(by_day.items())
            ),
            *(Remaining(kind=kind, count=count) for kind, count in counts.items() if count),
        ),
    )


def _place(id: str) -> str:
    return f"erasure/{id}"


def _file(id: str) -> Path:
    return Settings().root / _place(id) / "dossier.json"


def _remains(id: str) -> Path:
    return Settings().root / f"{_place(id)}.json"


def _open(id: str) -> Dossier | None:
    """The dossier; none once all that is left to do is to forget the request."""
    if not _file(id).exists():
        return None
    return Dossier.model_validate_json(_file(id).read_bytes())


def _write(dossier: Dossier) -> None:
    _put(_file(dossier.id), dossier.model_dump_json())


def _put(path: Path, text: str) -> None:
    """Write a file for the owner's eyes alone, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.scratch")
    with os.fdopen(os.open(scratch, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
