"""Step: an event, with everything it was made from, in the registry; a model if the gate passed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from prefect import task
from pydantic import BaseModel, ConfigDict

from tasks.core.event import SEEN, SPLITS, Event, Role, Split
from tasks.core.history import History
from tasks.core.record import Record
from tasks.core.settings import Settings
from tasks.metrics import scores
from tasks.metrics.kept import KEPT
from tasks.metrics.metric import bounds
from tasks.metrics.reading import Reading
from tasks.phases import CANDIDATE, CHAMPION, Data, Entry, enter
from tasks.track import Measured, Told, figures, shown
from tasks.training.method import PRESETS, Method

PERSONAL = ("request", "requests", "splits")
SPLIT_PATH = "artifacts/data/splits/{}.parquet"


class Registration(BaseModel):
    """Where an event is registered, and what it was made from."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())
    model_version: str
    """``lethe-name/3``; empty when the gate failed."""
    model_name: str
    run_id: str
    experiment: str
    tracking_uri: str
    lineage: dict[str, str]


@task
def register(event: Event, report: Record) -> Registration:
    """The event in MLflow; registered once, however often it is run.

    Raises:
        RegistryError: the tracking server is down, or gives back what was not logged.
    """
    made_from = lineage(event, report)
    entry = _entry(event, report, made_from)
    entered = enter(entry)
    return Registration(
        model_version=entered.version,
        model_name=entry.name,
        run_id=entered.run_id,
        experiment=entry.name,
        tracking_uri=shown(Settings().mlflow_uri),
        lineage=made_from,
    )


@task
def adopt(name: str, data: Record, target: Record) -> str:
    """The model as it was before anything was forgotten, as the first version and its champion.

    Every later version goes back to it, one event after the other. Its name, ``lethe-name/1``.

    Raises:
        RegistryError: the tracking server is down, or gives back what was not logged.
    """
    revision = _read(data, "revision.json")
    told = Told(
        name=f"{name} {target.fingerprint}",
        tags={"lethe.role": "target", "lethe.model": target.fingerprint},
        parameters=flattened(target.config),
        metrics=[*_steps(target.path / "progress.jsonl")],
    )
    made_from = {
        "adopted": "true",
        "parent": "",
        "workspace": str(revision["workspace"]),
        "revision": revision["revision"],
        "target": target.fingerprint,
        "data": data.fingerprint,
    }
    entry = Entry(
        name=f"lethe-{name}",
        fingerprint=f"adopted-{target.fingerprint}",
        told=told._replace(tags={}, metrics=[]),
        models={"target": told},
        data=_data(data),
        artifacts=[],
        released="target",
        weights=target.path,
        alias=CHAMPION,
        history=History(seen=_ids(data, SEEN)),
        requests=(),
        config={},
        tags={f"lethe.{key}": value for key, value in made_from.items()},
    )
    return enter(entry).version


def lineage(event: Event, report: Record) -> dict[str, str]:
    """From what, how and with what outcome: enough to make the same again."""
    verdict, revision = _read(event.verdict, "verdict.json"), _read(event.data, "revision.json")
    unlearn = event.config.get("unlearn", {})
    return {
        "event": event.verdict.fingerprint,
        "verdict": "pass" if verdict["pass"] else "fail",
        "comparator": verdict["comparator"],
        "revision": revision["revision"],
        "workspace": str(revision["workspace"]),
        "forget": revision["md5"]["forget"],
        **{f"md5.{split}": revision["md5"][split] for split in SPLITS},
        "request": _digest(event.config.get("request", {})),
        "requests": ",".join(portion["id"] for portion in event.requests),
        "parent": event.champion,
        "commit": report.config.get("commit", "unknown"),
        "method": "retraining" if event.exact else _method(unlearn.get("method", {})),
        "knobs": json.dumps(unlearn, sort_keys=True),
        **{role: record.fingerprint for role, record in event.models.items()},
        "data": event.data.fingerprint,
        "report_fingerprint": report.fingerprint,
    }


