"""What every term promises, whichever file it is in."""

import inspect

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tasks.core.batch import IGNORE, Batch
from tasks.methods import TERMS, AnyTerm

BATCH = Batch(
    torch.tensor([[0, 1, 2], [2, 1, 0]]),
    torch.tensor([[1, 2, 0], [1, IGNORE, IGNORE]]),
    Batch(torch.tensor([[0, 2], [1, 1]]), torch.tensor([[2, 2], [0, 1]])),
)
VOCAB = 7
every_term = pytest.mark.parametrize("name", TERMS)


def drawn(seed):
    """Rows of eight tokens, a third of them unscored, but for the first of each row; and others."""
    draw = torch.Generator().manual_seed(seed)
    rows = int(torch.randint(2, 6, (), generator=draw))
    other, true = (batch_of(rows, draw) for _ in range(2))
    return true._replace(other=other), int(torch.randint(1, rows, (), generator=draw))


def batch_of(rows, draw):
    ids, labels = torch.randint(VOCAB, (2, rows, 8), generator=draw)
    labels[:, 1:][torch.rand(rows, 7, generator=draw) < 1 / 3] = IGNORE
    return Batch(ids, labels)


def part(batch, rows):
    other = batch.other and part(batch.other, rows)
    return Batch(batch.input_ids_BT[rows], batch.labels_BT[rows], other)


def padded(batch, draw):
    """Other tokens wherever none is scored, six more in every row, and a row of nothing else."""
    rows, width = batch.labels_BT.shape
    ids = torch.randint(VOCAB, (rows + 1, width + 6), generator=draw)
    labels = torch.full_like(ids, IGNORE)
    labels[:rows, :width] = batch.labels_BT
    scored = labels != IGNORE
    ids[scored] = batch.input_ids_BT[batch.labels_BT != IGNORE]
    return Batch(ids, labels, batch.other and padded(batch.other, draw))


def told(term, model, parts, reference):
    """Loss and gradient as the training loop adds them up over micro-batches."""
    scored = sum(part.scored for part in parts)
    model.zero_grad()
    total = 0.0
    for part in parts:
        loss = term.loss(model, part, reference) * (part.scored / scored)
        loss.backward()
        total += loss.item()
    return torch.tensor(total), model.table.grad.clone()


@every_term
def test_its_loss_is_a_finite_scalar_with_gradients(name, known):
    model = known(1.0, 2.0, 4.0)
    loss = TERMS[name]().loss(model, BATCH, known(3.0, 2.0, 1.0))
    loss.backward()
    assert loss.shape == ()
    assert torch.isfinite(loss)
    assert torch.isfinite(model.logits.grad).all()
    assert model.logits.grad.abs().sum() > 0


@every_term
def test_it_leaves_the_reference_alone(name, known):
    reference = known(3.0, 2.0, 1.0)
    TERMS[name]().loss(known(1.0, 2.0, 4.0), BATCH, reference).backward()
    assert reference.logits.grad is None


@every_term
def test_it_works_without_a_reference_unless_it_says_otherwise(name, known):
    term = TERMS[name]()
    if not term.needs_reference:
        term.loss(known(1.0, 2.0, 4.0), BATCH, None)


@every_term
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_micro_batches_weighted_by_their_scored_tokens_add_up(name, bigram, seed):
    (whole, cut), model, reference = drawn(seed), bigram(VOCAB, seed), bigram(VOCAB, seed + 1)
    parts = [part(whole, rows) for rows in (slice(cut), slice(cut, None))]
    at_once = told(TERMS[name](), model, [whole], reference)
    in_parts = told(TERMS[name](), model, parts, reference)
    torch.testing.assert_close(in_parts, at_once, rtol=1e-4, atol=1e-5)


@every_term
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_what_is_not_scored_does_not_count(name, bigram, seed):
    (batch, _), model, reference = drawn(seed), bigram(VOCAB, seed), bigram(VOCAB, seed + 1)
    more = padded(batch, torch.Generator().manual_seed(seed))
    longer = told(TERMS[name](), model, [more], reference)
    plain = told(TERMS[name](), model, [batch], reference)
    torch.testing.assert_close(longer, plain, rtol=1e-4, atol=1e-5)


@every_term
@pytest.mark.parametrize("autocast", [True, False])
def test_half_precision_is_read_in_full(name, autocast, bigram):
    batch, _ = drawn(0)
    half, reference = bigram(VOCAB, 0).bfloat16(), bigram(VOCAB, 1).bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = TERMS[name]().loss(half, batch, reference)
    assert loss.dtype == torch.float32
    full = TERMS[name]().loss(half.float(), batch, reference.float())
    assert loss.item() == pytest.approx(full.item(), rel=1e-5)


@every_term
def test_it_survives_yaml(name):
    term = TERMS[name]()
    text = yaml.safe_dump(term.model_dump(mode="json"))
    assert TypeAdapter(AnyTerm).validate_python(yaml.safe_load(text)) == term


@every_term
def test_its_knobs_are_bounded_and_say_what_they_are(name):
    knobs = {knob: field for knob, field in TERMS[name].model_fields.items() if knob != "name"}
    assert all(field.metadata and field.description for field in knobs.values())


@every_term
def test_it_says_where_it_comes_from(name):
    assert "arXiv:" in inspect.getdoc(inspect.getmodule(TERMS[name]))
