import math

import numpy as np
import pytest
import torch
from scipy.special import log_expit, log_softmax
from transformers import LlamaConfig, LlamaForCausalLM

from tasks.core.batch import IGNORE, Batch, Chunk, collate
from tasks.data.tokens import EOS, train_tokenizer
from tasks.methods.dpo import DPO, DPORefusal, continued
from tasks.methods.likelihood import Ascent, Descent
from tasks.methods.npo import NPO

# Two rows of the text, and what could stand in their place. Model odds 1 : 3, reference 1 : 1.
OTHER = Batch(torch.zeros(2, 2, dtype=torch.long), torch.tensor([[1, 1], [1, IGNORE]]))
BATCH = Batch(torch.zeros(2, 2, dtype=torch.long), torch.tensor([[0, 1], [1, IGNORE]]), OTHER)


@pytest.fixture(scope="module")
def llama():
    """A small model of 40 tokens whose next ones are hard to guess."""
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=40, hidden_size=16, intermediate_size=16, num_hidden_layers=2,
        num_attention_heads=2, initializer_range=0.5,
    )  # fmt: skip
    return LlamaForCausalLM(shape).eval()


def a_chunk(*tokens, document=0):
    return Chunk(np.array(tokens[:-1]), np.array(tokens[1:]), document)


def a_text(seed, length, vocab=40):
    return a_chunk(*np.random.default_rng(seed).integers(vocab, size=length))


def gradient(term, model, batch, reference):
    model.zero_grad()
    term.loss(model, batch, reference).backward()
    return model.logits.grad


def test_rows_are_compared_by_how_much_each_has_risen(known):
    # Row 1: true 1/4 * 3/4 over 1/4 = 3/4, other (3/4)^2 over 1/4 = 9/4: a ratio of 3.
    # Row 2: the other is just as likely as the true one: a ratio of 1.
    # -(2/2) log sigmoid(2 log ratio) = log(1 + ratio^-2); three tokens of the text are scored.
    by_hand = (math.log(1 + 1 / 9) + math.log(2)) / 3
    loss = DPO(beta=2).loss(known(1.0, 3.0), BATCH, known(1.0, 1.0))
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)


def test_it_is_the_formula_of_other_projects_but_for_what_it_is_divided_by(bigram):
    model, reference, beta = bigram(2, 1), bigram(2, 2), 0.3

    def nll(told, batch):
        labels = batch.labels_BT.numpy()
        logp = log_softmax(told.table.detach().double().numpy(), -1)[batch.input_ids_BT.numpy()]
        true = np.take_along_axis(logp, np.maximum(labels, 0)[..., None], -1)[..., 0]
        return -np.where(labels == IGNORE, 0, true).sum(-1)

    win = -(nll(model, OTHER) - nll(reference, OTHER))
    lose = -(nll(model, BATCH) - nll(reference, BATCH))
    golden = (-2 / beta * log_expit(beta * (win - lose))).mean()  # over two rows, not three tokens
    loss = DPO(beta=beta).loss(model, BATCH, reference)
    assert loss.item() * 3 / 2 == pytest.approx(golden, rel=1e-5)


def test_an_untouched_model_scores_two_log_two_over_beta_a_row(known):
    loss = DPO(beta=0.1).loss(known(1.0, 3.0), BATCH, known(1.0, 3.0))
    assert loss.item() == pytest.approx(2 * 2 * math.log(2) / 0.1 / 3)


def test_as_beta_tends_to_zero_it_is_ascent_on_the_text_and_descent_on_the_other(known):
    model = known(1.0, 3.0)
    both = gradient(Ascent(), model, BATCH, None) * 3 + gradient(Descent(), model, OTHER, None) * 3
    soft = gradient(DPO(beta=1e-4), model, BATCH, known(5.0, 1.0))
    assert torch.allclose(soft * 3, both, rtol=1e-3)


def test_with_nothing_in_its_place_it_is_npo(known):
    nothing = OTHER._replace(labels_BT=torch.full_like(OTHER.labels_BT, IGNORE))
    model, reference = known(1.0, 3.0), known(5.0, 1.0)
    alone = DPO(beta=0.5).loss(model, BATCH._replace(other=nothing), reference)
    assert alone.item() == pytest.approx(NPO(beta=0.5).loss(model, BATCH, reference).item())


