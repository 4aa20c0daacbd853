"""What every measure of a continuation looks like: what came and what is true in, a number out."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from tasks.core.variants import Variant


class Continuation(NamedTuple):
    """What a model went on with, and how the document goes on; the same number of tokens at most.

    Neither is ever written down.
    """

    ids: Sequence[int]
    true_ids: Sequence[int]
    text: str
    true_text: str


class Verbatim(Variant):
    """How much of the true text comes back; higher is less forgotten."""

    @abstractmethod
    def value(self, continuation: Continuation) -> float:
        """The value of one continuation, NaN where there is nothing to find."""
