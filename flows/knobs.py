"""What a search may turn of an unlearning, and how far."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from tasks.search import Knob, Values
from tasks.training.edit import Arithmetic
from tasks.unlearn import UnlearnConfig

Turned = Literal["learning_rate", "steps", "keep_weight", "own"]
Range = tuple[float, float]


class Own(NamedTuple):
    """The main knob of a term or a coupling: its field allows what makes sense, this is of use."""

    field: str
    low: float
    high: float


OWN = {
    "npo": Own("beta", 0.01, 1.0),
    "simnpo": Own("beta", 0.5, 10.0),
    "undial": Own("beta", 1.0, 30.0),
    "wga": Own("beta", 0.1, 5.0),
    "satimp": Own("beta1", 0.5, 10.0),
    "rmu": Own("coefficient", 0.5, 50.0),
    "dpo": Own("beta", 0.01, 1.0),
    "dpo_refusal": Own("beta", 0.01, 1.0),
    "shift": Own("share", 0.1, 10.0),
    "primal_dual": Own("slack", 0.01, 0.5),
}
"""By the name of the term or coupling; all on a logarithmic scale."""

TIMES = (0.25, 4.0)
"""How often an edit takes off what learning the forget text changed."""


def knobs(
    unlearn: UnlearnConfig, turned: tuple[Turned, ...], rate: Range, keep: Range
) -> list[Knob]:
    """What is searched of ``unlearn``, named by its dotted key.

    Keep weights go from ``keep[0]`` to ``keep[1]`` times the method's own. Steps are searched only
    where no rule can stop: elsewhere every run is a run of fewer steps too, and the rule keeps the
    best of them.
    """
    return [knob for kind in turned for knob in _OF[kind](unlearn, rate, keep)]


def start(unlearn: UnlearnConfig, space: list[Knob]) -> Values:
    """Where the knobs are now."""
    params = unlearn.model_dump(mode="json")
    return {knob.name: float(_at(params, knob.name)) for knob in space}


def turn(unlearn: UnlearnConfig, values: Mapping[str, float]) -> UnlearnConfig:
    """``unlearn`` with its knobs at ``values``."""
    params = unlearn.model_dump(mode="json")
    for name, value in values.items():
        node, _, leaf = name.rpartition(".")
        _at(params, node)[leaf] = value
    return UnlearnConfig.model_validate(params)


def _rate(unlearn: UnlearnConfig, rate: Range, keep: Range) -> Iterator[Knob]:
    yield Knob(name="optimiser.learning_rate", low=rate[0], high=rate[1])


def _steps(unlearn: UnlearnConfig, rate: Range, keep: Range) -> Iterator[Knob]:
    if not unlearn.stop.reads:
        yield Knob(name="steps", low=math.ceil(unlearn.steps / 10), high=unlearn.steps, whole=True)


def _keep(unlearn: UnlearnConfig, rate: Range, keep: Range) -> Iterator[Knob]:
    for at, side in enumerate(unlearn.method.keep):
        low, high = (factor * side.weight for factor in keep)
        yield Knob(name=f"method.keep.{at}.weight", low=low, high=high)


def _own(unlearn: UnlearnConfig, rate: Range, keep: Range) -> Iterator[Knob]:
    method = unlearn.method
    for at, variant in (("forget", method.forget), ("coupling", method.coupling)):
        if own := OWN.get(variant.name):
            yield Knob(name=f"method.{at}.{own.field}", low=own.low, high=own.high)
    if isinstance(method.edit, Arithmetic):
        yield Knob(name="method.edit.forget", low=TIMES[0], high=TIMES[1])


_OF = {"learning_rate": _rate, "steps": _steps, "keep_weight": _keep, "own": _own}


def _at(params: Any, key: str) -> Any:
    for part in filter(None, key.split(".")):
        params = params[int(part)] if isinstance(params, list) else params[part]
    return params
