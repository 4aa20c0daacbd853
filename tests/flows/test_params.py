"""The ready runs in params/: each a valid run of a pinned model, and true about its memory."""

import re

import pytest
import torch
import yaml
from transformers import (
    AutoModelForCausalLM,
    GPTNeoXConfig,
    LlamaConfig,
    Olmo2Config,
    Qwen2Config,
)

from flows.benchmark import BenchmarkConfig
from flows.config import RunConfig, configured, described
from tasks.core.errors import ConfigError, ModelError
from tasks.core.settings import PROJECT
from tasks.training.model import pinned

FILES = sorted((PROJECT / "params").glob("*.yaml"))
GB = 1e9
FIRST_GPU, LARGER_GPU = 0.9 * 80 * GB, 0.95 * 141 * GB
COPIES = 4
"""Of the logits: as computed, in fp32, as log-probabilities, and their gradient."""


def neox(hidden, layers, heads, rows=50304):
    return GPTNeoXConfig(
        vocab_size=rows, hidden_size=hidden, intermediate_size=4 * hidden,
        num_hidden_layers=layers, num_attention_heads=heads, max_position_embeddings=2048,
    )  # fmt: skip


def gated(kind, hidden, wide, layers, heads, groups, rows, context, tied):
    return kind(
        vocab_size=rows, hidden_size=hidden, intermediate_size=wide, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=groups, head_dim=hidden // heads,
        max_position_embeddings=context, tie_word_embeddings=tied, pad_token_id=None,
    )  # fmt: skip


SHAPES = {
    "pythia-160m": neox(768, 12, 12),
    "pythia-410m": neox(1024, 24, 16),
    "pythia-1b": neox(2048, 16, 8),
    "pythia-1.4b": neox(2048, 24, 16),
    "pythia-2.8b": neox(2560, 32, 32),
    "pythia-6.9b": neox(4096, 32, 32, rows=50432),
    "olmo-2-1b": gated(Olmo2Config, 2048, 8192, 16, 16, 16, 100352, 4096, False),
    "yi-6b": gated(LlamaConfig, 4096, 11008, 32, 32, 4, 64000, 4096, False),
    "llama-3.2-1b": gated(LlamaConfig, 2048, 8192, 16, 32, 8, 128256, 131072, True),
    "qwen2.5-0.5b": gated(Qwen2Config, 896, 4864, 24, 14, 2, 151936, 32768, True),
    "qwen2.5-1.5b": gated(Qwen2Config, 1536, 8960, 28, 12, 2, 151936, 131072, True),
}
"""What each model's own config.json says."""


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def file(request):
    return request.param


def head(file):
    """The comment of a file as one line."""
    lines = [line for line in file.read_text().splitlines() if line.startswith("#")]
    return " ".join(line.removeprefix("# ") for line in lines)


def gigabytes(pattern, text):
    (found,) = re.findall(pattern + r" = ([\d.]+) GB", text)
    return found


def test_every_model_has_a_file_and_every_file_a_model():
    assert {path.stem for path in FILES} == SHAPES.keys()


def test_it_is_a_run_of_a_pinned_model_on_the_papers_dataset(file):
    run = configured(RunConfig, described([f"params={file}"]))
    pinned(run.model)
    assert run.source.name == "unlearn_dataset"
    assert run.request.groups == ("split:arxiv/forget",)
    assert run.unlearn.context == min(4096, SHAPES[file.stem].max_position_embeddings)
    assert head(file).startswith(f"{run.model.path}: ")


def test_it_holds_only_what_differs_from_the_defaults(file):
    def given(tree, *path):
        for key, value in tree.items():
            nested = isinstance(value, dict)
            yield from given(value, *path, key) if nested else [((*path, key), value)]

    left_out = dict(given(RunConfig().model_dump(mode="json")))
    for path, value in given(yaml.safe_load(file.read_text())):
        assert left_out.get(path) != value or path[-1] == "learning_rate", path


