"""What every term promises, whichever file it is in."""

import inspect

import pytest
import torch
import yaml
from pydantic import TypeAdapter

from tasks.core.batch import IGNORE, Batch
from tasks.methods import TERMS, AnyTerm

BATCH = Batch(torch.tensor([[0, 1, 2], [2, 1, 0]]), torch.tensor([[1, 2, 0], [1, IGNORE, IGNORE]]))
every_term = pytest.mark.parametrize("name", TERMS)


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
def test_it_survives_yaml(name):
    term = TERMS[name]()
    text = yaml.safe_dump(term.model_dump(mode="json"))
    assert TypeAdapter(AnyTerm).validate_python(yaml.safe_load(text)) == term


@every_term
def test_it_says_where_it_comes_from(name):
    assert "arXiv:" in inspect.getdoc(inspect.getmodule(TERMS[name]))
