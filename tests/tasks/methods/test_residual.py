import math

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tasks.core.batch import IGNORE, Batch
from tasks.methods.residual import Hold, Shift, residual, row_means

BATCH = Batch(torch.tensor([[0, 1, 2], [3, 4, 5]]), torch.tensor([[1, 2, IGNORE], [4, 0, 0]]))


@pytest.fixture
def llama():
    """Four blocks, eight wide."""
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=11, hidden_size=8, intermediate_size=8, num_hidden_layers=4,
        num_attention_heads=2,
    )  # fmt: skip
    return LlamaForCausalLM(shape).eval()


def test_a_residual_is_a_share_of_the_feature_it_is_added_to():
    # |(3, 4) - (3, 0)|^2 / |(3, 4)|^2 = 16 / 25, and nothing for the second.
    state, aim = torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    assert residual(state, aim, state).item() == pytest.approx(16 / 25 / 2)


def test_means_are_of_the_scored_tokens_of_a_row():
    labels = torch.tensor([[1, IGNORE, 1], [IGNORE, IGNORE, IGNORE], [1, IGNORE, IGNORE]])
    state = torch.tensor([[1.0, 0.0], [3.0, 2.0], [5.0, 5.0]])
    assert row_means(state, labels).tolist() == [[2.0, 1.0], [2.0, 1.0], [5.0, 5.0]]


def test_holding_costs_nothing_for_the_reference_itself(known):
    assert Hold().loss(known(2.0, 7.0), BATCH, known(2.0, 7.0)).item() == 0


def test_holding_is_worked_by_hand(known):
    # Features (log 2, log 7) against (log 8, log 7), the same at every token and layer.
    by_hand = math.log(4) ** 2 / (math.log(8) ** 2 + math.log(7) ** 2)
    loss = Hold().loss(known(2.0, 7.0), BATCH, known(8.0, 7.0))
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)


def test_shifting_is_worked_by_hand(bigram):
    # One layer; a token's feature is its row of the table. Two scored tokens, 0 and 1: half-way to
    # their mean, a quarter of their difference is left between each and its aim.
    model, batch = bigram(6, 3), Batch(torch.tensor([[0, 1]]), torch.tensor([[1, 2]]))
    first, second = model.table[0].detach(), model.table[1].detach()
    apart = ((first - second) / 4).square().sum()
    by_hand = (apart / first.square().sum() + apart / second.square().sum()) / 2
    loss = Shift(share=0.5).loss(model, batch, model)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_shifting_is_done_where_every_feature_is_the_mean_of_its_row(bigram):
    reference, model = bigram(6, 3), bigram(6, 4)
    batch = Batch(torch.tensor([[0, 1]]), torch.tensor([[1, 2]]))
    with torch.no_grad():
        model.table[:2] = reference.table[:2].mean(0)
    assert Shift().loss(model, batch, reference).item() == pytest.approx(0, abs=1e-10)


def test_shifting_by_nothing_is_holding(bigram):
    model, reference = bigram(6, 3), bigram(6, 4)
    held = Hold().loss(model, BATCH, reference).item()
    assert Shift(share=1e-6).loss(model, BATCH, reference).item() == pytest.approx(held, rel=1e-4)


def test_every_layer_named_counts_the_same(llama):
    torch.manual_seed(1)
    reference = LlamaForCausalLM(llama.config).eval()
    depths = (0.25, 0.75)
    apart = [Hold(depths=(depth,)).loss(llama, BATCH, reference).item() for depth in depths]
    both = Hold(depths=depths).loss(llama, BATCH, reference).item()
    assert apart[0] != pytest.approx(apart[1], rel=1e-3)
    assert both == pytest.approx(sum(apart) / 2, rel=1e-5)
