"""What an unlearning event came to: as one JSON object, and as a page of text."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.core.event import SPLITS, Event
from tasks.core.record import Record
from tasks.register import Registration

COLUMNS = ("perplexity", "accuracy")
AGAINST = {"retrained": "retrained model", "approximate": "approximate split"}
ROLES = ("target", "unlearned", "retrained")


class Outcome(BaseModel):
    """The event, its report, and where it is registered."""

    model_config = ConfigDict(frozen=True)
    event: Event
    report: Record
    registration: Registration

    @property
    def passed(self) -> bool:
        """Whether the gate passed, so that there is a version."""
        return bool(self.registration.model_version)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The answer of ``lethe run --json``; numbers that could not be measured are null."""
    event, registration = outcome.event, outcome.registration
    verdict = _read(event.verdict, "verdict.json")
    plan = _read(event.data, "plan.json")
    exposure = _read(event.verdict, "exposure.json")
    return {
        "verdict": {"pass": verdict["pass"], "reasons": verdict["reasons"]},
        "comparator": verdict["comparator"],
        "scores": _read(event.verdict, "scores.json"),
        "intervals": _read(event.verdict, "intervals.json"),
        "attacks": _read(event.verdict, "attacks.json"),
        "exposure": {
            name: one for name, one in exposure.items() if name not in ("documents", "subgroups")
        },
        "plan": {
            **{part: len(plan[part]) for part in ("matched", "added", "left")},
            "tokens": plan["tokens"],
        },
        "cost": verdict["cost"],
        "model_version": registration.model_version,
        "fingerprint": event.verdict.fingerprint,
        "report": str(outcome.report.path / "report.html"),
        "lineage": registration.lineage,
    }


def as_text(result: dict[str, Any]) -> str:
    """The same for a person, from ``as_json``'s answer."""
    verdict, cost = result["verdict"], result["cost"]
    mark = {True: "ok    ", False: "FAILED"}
    return "\n".join(
        [
            "",
            _table(result),
            "",
            f"Verdict: {'pass' if verdict['pass'] else 'FAIL'} "
            f"(judged against the {AGAINST[result['comparator']]})",
            *(f"  {mark[reason['passed']]} {reason['message']}" for reason in verdict["reasons"]),
            "",
            _exposure(result["exposure"]),
            _cost(cost),
            f"Report:   {result['report']}",
            f"Version:  {result['model_version'] or 'none registered: the gate failed'}",
            "Pages:    lethe ui mlflow",
            "          lethe ui prefect",
        ]
    )


def _table(result: dict[str, Any]) -> str:
    head = [f"{'':10}", *(f"{split:>17}" for split in SPLITS), f"{'membership':>20}"]
    under = [f"{'':10}", *(f"{'ppl':>9}{'acc':>8}" for _ in SPLITS), f"{'AUC':>20}"]
    rows = [
        [
            f"{role:10}",
            *(
                "".join(
                    _number(result["scores"][role][split].get(name), width)
                    for name, width in (("perplexity", 9), ("accuracy", 8))
                )
                for split in SPLITS
            ),
            _interval(result["attacks"][role].get("loss", {})),
        ]
        for role in ROLES
        if role in result["scores"]
    ]
    return "\n".join("".join(line) for line in [head, under, *rows])


def _number(value: float | None, width: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.3g}"


def _interval(attack: dict[str, float | None]) -> str:
    auc, low, high = (
        "-" if attack.get(name) is None else f"{attack[name]:.2f}"
        for name in ("auc", "auc_low", "auc_high")
    )
    return f"{auc} [{low}, {high}]".rjust(20)


def _exposure(exposure: dict[str, Any]) -> str:
    one = exposure["roles"]["unlearned"][exposure["measure"]]
    mean, low, high, never = (
        _number(one[name], 0) for name in ("mean", "low", "high", "never_seen")
    )
    return (
        f"Exposure: {mean} [{low}, {high}] {one['unit']}, {exposure['measure']}, held against the "
        f"{AGAINST[one['comparator']]}; {never} for text never seen"
    )


def _cost(cost: dict[str, Any]) -> str:
    spent = (
        f"Cost:     {cost['seconds']:.1f} s, {cost['tokens']:,} tokens, {cost['flops']:.2e} FLOP"
    )
    if cost["ratio"] is None:
        return f"{spent}; retraining was not measured"
    return (
        f"{spent}; retraining is {cost['ratio']:.0f} times the FLOP, "
        f"{cost['seconds_ratio']:.0f} times the seconds"
    )


def _read(record: Record, name: str) -> Any:
    return json.loads((record.path / name).read_text())
