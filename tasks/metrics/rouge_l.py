"""ROUGE-L of a continuation: the words that come back in the right order, gaps allowed.

Lin 2004, *ROUGE: A Package for Automatic Evaluation of Summaries*; over greedy continuations of
forgotten text it is the verbatim memorisation of MUSE, arXiv:2407.06460. MUSE counts words as they
stand, OpenUnlearning (arXiv:2506.12618) their stems, which finds more: the two have names of their
own here and are not to be compared. The words are the rouge-score library's: lower case, ASCII
letters and digits alone.
"""

from functools import cache
from typing import Any, Literal

import numpy as np

from tasks.metrics.verbatim import Continuation, Verbatim


class RougeL(Verbatim):
    """F1 of the longest common subsequence of words, as they stand; from 0 to 1."""

    name: Literal["rouge_l"] = "rouge_l"

    def value(self, continuation: Continuation) -> float:
        return rouge_l(continuation, stemmed=False)


class RougeLStemmed(Verbatim):
    """F1 of the longest common subsequence of Porter stems; from 0 to 1."""

    name: Literal["rouge_l_stemmed"] = "rouge_l_stemmed"

    def value(self, continuation: Continuation) -> float:
        return rouge_l(continuation, stemmed=True)


def rouge_l(continuation: Continuation, *, stemmed: bool) -> float:
    """F1 against the true text, NaN where that has no word that ROUGE counts."""
    words, scorer = _scorer(stemmed)
    if not words.tokenize(continuation.true_text):
        return np.nan
    scores = scorer.score(continuation.true_text, continuation.text)
    return float(scores["rougeL"].fmeasure)


@cache
def _scorer(stemmed: bool) -> tuple[Any, Any]:
    from rouge_score import rouge_scorer, tokenizers  # it takes seconds, and few commands need it

    words = tokenizers.DefaultTokenizer(use_stemmer=stemmed)
    return words, rouge_scorer.RougeScorer(["rougeL"], tokenizer=words)
