"""A model that was given: read, never touched, and known by what its files hold."""

import json

import pytest
from pydantic import ValidationError

from tasks.core.errors import ModelError
from tasks.core.record import Record, sha256
from tasks.data.tokens import train_tokenizer
from tasks.train import train
from tasks.training.job import EARLIER
from tasks.training.model import ModelConfig, ScratchConfig, initial


@pytest.fixture
def given(tmp_path):
    """A checkpoint that holds files named like those we write."""
    tokenizer = train_tokenizer(["one two three"] * 5, 300)
    small = ScratchConfig(vocabulary=300, hidden=16, intermediate=32, layers=1, heads=2, context=32)
    initial(small, tokenizer).save_pretrained(tmp_path / "given")
    tokenizer.save_pretrained(tmp_path / "given")
    for name in ("training.json", "record.json", "progress.jsonl"):
        (tmp_path / "given" / name).write_text('{"theirs": 1}')
    return tmp_path / "given"


def taken(folder, **config):
    data = Record(kind="splits", fingerprint="d0", path=folder)
    return train.fn(data, ModelConfig(path=str(folder), **config), "target")


def test_the_folder_it_was_given_in_stays_as_it_was(given):
    before = {path.name: sha256(path) for path in given.iterdir()}
    record = taken(given)
    assert {path.name: sha256(path) for path in given.iterdir()} == before
    assert "theirs" not in (record.path / "training.json").read_text()
    assert taken(given) == record


def test_what_only_training_here_needs_does_not_make_it_another(given):
    assert taken(given).fingerprint == taken(given, epochs=3).fingerprint


def test_another_content_is_another_model(given):
    before = taken(given)
    config = given / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"note": 1}))
    assert taken(given).fingerprint != before.fingerprint
    assert taken(given).config["files"]["config.json"] == sha256(config)


@pytest.fixture
def made(tmp_path):
    """Makes a checkpoint of that width, in a folder of that name."""

    def make(name, hidden, seed):
        tokenizer = train_tokenizer(["one two three"] * 5, 300)
        small = ScratchConfig(
            vocabulary=300, hidden=hidden, intermediate=32, layers=1, heads=2, context=32, seed=seed
        )
        initial(small, tokenizer).save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        return tmp_path / name

    return make


def test_an_earlier_checkpoint_of_it_is_part_of_what_it_is(given, made):
    before = made("before", hidden=16, seed=7)
    record = taken(given, earlier_path=str(before))
    kept = record.path / EARLIER / "model.safetensors"
    assert sha256(kept) == sha256(before / "model.safetensors")
    assert record.fingerprint != taken(given).fingerprint
    assert json.loads((record.path / "training.json").read_text())["parameters"] > 0


def test_a_checkpoint_of_another_model_is_not_an_earlier_one(given, made):
    wider = made("wider", hidden=32, seed=7)
    with pytest.raises(ModelError, match=r"model\.earlier_path=.*names or shapes"):
        taken(given, earlier_path=str(wider))


def test_an_earlier_folder_that_is_not_there_is_said_so(given, tmp_path):
    with pytest.raises(ModelError, match=r"earlier_path=.*no such folder"):
        taken(given, earlier_path=str(tmp_path / "nowhere"))


def test_an_earlier_checkpoint_is_of_a_model_that_is_given():
    with pytest.raises(ValidationError, match="earlier_path belongs to a path"):
        ModelConfig(earlier_path="x")
