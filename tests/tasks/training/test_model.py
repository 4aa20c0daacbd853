import json
import shutil
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from tasks.core.errors import ModelError
from tasks.data.tokens import train_tokenizer
from tasks.training.model import ModelConfig, ScratchConfig, files, initial, load, located


@pytest.fixture
def folder(start, tmp_path):
    """A copy of a good checkpoint, to be spoilt."""
    shutil.copytree(start, tmp_path / "model")
    return tmp_path / "model"


def refused(folder, match):
    with pytest.raises(ModelError, match=match) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def change(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_good_checkpoint_loads_in_full_precision_without_dropout(folder):
    model, tokenizer = load(folder)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not model.training
    assert len(tokenizer) == model.config.vocab_size


def test_the_same_seed_gives_the_same_weights_and_leaves_the_generator_alone(tokenizer):
    config = ScratchConfig(vocabulary=300, hidden=16, intermediate=32, layers=1, heads=2)
    before = torch.get_rng_state()
    one, two = (initial(config, tokenizer).lm_head.weight for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(before, torch.get_rng_state())


def test_the_defaults_make_about_a_million_weights(tokenizer):
    config = ScratchConfig()
    model = initial(config, tokenizer)
    spare = (config.vocabulary - len(tokenizer)) * config.hidden
    assert 0.7e6 < sum(p.numel() for p in model.parameters()) + spare < 1.5e6


def test_a_folder_without_a_config_is_refused(folder):
    (folder / "config.json").unlink()
    refused(folder, r"no config\.json")


def test_code_that_comes_with_a_model_is_refused(folder):
    change(folder / "config.json", auto_map={"AutoModelForCausalLM": "evil.Model"})
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    refused(folder, "auto_map")


@pytest.mark.parametrize("kind", ["tensorflux", None, 7])
def test_an_architecture_nobody_knows_is_refused(folder, kind):
    change(folder / "config.json", model_type=kind)
    refused(folder, "architecture")


def test_an_architecture_that_does_not_write_is_refused(folder):
    change(folder / "config.json", model_type="vit", architectures=["ViTModel"])
    refused(folder, "do not load")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt"])
def test_a_pickle_is_refused_by_name(folder, name):
    (folder / "model.safetensors").rename(folder / name)
    refused(folder, f"{name}, which is a pickle")


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    refused(folder, "found none")


def test_weights_cut_short_are_refused(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    refused(folder, "not a whole safetensors file")


@pytest.mark.parametrize("offsets", [[0, 10**9], [64, 0], [-4, 4]])
def test_a_header_that_lies_about_offsets_is_refused(folder, offsets):
    header = json.dumps({"x": {"dtype": "F32", "shape": [4], "data_offsets": offsets}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 64)
    refused(folder, "not a whole safetensors file")


def test_a_header_that_claims_to_be_huge_is_refused(folder):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    refused(folder, "not a whole safetensors file")


def test_weights_that_are_missing_are_not_made_up(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    refused(folder, r"1 weights are missing .*model\.norm\.weight")


def test_weights_of_another_shape_are_refused(folder):
    change(folder / "config.json", intermediate_size=64)
    refused(folder, "of another shape|do not load")


def test_a_tokenizer_with_more_ids_than_the_model_embeds_is_refused(folder):
    train_tokenizer([f"word{at} other{at}" for at in range(500)], 600).save_pretrained(folder)
    refused(folder, "embeds only 300")


def test_a_missing_tokenizer_is_refused(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()
    refused(folder, "tokenizer")


@pytest.mark.parametrize("shard", ["../secret.safetensors", "gone.safetensors"])
def test_an_index_that_names_no_file_beside_it_is_refused(folder, shard):
    index = {"weight_map": {"model.norm.weight": shard}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(folder, "no file beside it")


def test_a_config_that_is_no_json_is_refused(folder):
    (folder / "config.json").write_text("{")
    refused(folder, "not JSON")
    (folder / "config.json").write_text("[]")
    refused(folder, "not a JSON object")


def test_nothing_that_could_run_is_kept(folder):
    for name in ("evil.py", "pytorch_model.bin", "tokenizer.pkl"):
        (folder / name).write_bytes(b"x")
    assert {path.name for path in files(folder)} >= {"config.json", "model.safetensors"}
    assert {path.suffix for path in files(folder)} <= {".json", ".safetensors", ".jinja"}


@pytest.mark.parametrize("path", ["/no/such/folder", "./here", "a/b/c", "word"])
def test_a_path_that_is_not_there_is_named(path):
    with pytest.raises(ModelError, match=f"model.path={path}: no such folder"):
        located(ModelConfig(path=path))


def test_a_hub_id_needs_its_commit():
    with pytest.raises(ModelError, match="pin the commit"):
        located(ModelConfig(path="owner/name"))


def test_a_hub_that_cannot_be_reached_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="nor to be had from the hub"):
        located(ModelConfig(path="owner/no-such-name", revision="0" * 40))


def test_only_a_model_trained_here_can_be_made_again_without_the_forget_set():
    assert ModelConfig().roles == ("target", "retrained")
    assert ModelConfig(path="x").roles == ("target",)
