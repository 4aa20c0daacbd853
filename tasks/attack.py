"""Step: can members be told from non-members by what a model says of them?"""

from pathlib import Path

from prefect import task
from pydantic import Field

from tasks.core.record import Identity, Record, keep
from tasks.metrics import ATTACKS, AttackNames, evidence, scores
from tasks.metrics.standings import corrected, standings
from tasks.metrics.statistics import Sampled, Sides, roc

ROOMS = ("attack", "metrics")


class AttackConfig(Sampled):
    """Which membership attacks are tried, and how sure their figures are to be."""

    attacks: AttackNames = Field(default=tuple(ATTACKS), description="what is tried, by name")


@task
def attack(told: Record, config: AttackConfig) -> Record:
    """Every attack on the evidence ``told``: forget against approximate, which no model saw."""
    identity = Identity(kind="attacks", config=config, inputs=(told,), rooms=ROOMS)
    return keep(identity, lambda scratch: _attacked(told.path, config, scratch))


def _attacked(told: Path, config: AttackConfig, out: Path) -> None:
    members = evidence.read(told / "forget.parquet")
    nonmembers = evidence.read(told / "approximate.parquet")
    sides = {
        name: Sides(*(ATTACKS[name].per_document(side) for side in (members, nonmembers)))
        for name in config.attacks
    }
    curves = {name: roc(*both) for name, both in sides.items()}
    scores.write(corrected(standings(sides, config.sampling)), out / "attacks.json")
    scores.write(
        {name: {"fpr": one.fpr.tolist(), "tpr": one.tpr.tolist()} for name, one in curves.items()},
        out / "roc.json",
    )
