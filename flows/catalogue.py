"""What there is to choose from, told by the code itself: a line, a source and the knobs of each."""

import inspect
import re
import sys
from collections.abc import Callable
from typing import Any, get_args

from pydantic_core import to_jsonable_python

from tasks.attack import AttackConfig
from tasks.core.variants import Section, Variant
from tasks.downstream import DownstreamConfig, Questioned
from tasks.evaluate import EvaluateConfig
from tasks.methods import COUPLINGS, TERMS
from tasks.metrics import ATTACKS, METRICS, PROMPTS, VERBATIM
from tasks.metrics.answers import usefulness
from tasks.metrics.cloze import cloze
from tasks.metrics.exposed import rank_correlation
from tasks.metrics.exposure import canary, canary_estimate, generalised, relative
from tasks.metrics.harness import asked
from tasks.metrics.holm import holm
from tasks.metrics.priv_leak import priv_leak
from tasks.metrics.reference import REFERENCES, referenced
from tasks.metrics.robustness import share
from tasks.metrics.statistics import (
    Sampled,
    intervals,
    mean_interval,
    ratio_intervals,
    smallest_fpr,
)
from tasks.metrics.subgroups import grouped, worst
from tasks.metrics.two_samples import difference
from tasks.training.edit import AnyEdit
from tasks.training.method import PRESETS, Method
from tasks.training.trials import TRIALS
from tasks.training.weights import AnyWeights

PAPER = r"arXiv:\d{4}\.\d{5}"
Rows = list[dict[str, Any]]
Measured = Callable[..., Any]


def methods() -> dict[str, Rows]:
    """Presets, and the terms, couplings, choices of weights and edits they are made of."""
    return {
        "presets": [{"name": name, "what": objective(method)} for name, method in PRESETS.items()],
        "terms": [_told(term) for term in TERMS.values()],
        "couplings": [_told(coupling) for coupling in COUPLINGS.values()],
        "weights": [_told(weights) for weights in _choices(AnyWeights)],
        "edits": [_told(edit) for edit in _choices(AnyEdit)],
    }


def metrics() -> dict[str, Rows]:
    """Metrics, attacks, what is made of several figures, and what stress and downstream ask."""
    return {
        "metrics": [_told(type(metric)) for metric in METRICS.values()],
        "attacks": [_told(type(attack)) for attack in ATTACKS.values()],
        "attacks by reference": [_row(name, referenced) for name in REFERENCES.values()],
        "exposure": [_row(name, one) for name, one in EXPOSURES.items()],
        "read together": [_row(name, one) for name, one in TOGETHER.items()],
        "intervals": [_row(name, one) for name, one in INTERVALS.items()],
        "verbatim": [_told(type(verbatim)) for verbatim in VERBATIM.values()],
        "prompts": [_told(prompt) for prompt in PROMPTS.values()],
        "trials": [_told(trial) for trial in TRIALS],
        "downstream": [_row(name, one) for name, one in DOWNSTREAM.items()],
    }


EXPOSURES: dict[str, Measured] = {
    "generalised": generalised,
    "relative": relative,
    "canary": canary,
    "canary_estimate": canary_estimate,
}
TOGETHER: dict[str, Measured] = {
    "priv_leak": priv_leak,
    "kolmogorov_smirnov": difference,
    "holm": holm,
    "rank_correlation": rank_correlation,
    "subgroups": grouped,
    "worst": worst,
    "smallest_fpr": smallest_fpr,
    "robustness": share,
}
INTERVALS: dict[str, Measured] = {
    "of_scores": ratio_intervals,
    "of_attacks": intervals,
    "of_means": mean_interval,
}
DOWNSTREAM: dict[str, Measured] = {"cloze": cloze, "harness": asked, "change": usefulness}
KNOBS: dict[str, tuple[str, type[Section], tuple[str, ...]]] = {
    "grad_norm": ("evaluate", EvaluateConfig, ("gradients",)),
    "of_scores": ("evaluate", EvaluateConfig, tuple(Sampled.model_fields)),
    "of_attacks": ("attack", AttackConfig, tuple(Sampled.model_fields)),
    "of_means": ("attack", AttackConfig, tuple(Sampled.model_fields)),
    "cloze": ("downstream", DownstreamConfig, ("max_items",)),
    "harness": ("downstream", DownstreamConfig, tuple(Questioned.model_fields)),
    "change": ("downstream", DownstreamConfig, tuple(Sampled.model_fields)),
}
"""Knobs that are not the measure's own: the section that holds them, and their names there."""


def objective(method: Method) -> str:
    """``npo on forget + 1 x descent on retain``."""
    sides = [f"{method.forget.name} on forget"]
    sides += [f"{keep.weight:g} x {keep.term.name} on {keep.split}" for keep in method.keep]
    joined = " + ".join(sides)
    joined += f", {method.coupling.name}" if method.coupling.name != "sum" else ""
    joined += f", {method.weights.name} weights" if method.weights.name != "all" else ""
    return joined + (f", {method.edit.name}" if method.edit.name != "trained" else "")


def as_text(sections: dict[str, Rows]) -> str:
    """Sections one below the other, a line each."""
    lines = []
    for title, rows in sections.items():
        width = max(len(row["name"]) for row in rows)
        lines.append(f"{title}:")
        for row in rows:
            source = f" [{row['source']}]" if row.get("source") else ""
            knobs = (
                f" ({', '.join(f'{k}={v}' for k, v in row['knobs'].items())})"
                if row.get("knobs")
                else ""
            )
            lines.append(f"  {row['name']:<{width}}  {row['what']}{source}{knobs}")
    return "\n".join(lines)


def _choices(union: Any) -> tuple[type[Variant], ...]:
    """The classes of a tagged union."""
    return get_args(get_args(union)[0])


def _told(variant: type[Variant]) -> dict[str, Any]:
    row = _row(variant.model_fields["name"].default, variant)
    own = {
        name: _knob(field.default) for name, field in variant.model_fields.items() if name != "name"
    }
    return {**row, "knobs": {**own, **row["knobs"]}}


def _row(name: str, measured: Measured) -> dict[str, Any]:
    line = (inspect.getdoc(measured) or "").split("\n\n")[0].replace("\n", " ")
    line = re.sub(rf"[,;] (after )?{PAPER}\.?$", ".", line)  # it has a place of its own
    key, section, names = KNOBS.get(name, ("", Section, ()))
    knobs = {f"{key}.{knob}": _knob(section.model_fields[knob].default) for knob in names}
    return {"name": name, "what": line, "source": _source(measured), "knobs": knobs}


def _knob(default: Any) -> Any:
    """A section as what it changes of its own defaults."""
    if isinstance(default, Section):
        return default.model_dump(mode="json", exclude_defaults=True)
    return to_jsonable_python(default)


def _source(measured: Measured) -> str:
    """The first paper it names itself, else its file does: its own, or one it follows."""
    texts = (inspect.getdoc(measured) or "", sys.modules[measured.__module__].__doc__ or "")
    found = [match[0] for text in texts for match in re.finditer(PAPER, text)]
    return found[0] if found else ""
