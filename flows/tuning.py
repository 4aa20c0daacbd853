"""Find knobs for a model and a forget set: a search that knows when to give a trial up.

What no model has seen, the approximate and the test split, is divided by cluster: one half is what
the search looks at, the other judges its winner once. Forget is what must be forgotten, in both.
"""

import time
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, NamedTuple, Self

from prefect import flow
from pydantic import AfterValidator, Field, model_validator

from flows.baselines import known_and_never_known
from flows.benchmark import Rate, distinct
from flows.config import RunConfig
from flows.knobs import Turned, knobs, start, turn
from tasks.attack import AttackConfig, attack
from tasks.compare import compare
from tasks.conclude import conclude, winners
from tasks.core.errors import ConfigError, DivergedError
from tasks.core.event import Role
from tasks.core.lock import held
from tasks.core.record import Identity, Record
from tasks.core.settings import Settings
from tasks.core.variants import Section
from tasks.curate import curate
from tasks.divide import Division, Half, divide
from tasks.evaluate import EvaluateConfig, evaluate
from tasks.metrics.gate import GateConfig
from tasks.prepare import prepare
from tasks.record_search import record_search
from tasks.search import Found, Knob, Tried, Values, best, search
from tasks.training import ROOMS
from tasks.training.edit import Arithmetic
from tasks.training.method import PRESETS, Method, Preset
from tasks.training.model import pinned
from tasks.training.stop import Alike
from tasks.unlearn import UnlearnConfig, unlearn
from tasks.validate import knows, validate
from tasks.weigh import given_up, weigh

Factor = Annotated[float, Field(gt=0, le=1000)]


def ascending(ends: tuple[float, float]) -> tuple[float, float]:
    """``ends``, if there is room between them."""
    if not ends[0] < ends[1]:
        raise ValueError("the second must be more than the first")
    return ends


