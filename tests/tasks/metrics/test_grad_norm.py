import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tasks.core.batch import Chunk
from tasks.core.errors import ConfigError
from tasks.metrics.grad_norm import GradNorm, gradient_norms


class Unigram(torch.nn.Module):
    """Logits that are the same whatever was read, and a tensor of weights that nothing uses."""

    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor([1.0, 0.0, -1.0]))
        self.unused = torch.nn.Parameter(torch.ones(2))

    def forward(self, input_ids, **_):
        self.out = self.logits.expand(*input_ids.shape, 3)
        return type("Output", (), {"logits": self.out})


def chunk(labels, document):
    return Chunk(np.zeros(len(labels), dtype=np.int64), np.array(labels), document)


def norms(model, chunks, chosen, documents):
    return gradient_norms(model, chunks, chosen, documents, bfloat16=False)


def test_the_norm_is_that_of_the_gradient_of_the_mean_loss_averaged_over_tensors():
    # The gradient of a mean cross-entropy of fixed logits is p - (share of each label).
    p = np.exp([1.0, 0.0, -1.0]) / np.exp([1.0, 0.0, -1.0]).sum()
    found = norms(Unigram(), [chunk([0, 1, 1, 2], 0)], [0], 1)
    expected = np.linalg.norm(p - np.array([0.25, 0.5, 0.25]))
    assert found == pytest.approx([expected / 2])  # two tensors, one of them without a gradient


def test_a_document_in_pieces_is_one_document():
    whole = norms(Unigram(), [chunk([0, 1, 1, 2], 0)], [0], 1)
    pieces = norms(Unigram(), [chunk([0], 0), chunk([1, 1, 2], 0)], [0], 1)
    assert pieces == pytest.approx(whole)


def test_one_document_leaves_nothing_behind_for_the_next():
    chunks = [chunk([0], 0), chunk([2], 1)]
    model = Unigram()
    assert norms(model, chunks, [0, 1], 2)[1] == pytest.approx(norms(Unigram(), chunks, [1], 2)[1])
    assert model.logits.grad is None


def test_what_was_not_chosen_or_has_nothing_to_score_is_nan():
    found = norms(Unigram(), [chunk([0], 0), chunk([-100], 1), chunk([1], 2)], [0, 1], 3)
    assert np.isnan(found).tolist() == [False, True, True]


def test_what_was_learned_has_a_smaller_gradient_and_scores_higher(evidence_of):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(8, 16), torch.nn.Linear(16, 8))
    lm = type("LM", (torch.nn.Module,), {
        "forward": lambda self, input_ids, **_: type("Output", (), {"logits": self.net(input_ids)})
    })()  # fmt: skip
    lm.net = model
    rng = np.random.default_rng(0)
    texts = [rng.integers(8, size=6) for _ in range(20)]
    chunks = [Chunk(text[:-1], text[1:], at) for at, text in enumerate(texts)]
    optimiser = torch.optim.Adam(lm.parameters(), 0.05)
    for _ in range(60):  # the first two are learned by heart
        loss = sum(
            F.cross_entropy(model(torch.from_numpy(one.ids)), torch.from_numpy(one.labels))
            for one in chunks[:2]
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = norms(lm, chunks, range(20), 20)
    told = evidence_of(logp=[[-1.0]] * 20)._replace(grad_norm=found)
    scores = GradNorm().per_document(told)
    assert scores[:2].min() > scores[2:].max()
    assert (scores <= 0).all()


def test_without_gradients_there_is_no_score_and_the_knob_is_named(evidence_of):
    with pytest.raises(ConfigError, match=r"evaluate\.gradients"):
        GradNorm().per_document(evidence_of(logp=[[-1.0]]))
