import math

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tasks.core.batch import IGNORE, Batch
from tasks.methods.hidden import hidden
from tasks.methods.rmu import RMU, Features, direction

BATCH = Batch(torch.tensor([[0, 0]]), torch.tensor([[1, IGNORE]]))


@pytest.fixture
def llama():
    """Four blocks, eight wide."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=11, hidden_size=8, intermediate_size=8, num_hidden_layers=4,
            num_attention_heads=2,
        )
    )  # fmt: skip


def test_hidden_states_of_zero_are_the_length_of_the_vector_away(known):
    # |0 - 2u|^2 = 4, over 3 dimensions.
    loss = RMU(coefficient=2).loss(known(1.0, 1.0, 1.0), BATCH, None)
    assert loss.item() == pytest.approx(4 / 3)


def test_it_is_the_squared_distance_per_dimension(known):
    u = direction(2, seed=5).tolist()
    by_hand = ((math.log(2) - 3 * u[0]) ** 2 + (math.log(7) - 3 * u[1]) ** 2) / 2
    loss = RMU(coefficient=3, seed=5).loss(known(2.0, 7.0), BATCH, None)
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)


def test_it_is_zero_where_every_hidden_state_is_the_vector(known):
    there = known(*(2 * direction(3, seed=0)).exp().tolist())
    assert RMU(coefficient=2).loss(there, BATCH, None).item() == pytest.approx(0, abs=1e-10)


def test_the_direction_is_of_length_one_and_fixed_by_its_seed():
    one, same, other = (direction(64, seed) for seed in (1, 1, 2))
    assert one.norm().item() == pytest.approx(1)
    assert (one >= 0).all()
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


def test_a_draw_elsewhere_changes_nothing_and_is_not_changed():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one = direction(4, seed=0)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one, direction(4, seed=0))


def test_features_are_held_at_those_of_the_reference(known):
    # log 2 - log 8 and log 7 - log 7, over 2 dimensions.
    by_hand = math.log(4) ** 2 / 2
    loss = Features().loss(known(2.0, 7.0), BATCH, known(8.0, 7.0))
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)
    assert Features().loss(known(2.0, 7.0), BATCH, known(2.0, 7.0)).item() == 0


@pytest.mark.parametrize(("depth", "block"), [(0.1, 0), (0.25, 0), (0.5, 1), (0.75, 2)])
def test_the_layer_is_a_share_of_all_layers(llama, depth, block):
    kept = []
    llama.model.layers[block].register_forward_hook(lambda module, given, out: kept.append(out))
    (told,) = hidden(llama, BATCH, [depth])
    assert torch.equal(told, kept[0][:, :1].flatten(0, 1))


@pytest.mark.parametrize("term", [RMU(depth=0.5), Features(depth=0.5)])
def test_only_what_lies_below_the_layer_learns(llama, term):
    reference = LlamaForCausalLM(llama.config)
    term.loss(llama, BATCH, reference).backward()
    learning = [any(p.grad is not None for p in block.parameters()) for block in llama.model.layers]
    assert learning == [True, True, False, False]
    assert llama.lm_head.weight.grad is None
