"""Shift what the layers make of the text, and hold what they make of everything else.

Qin et al. 2024, *Machine Unlearning on Pre-trained Models by Residual Feature Alignment Using
LoRA*, arXiv:2411.08443: a feature is what the target makes of the text and a residual, which an
adapter adds; the residual is to be zero on what is kept and shifted on what is forgotten. That much
is the paper's abstract, and its formulas were not at hand: the distance, over scored tokens and
relative to the target's feature, and what a residual is shifted to are ours. The adapter is the
method's choice of weights, as in the preset; without one the terms mean the same.

Shape letters: N scored tokens, D width.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from tasks.core.batch import IGNORE, Batch
from tasks.methods.hidden import hidden
from tasks.methods.term import Term

Share = Annotated[float, Field(gt=0, le=1)]
SMALLEST = 1e-6
"""Squared length of a feature below which its residual counts as it is."""


def residual(state_ND: Tensor, aim_ND: Tensor, target_ND: Tensor) -> Tensor:
    """Mean over N of |state - aim|^2 / |target|^2; scalar, 0 where every state has its aim."""
    length_N = target_ND.square().sum(-1).clamp(min=SMALLEST)
    return ((state_ND - aim_ND).square().sum(-1) / length_N).mean()


def row_means(state_ND: Tensor, labels_BT: Tensor) -> Tensor:
    """For every scored token, the mean of the states of its row; [N, D]."""
    row_N = (labels_BT != IGNORE).nonzero()[:, 0]
    sums_BD = state_ND.new_zeros(len(labels_BT), state_ND.shape[-1]).index_add(0, row_N, state_ND)
    return (sums_BD / row_N.bincount(minlength=len(labels_BT)).clamp(min=1).unsqueeze(-1))[row_N]


class Residual(Term):
    """``residual`` at several layers, averaged over them; a share, not nats."""

    depths: tuple[Share, ...] = Field(
        default=(0.25, 0.5, 0.75),
        min_length=1,
        description="of the layers, as shares of all layers",
    )
    needs_reference: ClassVar[bool] = True

    def loss(self, model: nn.Module, batch: Batch, reference: nn.Module | None) -> Tensor:
        assert reference is not None  # promised by needs_reference
        with torch.no_grad():
            targets = hidden(reference, batch, self.depths)
        losses = [
            residual(state_ND, self.aim(target_ND, batch.labels_BT), target_ND)
            for state_ND, target_ND in zip(hidden(model, batch, self.depths), targets, strict=True)
        ]
        return torch.stack(losses).mean()

    @abstractmethod
    def aim(self, target_ND: Tensor, labels_BT: Tensor) -> Tensor:
        """Where features are to be, by where the target has them; [N, D]."""


class Shift(Residual):
    """Push features to their mean over the row; 0 once they are there, arXiv:2411.08443.

    There a layer says which text it reads, at most, and not which token comes next. As ``share``
    tends to 0 it holds the target where it is.
    """

    name: Literal["shift"] = "shift"
    share: float = Field(default=1.0, gt=0, le=10, description="of the way to the mean")

    def aim(self, target_ND: Tensor, labels_BT: Tensor) -> Tensor:
        return target_ND.lerp(row_means(target_ND, labels_BT), self.share)


class Hold(Residual):
    """Hold features where the target has them; 0 there, arXiv:2411.08443."""

    name: Literal["hold"] = "hold"

    def aim(self, target_ND: Tensor, labels_BT: Tensor) -> Tensor:
        return target_ND
