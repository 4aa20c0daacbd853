"""A search that outlives its process: what was tried is in a file, and what to try next follows.

The only file that imports optuna. Knobs are suggested by its tree-structured Parzen estimator
(Bergstra et al. 2011, *Algorithms for Hyper-Parameter Optimization*); its storage is SQLite, read
and written in this process. A suggestion depends on the seed and the finished trials alone, and
only those are kept: what was interrupted is suggested again, and none is tried twice.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial

from tasks.core.variants import Section

STARTUP = 4
"""Trials before the estimator is asked: the start, and so many less one drawn at random."""

GOOD = 0.25
"""Share of the trials that the estimator draws near to. Its own tenth is one trial of the ten that
a search can pay for, and finds less with them (an objective of three knobs, 30 optima: 0.70 left
after twelve trials against 0.64, 0.75 by chance)."""

DIGITS = 3
"""Of a suggestion: more would be noise in a table and in a file of parameters."""

Values = dict[str, float]
"""By the names of knobs."""


class Knob(Section):
    """What may be turned, and how far."""

    name: str
    low: float
    high: float
    log: bool = True
    whole: bool = False

    def within(self, value: float) -> float:
        """``value`` at ``DIGITS`` digits, or the nearest end of the range."""
        rounded = float(f"{min(max(value, self.low), self.high):.{DIGITS}g}")
        return min(max(rounded, self.low), self.high)

    @property
    def distribution(self) -> BaseDistribution:
        """As Optuna has it."""
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)


class Tried(Section):
    """One setting of the knobs, and what came of it; a figure that is not known is not there."""

    number: int
    knobs: Values
    outcome: Literal["judged", "pruned", "diverged"]
    passed: bool = False
    why: str = ""
    """Rules the gate failed on, the reason to stop by which it was pruned, or the error."""
    figures: dict[str, float] = {}

    @property
    def spent(self) -> float:
        """What it spent of the gate's allowances; infinite where training diverged."""
        return self.figures.get("spent", math.inf)


class Found(Section):
    """A search, its winner on text that the search did not see, and how to run it."""

    name: str
    search: str
    """Fingerprint of what was searched."""
    trials: tuple[Tried, ...] = ()
    judgement: Tried | None = None
    """None where every trial diverged."""
    params: dict[str, Any] = {}
    """A run with the winner's knobs; empty where there is no winner."""


class Search:
    """Trials of the knobs ``space``, the first of them ``start``."""

    def __init__(
        self, storage: RDBStorage, space: Sequence[Knob], start: Values, seed: int
    ) -> None:
        self._kept = optuna.create_study(storage=storage, study_name="search", load_if_exists=True)
        self._space = {knob.name: knob for knob in space}
        self._start = start
        self._seed = seed

    @property
    def tried(self) -> tuple[Tried, ...]:
        """Finished trials, in order."""
        return tuple(Tried.model_validate(one.user_attrs["tried"]) for one in self._kept.trials)

    def suggestion(self) -> Values:
        """What to try next."""
        done = self._kept.trials
        values = self._suggested(done) if done else self._start
        return {name: knob.within(values[name]) for name, knob in self._space.items()}

    def keep(self, tried: Tried) -> None:
        """Add a finished trial.

        A diverged one is told as infinitely bad, so that the estimator leads away from it; a pruned
        one as worse than all that were judged, and by how far it was when it was given up.
        """
        pruned = tried.outcome == "pruned"
        self._kept.add_trial(
            create_trial(
                state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
                value=None if pruned else tried.spent,
                intermediate_values={0: tried.spent} if pruned else {},
                params=_typed(tried.knobs, self._space),
                distributions=self._distributions,
                user_attrs={"tried": tried.model_dump(mode="json")},
            )
        )

    def _suggested(self, done: Sequence[optuna.trial.FrozenTrial]) -> Mapping[str, float]:
        drawn = np.random.SeedSequence([self._seed, len(done)]).generate_state(1)
        sampler = TPESampler(
            seed=int(drawn[0]),
            n_startup_trials=STARTUP,
            gamma=lambda trials: math.ceil(GOOD * trials),
        )
        scratch = optuna.create_study(sampler=sampler)  # in memory: what is asked is not kept
        scratch.add_trials(done)
        return scratch.ask(self._distributions).params

    @property
    def _distributions(self) -> dict[str, BaseDistribution]:
        return {name: knob.distribution for name, knob in self._space.items()}


@contextmanager
def search(path: Path, space: Sequence[Knob], start: Values, seed: int) -> Iterator[Search]:
    """The search kept in the file ``path``, begun or gone on with."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = RDBStorage(f"sqlite:///{path}")
    try:
        yield Search(storage, space, start, seed)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def best(tried: Sequence[Tried]) -> Tried | None:
    """The trial that spent least, judged ones before those given up; None if all diverged."""
    known = [one for one in tried if math.isfinite(one.spent)]
    return min(known, key=lambda one: (one.outcome != "judged", one.spent), default=None)


def _typed(values: Values, space: Mapping[str, Knob]) -> dict[str, float]:
    return {name: int(v) if space[name].whole else v for name, v in values.items()}
