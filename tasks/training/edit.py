"""What becomes of weights once they are trained: they are the result, or arithmetic makes it.

Arithmetic trains every side on its own and adds what that changed to the target; a sibling of the
loop, which it uses and does not know.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from tasks.core.variants import Section, Variant
from tasks.training.model import load


class Trained(Variant):
    """The weights as training on all sides together leaves them."""

    name: Literal["trained"] = "trained"


class Arithmetic(Variant):
    """The target less what learning the forget text changes, plus what each keep side changes."""

    from_earlier: ClassVar[bool] = False
    """Whether sides are tuned from an earlier checkpoint of the target, not from the target."""

    forget: float = Field(
        default=1.0, gt=0, le=100, description="times the forget text's change that is taken off"
    )


class TaskVector(Arithmetic):
    """Target - forget x (tuned on forget - target); as forget tends to 0, the target.

    Ilharco et al. 2022, *Editing Models with Task Arithmetic*, arXiv:2212.04089. A keep side, which
    the paper has not, is tuned from the target too and its change added, weight times.
    """

    name: Literal["task_vector"] = "task_vector"


class ModelState(Arithmetic):
    """Target - forget x (T1 - T0) + weight x (T2 - T0), T0 an earlier checkpoint; arXiv:2506.20941.

    Rezaei et al. 2025, *Data Unlearning with Model State History* (MSA): T1 is T0 tuned on the
    forget text, T2 on the keep text. Differences are taken in fp32, the authors' code takes them in
    bfloat16. The paper's T0 is from before the forget text was read; where a model is trained here,
    its documents come in every epoch, and an early T0 has read it less, not never.
    """

    name: Literal["model_state"] = "model_state"
    from_earlier: ClassVar[bool] = True


AnyEdit = Annotated[Trained | TaskVector | ModelState, Field(discriminator="name")]


class Change(Section):
    """The change that another job made, from the same start, and how often it counts."""

    folder: Path
    """Of the model that job left."""
    times: float


class Added(Section):
    """A model, and how often a job's own change and those of others are added to it."""

    to: Path
    times: float
    others: tuple[Change, ...] = ()


@torch.no_grad()
def add(model: nn.Module, start: Path, added: Added) -> None:
    """Leave ``added.to`` and the changes since ``start`` in ``model``; in fp32.

    Holds three models at most at a time, of which one is ``model``.

    Raises:
        ModelError: a folder holds no model that loads.
    """
    left = dict(model.cpu().named_parameters())
    before = _parameters(start)
    for name, parameter in left.items():
        parameter.copy_(added.times * (parameter.float() - before[name]))
    for change in added.others:
        after = _parameters(change.folder)
        for name, parameter in left.items():
            parameter.add_(change.times * (after[name] - before[name]))
    target = before if added.to == start else _parameters(added.to)
    for name, parameter in left.items():
        parameter.add_(target[name])


def _parameters(folder: Path) -> dict[str, Tensor]:
    return dict(load(folder)[0].named_parameters())
