"""Misdirect what a middle layer makes of the text, or hold it where it was.

Li et al. 2024, *The WMDP Benchmark* (RMU), arXiv:2403.03218. Both losses are squared distances of
hidden states per dimension, not nats, over scored tokens only; OpenUnlearning's code divides every
row's sum by every other row's length. Which weights learn is the method's choice: the paper trains
three matrices below the layer, as the preset does.
"""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from tasks.core.batch import Batch
from tasks.methods.hidden import DEPTH, hidden
from tasks.methods.term import Term


def direction(width: int, seed: int) -> Tensor:
    """A vector of length 1, entries drawn uniformly from [0, 1) and scaled; [D]."""
    drawn_D = torch.rand(width, generator=torch.Generator().manual_seed(seed))
    return F.normalize(drawn_D, dim=0)


class RMU(Term):
    """Push hidden states to one random vector; 0 where every one is there; arXiv:2403.03218.

    Moves what later layers read, hardly what the model says of verbatim text.
    """

    name: Literal["rmu"] = "rmu"
    depth: float = DEPTH
    coefficient: float = Field(
        default=2.0, gt=0, le=10_000, description="length of the vector; in units of hidden states"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="of the vector's direction")

    def loss(self, model: nn.Module, batch: Batch, reference: nn.Module | None) -> Tensor:
        (state_ND,) = hidden(model, batch, [self.depth])
        aim_D = self.coefficient * direction(state_ND.shape[-1], self.seed).to(state_ND.device)
        return (state_ND - aim_D).square().mean()


class Features(Term):
    """RMU's keep side: hold hidden states at the reference's; 0 there; arXiv:2403.03218."""

    name: Literal["features"] = "features"
    depth: float = DEPTH
    needs_reference: ClassVar[bool] = True

    def loss(self, model: nn.Module, batch: Batch, reference: nn.Module | None) -> Tensor:
        assert reference is not None  # promised by needs_reference
        with torch.no_grad():
            (kept_ND,) = hidden(reference, batch, [self.depth])
        (state_ND,) = hidden(model, batch, [self.depth])
        return F.mse_loss(state_ND, kept_ND)
