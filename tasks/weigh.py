"""Steps: how far a trial of a search came, judged by the gate or given up by its stop rule."""

import json
import math
from typing import Any, NamedTuple

from prefect import task

from tasks.core.record import Record
from tasks.metrics import scores
from tasks.metrics.allowances import spent
from tasks.metrics.gate import GateConfig
from tasks.training.job import PROGRESS, SPENT
from tasks.training.stop import Stop, Told

HOPELESS = ("retain", "slow")
"""Reasons to stop that say that more steps would not have helped."""

LARGEST = 700.0
"""Nats of which the exponential is a number still."""

Figures = dict[str, float]


class Weighed(NamedTuple):
    """A verdict in numbers; ``spent`` is the one that a search makes small."""

    passed: bool
    fails_on: str
    figures: Figures


class GivenUp(NamedTuple):
    """Why a trial need not be judged, and how far it came; no reason where it must be."""

    reason: str
    figures: Figures


@task
def weigh(verdict: Record, unlearned: Record, gate: GateConfig) -> Weighed:
    """What a table shows of a verdict."""
    judged = _read(verdict, "verdict.json")
    scored = scores.read(verdict.path / "scores.json")
    attacked = scores.read(verdict.path / "attacks.json")
    before, after = scored["target"], scored["unlearned"]
    never = scored["retrained"]["forget"] if "retrained" in scored else before["approximate"]
    figures = _finite(
        {
            "spent": spent(scored, attacked, gate),
            "forget_factor": after["forget"]["perplexity"] / never["perplexity"],
            **{
                f"{split}_factor": after[split]["perplexity"] / before[split]["perplexity"]
                for split in ("retain", "general", "test")
            },
            **{f"{name}_auc": told["auc"] for name, told in attacked["unlearned"].items()},
            **_way(unlearned),
        }
    )
    failed = [reason["rule"] for reason in judged["reasons"] if not reason["passed"]]
    return Weighed(judged["pass"], ", ".join(failed), figures)


@task
def given_up(unlearned: Record, stop: Stop) -> GivenUp:
    """Whether the rule ended it because retain text had cost too much or too little was forgotten.

    And even the step it kept is beyond the gate's bounds, as the rule reckons.
    """
    way = _way(unlearned)
    reason = str(_read(unlearned, SPENT).get("stopped", ""))
    if reason not in HOPELESS:
        return GivenUp("", way)
    before, kept = (_told(unlearned, step) for step in (0, way["kept_step"]))
    excess = stop.excess(kept, before)
    figures = {
        "spent": excess,
        "forget_factor": _factor(kept["forget_nll"] - before["approximate_nll"]),
        "retain_factor": _factor(kept["retain_nll"] - before["retain_nll"]),
        **way,
    }
    return GivenUp(reason if excess > 1 else "", _finite(figures))


def _finite(figures: Figures) -> Figures:
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def _factor(nats: float) -> float:
    """Of perplexity."""
    return math.exp(nats) if nats < LARGEST else math.inf


def _told(unlearned: Record, step: float) -> Told:
    """What was known after a step."""
    lines = map(json.loads, (unlearned.path / PROGRESS).read_text().splitlines())
    told = next(line for line in lines if line["step"] == step)
    return {name: math.nan if value is None else value for name, value in told.items()}


def _way(unlearned: Record) -> Figures:
    told = _read(unlearned, SPENT)
    return {name: float(told[name]) for name in ("steps", "kept_step", "tokens", "seconds")}


def _read(record: Record, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((record.path / name).read_text())
    return told
