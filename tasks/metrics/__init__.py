"""How much was forgotten and how much was kept, one published measure per file."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from tasks.core.variants import discover, nearest, tagged
from tasks.metrics.metric import Attack, Metric
from tasks.metrics.prompts import Prompt
from tasks.metrics.verbatim import Verbatim

METRICS = {name: metric(name=name) for name, metric in discover(Metric, __name__).items()}
ATTACKS = {name: attack(name=name) for name, attack in discover(Attack, __name__).items()}
VERBATIM = {name: verbatim(name=name) for name, verbatim in discover(Verbatim, __name__).items()}
PROMPTS = discover(Prompt, __name__)

if TYPE_CHECKING:
    AnyPrompt = Prompt
else:
    AnyPrompt = tagged(PROMPTS)


def known_metrics(names: tuple[str, ...]) -> tuple[str, ...]:
    """``names``, if there are any and each is that of a metric."""
    return _known(names, "metric", METRICS)


def known_attacks(names: tuple[str, ...]) -> tuple[str, ...]:
    """``names``, if there are any and each is that of an attack."""
    return _known(names, "attack", ATTACKS)


def _known(names: tuple[str, ...], what: str, known: dict[str, Any]) -> tuple[str, ...]:
    for name in names or ("",):
        if name not in known:
            raise ValueError(f"{name!r} is no {what}{nearest(name, known)}")
    return names


MetricNames = Annotated[
    tuple[Annotated[str, Field(json_schema_extra={"enum": [*METRICS]})], ...],
    AfterValidator(known_metrics),
]
AttackNames = Annotated[
    tuple[Annotated[str, Field(json_schema_extra={"enum": [*ATTACKS]})], ...],
    AfterValidator(known_attacks),
]
