"""What models answered to the same questions, and how far apart they are.

Items are paired: both models had the same questions, and what makes one question harder than
another drops out of the difference. The items are the unit of every interval.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tasks.core.event import Role
from tasks.metrics.evidence import Floats
from tasks.metrics.statistics import Sampling, mean_interval


class Answers(NamedTuple):
    """One metric of one task, item by item, higher is better; numbers and names, no text."""

    task: str
    metric: str
    chance: float
    """What guessing achieves; NaN where nothing can be guessed or it is not known."""
    shots: int
    """Solved examples that came before each question."""
    items: Sequence[str]
    values: Sequence[float]


class Mean(NamedTuple):
    """Over items, with its interval."""

    mean: float
    low: float
    high: float


class Usefulness(NamedTuple):
    """One metric of one task by model, and what unlearning changed."""

    task: str
    metric: str
    items: int
    shots: int
    chance: float
    scores: dict[Role, Mean]
    changes: dict[Role, Mean]
    """The unlearned model's score less that of each other model, item by item."""

    @property
    def tells(self) -> bool:
        """Whether the target is better than guessing: else nothing can be lost here."""
        return not self.scores["target"].low <= self.chance

    def row(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        means = {
            name: {role: mean._asdict() for role, mean in getattr(self, name).items()}
            for name in ("scores", "changes")
        }
        return {**self._asdict(), **means, "tells": self.tells}


def usefulness(answers: Mapping[Role, Sequence[Answers]], sampling: Sampling) -> list[Usefulness]:
    """What unlearning changed in every metric of every task, paired by item."""
    return [
        _compared(dict(zip(answers, row, strict=True)), sampling)
        for row in zip(*answers.values(), strict=True)
    ]


def _compared(answers: Mapping[Role, Answers], sampling: Sampling) -> Usefulness:
    about = answers["target"]
    asked = {(one.task, one.metric, tuple(one.items)) for one in answers.values()}
    assert len(asked) == 1  # paired, or a difference by item means nothing
    values = {role: np.asarray(one.values, dtype=np.float64) for role, one in answers.items()}
    return Usefulness(
        task=about.task,
        metric=about.metric,
        items=len(about.items),
        shots=about.shots,
        chance=about.chance,
        scores={role: _mean(of, sampling) for role, of in values.items()},
        changes={
            role: _mean(values["unlearned"] - of, sampling)
            for role, of in values.items()
            if role != "unlearned"
        },
    )


def _mean(values: Floats, sampling: Sampling) -> Mean:
    return Mean(float(values.mean()), *mean_interval(values, sampling))
