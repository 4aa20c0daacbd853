"""What the layers of a model make of a text, for terms that speak of that and not of its words.

Shape letters: N scored tokens, D width.
"""

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor, nn

from tasks.core.batch import IGNORE, Batch

DEPTH = Field(
    default=0.25,
    gt=0,
    le=1,
    description="of the layer, as a share of all layers; 0.25 is the eighth of 32",
)


def layer(depth: float, layers: int) -> int:
    """The layer at ``depth`` of so many, from 1."""
    return max(1, round(depth * layers))


def hidden(model: nn.Module, batch: Batch, depths: Sequence[float]) -> list[Tensor]:
    """What the layer at each depth puts out at the N scored tokens, in fp32; each [N, D]."""
    # One token's logits are kept: all of them would be B x T x V that nobody reads.
    states = model(
        input_ids=batch.input_ids_BT, use_cache=False, output_hidden_states=True, logits_to_keep=1
    ).hidden_states  # the first is the embedding
    scored_BT = batch.labels_BT != IGNORE
    return [states[layer(depth, len(states) - 1)][scored_BT].float() for depth in depths]
