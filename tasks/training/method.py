"""A method is a forget term plus a weighted retain term; the paper's seven are a product.

Yao et al. 2024, *Machine Unlearning of Pre-trained Large Language Models*, arXiv:2402.15159:
{ascent, random label, adversarial label} alone, and ascent x {descent, KL} x {retain, general}.
"""

from typing import Literal

from pydantic import Field

from tasks.core.errors import ConfigError
from tasks.core.variants import Section, nearest
from tasks.methods import AnyTerm
from tasks.methods.kl import KL
from tasks.methods.labels import AdversarialLabel, RandomLabel
from tasks.methods.likelihood import Ascent, Descent


class Keep(Section):
    """What holds the model in place while it forgets."""

    term: AnyTerm = Descent()
    split: Literal["retain", "general"] = Field(
        default="retain", description="in-distribution text, or the other domains'"
    )
    weight: float = Field(default=1.0, gt=0, description="of the keep loss beside the forget loss")


class Method(Section):
    """What is minimised: a forget term, and what keeps the rest, if anything does."""

    forget: AnyTerm = Ascent()
    keep: tuple[Keep, ...] = (Keep(),)

    @property
    def needs_reference(self) -> bool:
        """Whether a frozen copy of the target must be at hand."""
        return any(term.needs_reference for term in (self.forget, *(k.term for k in self.keep)))


Preset = Literal[
    "gradient_ascent",
    "random_label",
    "adversarial_label",
    "ascent_descent",
    "ascent_descent_general",
    "ascent_kl",
    "ascent_kl_general",
]

PRESETS: dict[Preset, Method] = {
    "gradient_ascent": Method(forget=Ascent(), keep=()),
    "random_label": Method(forget=RandomLabel(), keep=()),
    "adversarial_label": Method(forget=AdversarialLabel(), keep=()),
    "ascent_descent": Method(forget=Ascent(), keep=(Keep(term=Descent(), split="retain"),)),
    "ascent_descent_general": Method(
        forget=Ascent(), keep=(Keep(term=Descent(), split="general"),)
    ),
    "ascent_kl": Method(forget=Ascent(), keep=(Keep(term=KL(), split="retain"),)),
    "ascent_kl_general": Method(forget=Ascent(), keep=(Keep(term=KL(), split="general"),)),
}
"""The seven methods of arXiv:2402.15159, by the names ``lethe run preset=...`` takes."""


def preset(name: str) -> Method:
    """The method of that name.

    Raises:
        ConfigError: there is none; the nearest is offered.
    """
    for known, method in PRESETS.items():
        if known == name:
            return method
    raise ConfigError(f"preset={name}: no such method{nearest(name, PRESETS)}")
