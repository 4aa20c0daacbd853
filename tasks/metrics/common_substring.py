"""The longest run of true tokens that comes back without a gap.

Verbatim reproduction of training text is told by it in arXiv:2012.07805 and its successors; ROUGE-L
lets gaps pass and so counts common words of unrelated text too.
"""

from difflib import SequenceMatcher
from typing import Literal

import numpy as np

from tasks.metrics.verbatim import Continuation, Verbatim


class CommonSubstring(Verbatim):
    """Length of the longest common substring, in tokens of the model's own tokenizer."""

    name: Literal["common_substring"] = "common_substring"

    def value(self, continuation: Continuation) -> float:
        if not continuation.true_ids:
            return np.nan
        # Without autojunk=False, long texts would lose their frequent tokens.
        matcher = SequenceMatcher(None, continuation.ids, continuation.true_ids, autojunk=False)
        return float(matcher.find_longest_match().size)
