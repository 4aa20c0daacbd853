"""What every unlearning term looks like."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from tasks.core.batch import Batch, Chunk
from tasks.core.variants import Variant


class Term(Variant):
    """One published objective: its fields are the hyper-parameters, ``loss`` is the equation."""

    needs_reference: ClassVar[bool] = False
    """Whether ``loss`` compares against the frozen model from before unlearning."""

    reads_target: ClassVar[bool] = False
    """Whether ``relabel`` reads the forget set with the target once before the first step."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch, reference: nn.Module | None) -> Tensor:
        """The scalar to minimise, in nats unless the term says otherwise.

        A mean over the scored tokens of ``batch``: micro-batches weighted by theirs add up.
        """

    def relabel(
        self, chunks: Sequence[Chunk], model: nn.Module, tokenizer: PreTrainedTokenizerBase
    ) -> Sequence[Chunk]:
        """The chunks this term learns from, made once before the first step from the target.

        A term that compares a row with another gives every chunk an ``other``, which is then
        ``batch.other``, row by row.
        """
        return chunks
