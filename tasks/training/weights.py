"""Which weights learn, and what is left of them beside the whole model."""

import re
from abc import abstractmethod
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn
from transformers import PreTrainedModel

from tasks.core.errors import ConfigError
from tasks.core.variants import Variant
from tasks.methods.hidden import DEPTH, layer

ADAPTER = "adapter"
"""Beside the weights: what was learned alone, where that is not the whole of them."""

MLP_OUT = (
    "*.mlp.down_proj.weight",  # Llama, Mistral, Qwen2, OLMo2, Gemma
    "*.mlp.dense_4h_to_h.weight",  # GPT-NeoX, Bloom, Falcon
    "*.mlp.c_proj.weight",  # GPT-2
    "*.mlp.fc_out.weight",  # GPT-J
    "*.mlp.fc2.weight",  # Phi
    "*.layers.*.fc2.weight",  # OPT
)
"""The matrix that leads out of a block's MLP, by the names it has in the families."""


class Weights(Variant):
    """A choice of weights. All others stay as they are, and are neither kept nor optimised."""

    @abstractmethod
    def choose(self, model: PreTrainedModel) -> Callable[[Path], None]:
        """Let only these learn; call the answer once, to make the model whole and save the rest.

        Raises:
            ConfigError: the model has no such weights.
        """


class AllWeights(Weights):
    """Every weight of the model."""

    name: Literal["all"] = "all"

    def choose(self, model: PreTrainedModel) -> Callable[[Path], None]:
        return _whole


class Matching(Weights):
    """Weights of that name in a few blocks; by itself those of RMU, arXiv:2403.03218.

    The paper trains the matrix that leads out of the MLP in three blocks, the last of which is the
    layer whose output is misdirected.
    """

    name: Literal["matching"] = "matching"
    names: tuple[str, ...] = Field(
        default=MLP_OUT, min_length=1, description="of parameters, with * for any part"
    )
    depth: float = DEPTH
    blocks: int = Field(
        default=3, ge=1, le=1000, description="up to and with the one at depth; fewer if it is low"
    )

    def choose(self, model: PreTrainedModel) -> Callable[[Path], None]:
        names = [name for name, _ in model.named_parameters()]
        last = layer(self.depth, 1 + max(_block(name) for name in names))
        chosen = {
            name
            for name in names
            if last - self.blocks <= _block(name) < last
            and any(fnmatchcase(name, known) for known in self.names)
        }
        if not chosen:
            raise ConfigError(
                f"unlearn.method.weights.names={', '.join(self.names)}: no weight of blocks "
                f"{max(last - self.blocks, 0)} to {last - 1} has such a name; one that is there: "
                f"{next(name for name in names if _block(name) == last - 1)}"
            )
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in chosen)
        return _whole


class LowRank(Weights):
    """A product of two thin matrices beside every linear map of every block; arXiv:2106.09685.

    LoRA by PEFT: the target's own weights stay, and the product, which is zero before the first
    step, is added to them after the last. It is kept beside the merged model in ``adapter/``, from
    where PEFT can merge it into the target again.
    """

    name: Literal["low_rank"] = "low_rank"
    rank: int = Field(default=16, ge=1, le=4096, description="width of the thin matrices")
    alpha: int = Field(
        default=32, ge=1, le=100_000, description="the product counts alpha / rank times"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="of the first of the two matrices")

    def choose(self, model: PreTrainedModel) -> Callable[[Path], None]:
        from peft import LoraConfig, get_peft_model  # takes seconds

        wanted: Any = LoraConfig(
            r=self.rank, lora_alpha=self.alpha, lora_dropout=0.0, target_modules="all-linear"
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            wrapped: Any = get_peft_model(model, wanted)  # changes the model itself

        def settle(out: Path) -> None:
            wrapped.peft_config["default"].base_model_name_or_path = ""  # a path on this machine
            wrapped.save_pretrained(out / ADAPTER)
            (out / ADAPTER / "README.md").unlink(missing_ok=True)  # a form to fill in
            wrapped.merge_and_unload()

        return settle


AnyWeights = Annotated[AllWeights | Matching | LowRank, Field(discriminator="name")]


def learning(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that are trained, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def _whole(out: Path) -> None:
    """Nothing was added to the model, and nothing is to be saved beside it."""


def _block(name: str) -> int:
    """The block a parameter lies in, from 0; -1 for one in no block."""
    number = re.search(r"\.(\d+)\.", name)
    return int(number[1]) if number else -1