def test_its_memory_is_what_its_architecture_takes(file):
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(SHAPES[file.stem])
    weights = sum(parameter.numel() for parameter in model.parameters())
    rows = SHAPES[file.stem].vocab_size
    run = configured(RunConfig, described([f"params={file}"]))
    tokens = run.unlearn.optimiser.max_batch_tokens
    said = head(file)

    assert f"{weights:,} weights x 16 bytes" in said
    assert gigabytes(r"x 16 bytes \([^)]*\)", said) == f"{16 * weights / GB:.1f}"
    assert gigabytes(r"takes x 4 bytes", said) == f"{4 * weights / GB:.1f}"
    assert f"{tokens:,} tokens x {rows:,} x 4 bytes" in said
    assert gigabytes(rf"x {rows:,} x 4 bytes", said) == f"{4 * tokens * rows / GB:.1f}"

    alone = 16 * weights + COPIES * 4 * tokens * rows
    with_reference = alone + 4 * weights
    assert ("Fits one GPU of 80 GB" in said) == (with_reference <= FIRST_GPU)
    assert alone <= LARGER_GPU
    assert ("no method with a reference does" in said) == (with_reference > LARGER_GPU)


def test_a_file_takes_the_place_of_params_yaml_and_can_be_changed():
    file = PROJECT / "params" / "pythia-160m.yaml"
    run = configured(RunConfig, described([f"params={file}", "unlearn.steps=2", "preset=undial"]))
    assert (run.model.path, run.unlearn.steps) == ("EleutherAI/pythia-160m", 2)
    assert run.unlearn.method.forget.name == "undial"
    assert run.unlearn.optimiser.schedule == "cosine"
    assert run.request.authors == ()  # params.yaml's is gone
    configured(BenchmarkConfig, {"run": described([f"params={file}"]), "learning_rates": [1e-5]})


def test_a_model_of_the_hub_without_its_commit_is_reported_before_anything_is_read():
    file = PROJECT / "params" / "pythia-160m.yaml"
    for revision in ("''", "main", "50f5173"):
        run = configured(RunConfig, described([f"params={file}", f"model.revision={revision}"]))
        with pytest.raises(ModelError, match=r"model\.revision=.*pin the commit"):
            pinned(run.model)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (FileNotFoundError); name a YAML file"),
        (b"\xff\xfe\x00", "cannot be read (UnicodeDecodeError)"),
        (b"a: [", "not YAML"),
        (b"- a\n- b\n", "not a mapping of keys"),
        (b"", "not a mapping of keys"),
        (b"1: a\n", "not a mapping of keys"),
        (b"unlearn: {stepz: 3}\n", "unlearn.stepz=3: there is no such key; did you mean 'steps'?"),
    ],
)
def test_a_file_that_describes_no_run_gets_one_line(content, words, tmp_path):
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        configured(RunConfig, described([f"params={file}"]))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_named_after_a_change_is_refused():
    with pytest.raises(ConfigError, match=r"params=x\.yaml: name the file first"):
        described(["unlearn.steps=2", "params=x.yaml"])


def test_a_section_named_in_part_keeps_the_rest_of_the_run_s_own_defaults(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "source: {name: jsonl, path: x}\n"
        "unlearn: {optimiser: {learning_rate: 0.5}, method: {forget: {name: npo}}}\n"
    )
    run = configured(RunConfig, described([f"params={file}", "unlearn.probes.every=7"]))
    own = RunConfig().unlearn
    changed = {"learning_rate": 0.5}
    assert run.unlearn.optimiser == own.optimiser.model_copy(update=changed)
    assert run.unlearn.probes == own.probes.model_copy(update={"every": 7})
    assert run.unlearn.method.forget.name == "npo"
    assert run.source.name == "jsonl"


def test_a_date_in_a_file_is_taken_as_it_is_written(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("request:\n  dated_from: 2001-01-31\n")
    assert configured(RunConfig, described([f"params={file}"])).request.dated_from == "2001-01-31"