def _entry(event: Event, report: Record, made_from: Mapping[str, str]) -> Entry:
    verdict = scores.read(event.verdict.path / "verdict.json")
    return Entry(
        name=f"lethe-{event.name}",
        fingerprint=event.verdict.fingerprint,
        told=Told(
            name=f"{event.name} {event.verdict.fingerprint}",
            tags={},
            parameters=flattened(_impersonal(event.config)),
            metrics=[*figures("cost", verdict["cost"])],
        ),
        models={role: _model(event, role) for role in event.models},
        data=_data(event.data),
        artifacts=[
            (report.path / "report.html", ""),
            (event.verdict.path / "verdict.json", ""),
            (event.data.path / "plan.json", ""),
            (event.kept.path / KEPT, ""),
            (event.validation.path, "validation"),
            *(
                (record.path / f"{split}.parquet", f"evidence/{role}")
                for role, record in event.evidence.items()
                for split in Reading._fields
            ),
        ],
        released="unlearned",
        weights=event.models["unlearned"].path if verdict["pass"] else None,
        alias=CANDIDATE,
        history=_history(event),
        requests=event.requests,
        config=event.config,
        tags={f"lethe.{name}": value for name, value in made_from.items()},
    )


def _impersonal(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without what selects and what was selected: MLflow has no way to delete a parameter."""
    splits = {key: value for key, value in config.get("splits", {}).items() if key != "history"}
    rest = {key: value for key, value in config.items() if key not in PERSONAL}
    return {**rest, "splits": splits}


def _data(data: Record) -> list[Data]:
    revision = _read(data, "revision.json")
    return [
        Data(split, SPLIT_PATH.format(split), revision["md5"][split], revision["revision"])
        for split in SPLITS
    ]


def _history(event: Event) -> History:
    """Of the model that has forgotten."""
    before = event.history
    begun = before if before.begun else History(seen=_ids(event.data, SEEN))
    return begun.after(_ids(event.data, ("forget",)))


def _ids(data: Record, splits: tuple[Split, ...]) -> tuple[str, ...]:
    files = [data.path / f"{split}.parquet" for split in splits]
    return tuple(
        sorted(
            doc_id
            for file in files
            for doc_id in pq.read_table(file, columns=["doc_id"])["doc_id"].to_pylist()
        )
    )


def _model(event: Event, role: Role) -> Told:
    record = event.models[role]
    return Told(
        name=role,
        tags={"lethe.role": role, "lethe.model": record.fingerprint},
        parameters=flattened(record.config),
        metrics=[
            *_steps(record.path / "progress.jsonl"),
            *figures("", scores.read(event.evidence[role].path / "scores.json")),
            *figures("", bounds(scores.read(event.evidence[role].path / "intervals.json"))),
            *figures("exposure", scores.read(event.verdict.path / "exposure.json")["roles"][role]),
            *figures("attack", scores.read(event.verdict.path / "attacks.json")[role]),
            *figures("cost", scores.read(record.path / "training.json")),
        ],
    )


def _steps(progress: Path) -> list[Measured]:
    """A figure per step of training; none for a model that was given."""
    lines = progress.read_text().splitlines() if progress.exists() else []
    steps = [json.loads(line) for line in lines]
    return [
        figure._replace(step=step["step"])
        for step in steps
        for figure in figures("training", {k: v for k, v in step.items() if k != "step"})
    ]


def flattened(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings by their dotted key; a list is JSON."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{name}.")
        else:
            flat[name] = value if isinstance(value, str) else json.dumps(value)
    return flat


def _method(told: Any) -> str:
    """The name it goes by; one that somebody put together themselves has none."""
    method = Method.model_validate(told)
    return next((name for name, known in PRESETS.items() if known == method), "custom")


def _digest(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _read(record: Record, name: str) -> Any:
    return json.loads((record.path / name).read_text())
