"""What there is to choose from, told by the code itself: a line, a source and the knobs of each."""

import inspect
import re
import sys
from typing import Any

from tasks.core.variants import Section, Variant
from tasks.methods import COUPLINGS, TERMS
from tasks.metrics import ATTACKS, METRICS, PROMPTS, VERBATIM
from tasks.training.method import PRESETS, Method
from tasks.training.trials import TRIALS

PAPER = r"arXiv:\d{4}\.\d{5}"
Rows = list[dict[str, Any]]


def methods() -> dict[str, Rows]:
    """Presets, and the terms and couplings they are made of."""
    return {
        "presets": [{"name": name, "what": objective(method)} for name, method in PRESETS.items()],
        "terms": [_told(term) for term in TERMS.values()],
        "couplings": [_told(coupling) for coupling in COUPLINGS.values()],
    }


def metrics() -> dict[str, Rows]:
    """Metrics of a split, membership attacks, and what ``lethe stress`` tries and measures."""
    return {
        "metrics": [_told(type(metric)) for metric in METRICS.values()],
        "attacks": [_told(type(attack)) for attack in ATTACKS.values()],
        "verbatim": [_told(type(verbatim)) for verbatim in VERBATIM.values()],
        "prompts": [_told(prompt) for prompt in PROMPTS.values()],
        "trials": [_told(trial) for trial in TRIALS],
    }


def objective(method: Method) -> str:
    """``npo on forget + 1 x descent on retain``."""
    sides = [f"{method.forget.name} on forget"]
    sides += [f"{keep.weight:g} x {keep.term.name} on {keep.split}" for keep in method.keep]
    joined = " + ".join(sides)
    joined += f", {method.coupling.name}" if method.coupling.name != "sum" else ""
    return joined + (f", {method.scale:g} x the change" if method.scale != 1 else "")


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


def _told(variant: type[Variant]) -> dict[str, Any]:
    line = (inspect.getdoc(variant) or "").split("\n\n")[0].replace("\n", " ")
    line = re.sub(rf"[,;] (after )?{PAPER}\.?$", ".", line)  # it has a place of its own
    return {
        "name": variant.model_fields["name"].default,
        "what": line,
        "source": _source(variant),
        "knobs": {
            name: _knob(field.default)
            for name, field in variant.model_fields.items()
            if name != "name"
        },
    }


def _knob(default: Any) -> Any:
    """A section as what it changes of its own defaults."""
    if isinstance(default, Section):
        return default.model_dump(mode="json", exclude_defaults=True)
    return default


def _source(variant: type[Variant]) -> str:
    """The first paper named by the class, else by its file: its own, or one it follows."""
    texts = (inspect.getdoc(variant) or "", sys.modules[variant.__module__].__doc__ or "")
    found = [match[0] for text in texts for match in re.finditer(PAPER, text)]
    return found[0] if found else ""
