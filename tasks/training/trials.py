"""What is done to a model to bring back what it has forgotten; each makes another model of it."""

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from tasks.core.variants import Variant
from tasks.training.loop import OptimiserConfig
from tasks.training.rounding import Format


class Trial(Variant):
    """A way to change a model, told apart from others of its kind by ``label``."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What a row of the results is called."""


class Relearn(Trial):
    """A few steps of descent on the forget text, or on half of it to test on the other half."""

    name: Literal["relearn"] = "relearn"
    on: Literal["forget", "half"] = Field(
        default="forget", description="half: about half of its tokens, near-duplicates together"
    )
    steps: int = Field(default=10, ge=1, le=100_000, description="optimiser steps")
    context: int = Field(
        default=2048,
        ge=2,
        le=2**20,
        description="tokens read at once, or fewer where the model's own context is shorter",
    )
    optimiser: OptimiserConfig = OptimiserConfig(learning_rate=1e-4, tokens_per_step=2048)

    @property
    def label(self) -> str:
        return "relearn" if self.on == "forget" else "relearn_half"


class Quantise(Trial):
    """Weights rounded to a format of fewer bits: half precision, 8-bit or 4-bit."""

    name: Literal["quantise"] = "quantise"
    weights: Format = Field(
        default="nf4", description="int8 and nf4: of linear layers alone, read back into fp32"
    )

    @property
    def label(self) -> str:
        return self.weights


TRIALS: tuple[type[Trial], ...] = (Relearn, Quantise)
AnyTrial = Annotated[Relearn | Quantise, Field(discriminator="name")]
