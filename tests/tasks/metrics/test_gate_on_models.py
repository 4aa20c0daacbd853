"""The gate on models of a real, if tiny, kind: one that knows, one that never saw, one destroyed.

Documents are random words, so there is nothing to learn of one from another: what is known is known
by heart. General, retain and test are stood for by what each model reads of them.
"""

import copy

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tasks.core.batch import Chunk, bucketed, collate
from tasks.core.logprobs import mean_nll, next_logits
from tasks.metrics import ATTACKS, METRICS
from tasks.metrics.evidence import gather
from tasks.metrics.gate import GateConfig, judge
from tasks.metrics.grad_norm import gradient_norms
from tasks.metrics.statistics import Sampling, standing

WORDS, LENGTH, DOCUMENTS = 24, 16, 24


def written(seed):
    rng = np.random.default_rng(seed)
    drawn = rng.integers(WORDS, size=(DOCUMENTS, LENGTH + 1))
    return [Chunk(ids[:-1], ids[1:], document) for document, ids in enumerate(drawn)]


SPLITS = {
    name: written(seed)
    for seed, name in enumerate(("forget", "retain", "general", "approximate", "test"))
}


def moved(model, sides, steps, rate=3e-3):
    """A copy of ``model`` after so many AdamW steps on the signed mean losses of ``sides``."""
    model = copy.deepcopy(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0)
    for _ in range(steps):
        optimiser.zero_grad()
        for sign, chunks in sides:
            batch = collate(chunks)
            (sign * mean_nll(next_logits(model, batch), batch.labels_BT)).backward()
        optimiser.step()
    return model.eval()


@pytest.fixture(scope="module")
def blank():
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=WORDS,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
        )
    )


@pytest.fixture(scope="module")
def target(blank):
    return moved(blank, [(1, SPLITS["forget"] + SPLITS["retain"] + SPLITS["general"])], 250)


@pytest.fixture(scope="module")
def retrained(blank):
    return moved(blank, [(1, SPLITS["retain"] + SPLITS["general"])], 200)


def measured(model):
    ids, texts = [str(i) for i in range(DOCUMENTS)], ["some text"] * DOCUMENTS
    told = {
        split: gather(model, chunks, bucketed(chunks, 4096), ids, texts, bfloat16=False)._replace(
            grad_norm=gradient_norms(model, chunks, range(DOCUMENTS), DOCUMENTS, bfloat16=False)
        )
        for split, chunks in SPLITS.items()
    }
    scores = {
        split: {name: metric.value(evidence) for name, metric in METRICS.items()}
        for split, evidence in told.items()
    }
    attacks = {
        name: standing(
            attack.per_document(told["forget"]),
            attack.per_document(told["approximate"]),
            Sampling(resamples=200, confidence=0.95, seed=0),
        )._asdict()
        for name, attack in ATTACKS.items()
    }
    return scores, attacks


def verdict(**models):
    found = {role: measured(model) for role, model in models.items()}
    return judge(
        {role: scores for role, (scores, _) in found.items()},
        {role: attacks for role, (_, attacks) in found.items()},
        GateConfig(),
    )


def failed(found):
    return {reason.rule for reason in found.reasons if not reason.passed}


def test_left_untouched_it_fails(target, retrained):
    found = failed(verdict(target=target, unlearned=target, retrained=retrained))
    assert found >= {"forgotten", "forget_extraction_strength", "membership_loss"}
    assert not found & {"retain_perplexity", "general_perplexity", "test_perplexity"}


def test_destroyed_by_ascent_it_fails(target, retrained):
    destroyed = moved(target, [(-1, SPLITS["forget"])], 60)
    found = failed(verdict(target=target, unlearned=destroyed, retrained=retrained))
    assert found >= {"forget_perplexity", "retain_perplexity", "general_perplexity"}


def test_retrained_without_the_text_it_passes(target, retrained):
    assert failed(verdict(target=target, unlearned=retrained, retrained=retrained)) == set()
