"""Step: the models side by side, and the verdict of the gate."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
from prefect import task

from tasks.core.errors import ConfigError, DataError
from tasks.core.event import Role
from tasks.core.record import Identity, Record, keep, recorded
from tasks.metrics import ATTACKS, scores
from tasks.metrics import evidence as read
from tasks.metrics.cost import UNKNOWN, cost
from tasks.metrics.exposed import exposed, leaks
from tasks.metrics.gate import GateConfig, judge
from tasks.metrics.reading import Reading
from tasks.metrics.reference import referenced
from tasks.metrics.standings import corrected, standings
from tasks.metrics.statistics import Sampling, Sides

ROOMS = ("compare", "metrics")
FACTS = ["doc_id", "author", "group", "date"]
Records = Mapping[Role, Record]


@task
def compare(evidence: Records, attacks: Records, models: Records, config: GateConfig) -> Record:
    """The verdict on the unlearned model, with the figures of every model by role.

    Exposures are as sure as the attacks: same resamples, confidence and seed.
    """
    data = _comparable(evidence, attacks, models)
    roles = [role for role in get_args(Role) if role in evidence]
    inputs = tuple(by_role[role] for role in roles for by_role in (evidence, attacks, models))
    identity = Identity(kind="verdict", config=config, inputs=inputs, rooms=ROOMS)

    def make(scratch: Path) -> None:
        _compared(evidence, attacks, models, config, scratch)
        seen = {role: _seen(evidence[role]) for role in roles}
        sampling = Sampling(*(attacks["unlearned"].config[name] for name in Sampling._fields))
        found = _read(attacks, "attacks.json")
        references = {role: referenced(seen, role) for role in roles}
        attacked = {
            role: corrected({**found[role], **standings(references[role], sampling)})
            for role in roles
        }
        scores.write(attacked, scratch / "attacks.json")
        sides = {role: {**_sides(seen[role], found[role]), **references[role]} for role in roles}
        exposure = exposed(seen, _facts(data, seen["unlearned"]), sampling)
        scores.write({**exposure, "priv_leak": leaks(sides, sampling)}, scratch / "exposure.json")

    return keep(identity, make)


def _compared(
    evidence: Records, attacks: Records, models: Records, config: GateConfig, out: Path
) -> None:
    scored = _read(evidence, "scores.json")
    attacked = _read(attacks, "attacks.json")
    spent = _read(models, "training.json")
    verdict = judge(scored, attacked, config)
    price = cost(spent["unlearned"], spent.get("retrained", UNKNOWN))
    scores.write(scored, out / "scores.json")
    scores.write(_read(evidence, "intervals.json"), out / "intervals.json")
    scores.write(
        {
            "pass": verdict.passed,
            "comparator": verdict.comparator,
            "reasons": [reason._asdict() for reason in verdict.reasons],
            "cost": price._asdict(),
        },
        out / "verdict.json",
    )


def _sides(seen: Reading, attacks: Iterable[str]) -> dict[str, Sides]:
    """Scores by attack."""
    return {name: Sides(*map(ATTACKS[name].per_document, seen)) for name in attacks}


def _comparable(evidence: Records, attacks: Records, models: Records) -> str:
    """The ``kind/fingerprint`` of the data that all of ``evidence`` was read on."""
    if missing := {"target", "unlearned"} - evidence.keys():
        raise ConfigError(
            f"no evidence of the {' or '.join(sorted(missing))} model: evaluate it, "
            "a model is judged beside the one it came from"
        )
    if not evidence.keys() == attacks.keys() == models.keys():
        raise ConfigError("evidence, attacks and models are not of the same roles")
    data = {
        name for told in evidence.values() for name in told.inputs if name.startswith("splits/")
    }
    if len(data) > 1:
        raise DataError(
            f"models were read on different data, {' and '.join(sorted(data))}: evaluate them again"
        )
    (name,) = data
    return name


def _seen(record: Record) -> Reading:
    forget, approximate = (record.path / f"{name}.parquet" for name in Reading._fields)
    return Reading(read.read(forget), read.read(approximate))


def _facts(data: str, seen: Reading) -> list[dict[str, Any]]:
    """What the data says of each document of ``seen``, without its text."""
    kind, fingerprint = data.split("/")
    table = pq.read_table(recorded(kind, fingerprint).path / "forget.parquet", columns=FACTS)
    by_id = {one["doc_id"]: one for one in table.to_pylist()}
    return [by_id[doc_id] for doc_id in seen.forget.doc_ids]


def _read(records: Records, name: str) -> dict[Role, Any]:
    return {role: scores.read(record.path / name) for role, record in records.items()}