def test_both_rows_begin_alike_and_neither_scores_that(llama):
    text = a_text(1, 20)
    (pair,) = DPO(begin=4).relabel([text], llama, None)
    assert (pair.ids[:5] == pair.other.ids[:5]).all()
    assert (pair.ids == text.ids).all()
    for row in (pair, pair.other):
        assert (row.labels[:4] == IGNORE).all()
        assert (row.labels[4:-1] == row.ids[5:]).all()
    assert pair.scored == pair.other.scored == 15


def test_what_is_drawn_parts_from_the_text_at_once(llama):
    texts = [a_text(seed, 12) for seed in range(50)]
    for pair in DPO(begin=3).relabel(texts, llama, None):
        assert pair.labels[3] != pair.other.labels[3]


def test_half_a_short_row_at_most_is_only_begun(llama):
    (pair,) = DPO(begin=100).relabel([a_text(0, 8)], llama, None)
    assert pair.scored == 4  # of seven


def test_what_is_drawn_is_fixed_by_its_seed_and_not_by_who_is_drawn_beside_it(llama):
    texts = [a_text(seed, length) for seed, length in enumerate((30, 9, 14, 3))]
    torch.manual_seed(9)
    one = DPO(seed=1).relabel(texts, llama, None)
    torch.manual_seed(8)
    for at in range(4):
        alone = DPO(seed=1).relabel([*texts[: at + 1]], llama, None)
        assert (alone[at].other.ids == one[at].other.ids).all()
    other = DPO(seed=2).relabel(texts, llama, None)
    assert (one[0].other.ids != other[0].other.ids).any()
    same, again = DPO().relabel([texts[0], texts[0]], llama, None)
    assert (same.other.ids != again.other.ids).any()  # the same text twice is drawn twice


def test_tokens_are_drawn_as_often_as_the_model_would_say_them(llama):
    with torch.no_grad():
        p = llama(input_ids=torch.tensor([[7, 3]])).logits[0, -1].softmax(-1)
    text, draws = np.array([7, 3, 11]), 4000
    lots = np.random.default_rng(0).random((draws, 3))
    told = continued(llama, [text] * draws, 1, lots)
    seen = np.bincount([row[2] for row in told], minlength=40) / draws
    p[11] = 0.0  # the true one
    assert seen[11] == 0
    assert np.abs(seen - (p / p.sum()).numpy()).max() < 0.02  # 3 sd of a share of 1/10 are 0.014


def test_each_token_is_drawn_after_all_before_it(llama):
    """With lots of 0.5, the same row is found by reading it anew at every place, without a cache."""
    row = np.array([5, 1, 2, 0, 0, 0])
    (told,) = continued(llama, [row], 2, [np.full(6, 0.5)])
    by_hand = [5, 1, 2]
    for place in range(3, 6):
        with torch.no_grad():
            p = llama(input_ids=torch.tensor([by_hand])).logits[0, -1].double().softmax(-1)
        if place == 3:
            p[0] = 0.0
        by_hand.append(int((p.cumsum(0) > 0.5 * p.sum()).nonzero()[0]))
    assert told.tolist() == by_hand


def test_a_refusal_stands_in_the_place_of_the_text_and_ends_it():
    tokenizer = train_tokenizer(["no text here"] * 3, 300)
    refusal = tokenizer(" no", add_special_tokens=False)["input_ids"]
    long, short = a_text(0, 40, 300), a_text(1, 4, 300)
    pairs = DPORefusal(begin=2, refusal=" no").relabel([long, short], None, tokenizer)
    said = [*refusal, tokenizer.convert_tokens_to_ids(EOS)]
    other = pairs[0].other
    assert other.labels[other.labels != IGNORE].tolist() == said
    assert other.ids[:3].tolist() == long.ids[:3].tolist()
    assert len(pairs[1].other.ids) <= len(short.ids)  # what is compared is never longer


def test_pairs_stay_together_in_a_batch(llama):
    texts = [a_text(seed, length) for seed, length in enumerate((30, 9, 14))]
    pairs = DPO().relabel(texts, llama, None)
    batch = collate(pairs)
    for row, pair in enumerate(pairs):
        true, other = batch.labels_BT[row], batch.other.labels_BT[row]
        assert true[true != IGNORE].tolist() == pair.labels[pair.labels != IGNORE].tolist()
        assert (
            other[other != IGNORE].tolist()
            == pair.other.labels[pair.other.labels != IGNORE].tolist()
        )
