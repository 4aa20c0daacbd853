"""A method is a forget term plus a weighted retain term; the paper's seven are a product.

Yao et al. 2024, *Machine Unlearning of Pre-trained Large Language Models*, arXiv:2402.15159:
{ascent, random label, adversarial label} alone, and ascent x {descent, KL} x {retain, general}.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.core.errors import ConfigError
from tasks.core.variants import Section, nearest
from tasks.methods import AnyCoupling, AnyTerm
from tasks.methods.ce_u import CEU
from tasks.methods.coupling import Normalised, PrimalDual, WeightedSum
from tasks.methods.dpo import DPO, DPORefusal
from tasks.methods.flatten import Flatten
from tasks.methods.jsd import JSD, JSDUniform
from tasks.methods.kl import KL
from tasks.methods.labels import AdversarialLabel, RandomLabel
from tasks.methods.likelihood import Ascent, Descent
from tasks.methods.npo import NPO
from tasks.methods.residual import Hold, Shift
from tasks.methods.rmu import RMU, Features
from tasks.methods.satimp import SatImp
from tasks.methods.simnpo import SimNPO
from tasks.methods.undial import UNDIAL
from tasks.methods.wga import WGA
from tasks.training.edit import AnyEdit, Arithmetic, ModelState, TaskVector, Trained
from tasks.training.weights import AllWeights, AnyWeights, LowRank, Matching


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
    coupling: AnyCoupling = Field(default=WeightedSum(), description="of the two, in every step")
    weights: AnyWeights = Field(default=AllWeights(), description="that learn; others stay")
    edit: AnyEdit = Field(default=Trained(), description="of the weights, after the last step")

    @model_validator(mode="after")
    def _forgets(self) -> Self:
        teaches, apart = type(self.forget) is Descent, isinstance(self.edit, Arithmetic)
        if teaches and not apart:
            raise ValueError(
                "descent on the forget set teaches it: give an edit that takes that off again, "
                "task_vector or model_state"
            )
        if apart and not teaches:
            raise ValueError(
                f"{self.edit.name} takes off what learning the forget set changes: "
                "let forget be descent"
            )
        if apart and self.coupling != WeightedSum():
            raise ValueError(
                f"{self.edit.name} trains every side on its own: leave coupling at sum"
            )
        return self


Paper = Literal[
    "gradient_ascent",
    "random_label",
    "adversarial_label",
    "ascent_descent",
    "ascent_descent_general",
    "ascent_kl",
    "ascent_kl_general",
]
"""The seven methods of arXiv:2402.15159."""

Preset = Literal[
    Paper,
    "npo_descent",
    "npo_kl",
    "simnpo",
    "undial",
    "wga",
    "satimp",
    "ce_u",
    "rmu",
    "jensen_shannon",
    "normalised_descent",
    "primal_dual",
    "dpo",
    "dpo_refusal",
    "residual_alignment",
    "task_vector",
    "model_state",
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
    "npo_descent": Method(forget=NPO(), keep=(Keep(),)),
    "npo_kl": Method(forget=NPO(), keep=(Keep(term=KL()),)),
    "simnpo": Method(forget=SimNPO(), keep=(Keep(weight=8.0),)),
    "undial": Method(forget=UNDIAL(), keep=()),
    "wga": Method(forget=WGA(), keep=(Keep(),)),
    "satimp": Method(forget=SatImp(), keep=(Keep(weight=10.0),)),
    "ce_u": Method(forget=CEU(), keep=()),
    "rmu": Method(forget=RMU(), keep=(Keep(term=Features()),), weights=Matching()),
    "jensen_shannon": Method(forget=JSDUniform(), keep=(Keep(term=JSD()),)),
    "normalised_descent": Method(forget=Ascent(), keep=(Keep(),), coupling=Normalised()),
    "primal_dual": Method(forget=Flatten(), keep=(Keep(),), coupling=PrimalDual()),
    "dpo": Method(forget=DPO(), keep=(Keep(),)),
    "dpo_refusal": Method(forget=DPORefusal(), keep=(Keep(),)),
    "residual_alignment": Method(forget=Shift(), keep=(Keep(term=Hold()),), weights=LowRank()),
    "task_vector": Method(forget=Descent(), keep=(), edit=TaskVector()),
    "model_state": Method(forget=Descent(), keep=(Keep(),), edit=ModelState()),
}
"""Methods by the names ``lethe run preset=...`` takes."""


def preset(name: str, key: str = "preset") -> Method:
    """The method of that name, which was given as ``key``.

    Raises:
        ConfigError: there is none; the nearest is offered.
    """
    for known, method in PRESETS.items():
        if known == name:
            return method
    raise ConfigError(f"{key}={name}: no such method{nearest(name, PRESETS)}")