class TuneConfig(Section):
    """What is turned, and for how long; everything else is as in ``run``.

    A run that takes all steps is searched with the rule ``alike`` at the gate's allowances, if its
    method can be stopped at all: ``unlearn.steps`` is then the most that a trial takes.
    """

    run: RunConfig = RunConfig()
    methods: Annotated[tuple[Preset, ...], AfterValidator(distinct)] = Field(
        default=(), description="one search each; none: the run's own method"
    )
    trials: int = Field(default=12, ge=1, le=10_000, description="of each method, in all")
    seconds: float = Field(
        default=86_400, gt=0, description="of each method, after which no trial is begun"
    )
    seed: int = Field(default=0, ge=0, description="of the suggestions and of the two halves")
    knobs: Annotated[tuple[Turned, ...], AfterValidator(distinct)] = Field(
        default=("learning_rate", "steps", "keep_weight", "own"),
        min_length=1,
        description="what is turned; own: the main knob of the forget term or the coupling",
    )
    learning_rate: Annotated[tuple[Rate, Rate], AfterValidator(ascending)] = (1e-5, 1e-3)
    keep_weight: Annotated[tuple[Factor, Factor], AfterValidator(ascending)] = Field(
        default=(0.5, 8.0), description="times the method's own"
    )
    due_share: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="of the way to the loss on approximate text, to be behind at half of the "
        "steps; 0: none",
    )

    @property
    def starts(self) -> dict[str, UnlearnConfig]:
        """Where each search begins."""
        own = self.run.unlearn
        methods: dict[str, Method] = {name: PRESETS[name] for name in self.methods}
        methods = methods or {"own": own.method}
        return {name: self._stopped(own, method) for name, method in methods.items()}

    def _stopped(self, own: UnlearnConfig, method: Method) -> UnlearnConfig:
        """The run's unlearning with another method, and a rule to give it up by."""
        gate, rule = self.run.gate, own.stop
        if not rule.reads and not isinstance(method.edit, Arithmetic):
            rule = Alike(
                forget_factor=gate.forget_factor,
                utility_factor=max(gate.utility_factor, 1.01),  # a rule must allow something
                due_step=max(own.steps // 2, 1),
                due_share=self.due_share,
            )
        return UnlearnConfig(**{**dict(own), "method": method, "stop": rule})

    def space(self, begun: UnlearnConfig) -> list[Knob]:
        """The knobs of a search.

        Raises:
            ConfigError: there is none to turn.
        """
        space = knobs(begun, self.knobs, self.learning_rate, self.keep_weight)
        if not space:
            raise ConfigError(f"tune.knobs={', '.join(self.knobs)}: this method has none of them")
        return space

    @model_validator(mode="after")
    def _can_begin(self) -> Self:
        for begun in self.starts.values():
            self.space(begun)
        return self


class Sought(Section):
    """What a search is, whatever its budget."""

    begun: UnlearnConfig
    space: tuple[Knob, ...]
    evaluate: EvaluateConfig
    attack: AttackConfig
    gate: GateConfig
    seed: int

    def fingerprint(self, inputs: tuple[Record, ...]) -> str:
        """Of the search on these records, by this code."""
        return Identity(kind="search", config=self, inputs=inputs, rooms=SEARCHED).fingerprint


SEARCHED = ("search", "weigh", "unlearn", "evaluate", "attack", "compare", "metrics", *ROOMS)
HALVES: tuple[Half, ...] = ("tuning", "judgement")


class Ground(NamedTuple):
    """One half of the data, and what is known on it before anything is forgotten."""

    run: RunConfig
    data: Record
    models: dict[Role, Record]
    evidence: dict[Role, Record]


@flow(flow_run_name="{config.run.name}")
def tuning(config: TuneConfig) -> Record:
    """Search the knobs of methods for one model and one forget set, and judge what is found.

    Args:
        config: The run that is tuned, what is turned, and how long.
    """
    run = config.run
    pinned(run.model)
    corpus = curate(run.source, run.curation)
    data = prepare(corpus, run.source, run.curation, run.request, run.splits)
    validate(data, run.expectations)
    models = known_and_never_known(data, run.model, run.champion)
    grounds = {half: _ground(run, data, models, half, config.seed) for half in HALVES}
    knows(grounds["tuning"].evidence["target"], run.expectations)
    return conclude([_found(name, begun, config, grounds) for name, begun in config.starts.items()])


def _ground(
    run: RunConfig, whole: Record, models: dict[Role, Record], half: Half, seed: int
) -> Ground:
    data = divide(whole, Division(half=half, seed=seed))
    seen = {role: evaluate(model, data, run.evaluate) for role, model in models.items()}
    return Ground(run, data, models, seen)


def _found(
    name: str, begun: UnlearnConfig, config: TuneConfig, grounds: dict[Half, Ground]
) -> Found:
    """The trials of a search, those of an earlier try first, and its winner on the other half."""
    run, ground = config.run, grounds["tuning"]
    space = config.space(begun)
    sought = Sought(
        begun=begun,
        space=tuple(space),
        evaluate=run.evaluate,
        attack=run.attack,
        gate=run.gate,
        seed=config.seed,
    ).fingerprint((ground.data, *ground.models.values()))
    told = partial(record_search, f"lethe-{run.name}-tuning")
    found = Found(name=name, search=sought)
    for trials in _searched(sought, space, begun, config, ground):
        found = found.model_copy(update={"trials": trials})
        told(found)
    if winner := best(found.trials):
        settled = turn(begun, winner.knobs)
        unlearned = unlearn(ground.models["target"], ground.data, settled)
        judgement = _judged(winner.number, winner.knobs, unlearned, grounds["judgement"])
        update = {"judgement": judgement, "params": _params(run, settled)}
        found = found.model_copy(update=update)
    told(found, whole=True)
    return found


def _searched(
    name: str, space: list[Knob], begun: UnlearnConfig, config: TuneConfig, ground: Ground
) -> Iterator[tuple[Tried, ...]]:
    """The trials so far, and again after each one that is added, until the budget is spent."""
    folder, deadline = Settings().root / "search", time.monotonic() + config.seconds
    with (
        held(folder / f".{name}.lock", Settings().wait_seconds),
        search(folder / f"{name}.db", space, start(begun, space), config.seed) as ours,
    ):
        yield ours.tried[: config.trials]
        for number in range(len(ours.tried), config.trials):
            if time.monotonic() > deadline:
                return
            knobs = ours.suggestion()
            ours.keep(_tried(number, knobs, turn(begun, knobs), ground))
            yield ours.tried


def _tried(number: int, knobs: Values, unlearning: UnlearnConfig, ground: Ground) -> Tried:
    """One trial: judged, given up by its rule, or diverged."""
    try:
        unlearned = unlearn(ground.models["target"], ground.data, unlearning)
    except DivergedError as error:
        return Tried(number=number, knobs=knobs, outcome="diverged", why=str(error))
    lost = given_up(unlearned, unlearning.stop)
    if lost.reason:
        return Tried(
            number=number, knobs=knobs, outcome="pruned", why=lost.reason, figures=lost.figures
        )
    return _judged(number, knobs, unlearned, ground)


def _judged(number: int, knobs: Values, unlearned: Record, ground: Ground) -> Tried:
    run = ground.run
    models = {**ground.models, "unlearned": unlearned}
    evidence = {**ground.evidence, "unlearned": evaluate(unlearned, ground.data, run.evaluate)}
    attacks = {role: attack(seen, run.attack) for role, seen in evidence.items()}
    weighed = weigh(compare(evidence, attacks, models, run.gate), unlearned, run.gate)
    return Tried(
        number=number,
        knobs=knobs,
        outcome="judged",
        passed=weighed.passed,
        why=weighed.fails_on,
        figures=weighed.figures,
    )


def _params(run: RunConfig, settled: UnlearnConfig) -> dict[str, Any]:
    """The run with what was found; without its request if that has passages: nobody writes them."""
    left_out = {"request"} if run.request.passages else set()
    return run.model_copy(update={"unlearn": settled}).model_dump(mode="json", exclude=left_out)


def summary(record: Record) -> dict[str, Any]:
    """What was found for each method, and where the trials, the plot and the parameters are."""
    return {
        "found": winners(record),
        "table": str(record.path / "table.md"),
        "best": str(record.path / "best.md"),
        "plot": str(record.path / "plot.png"),
        "params": str(record.path / "params"),
        "fingerprint": record.fingerprint,
    }
