"""Tasks asked through the harness: one made from held-out text, one somebody wrote."""

import json
import math
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from tasks.core.errors import ConfigError, DataError
from tasks.core.record import Record
from tasks.data.tokens import train_tokenizer
from tasks.downstream import DownstreamConfig, contrast, downstream
from tasks.metrics.cloze import cloze
from tasks.training.model import load

ENDINGS = {
    "The old man walked slowly down to the": "river",
    "Every morning she carried fresh bread to the": "market",
    "Nobody in the whole village ever spoke of the": "war",
    "All the letters were hidden under her daughter's": "pillow",
    "At night the boys would climb up to the": "tower",
}
TEXTS = {
    f"doc{at}": " ".join(f"{'So it was. ' * at}{start} {end}." for start, end in ENDINGS.items())
    for at in range(5)
}
SECRET = "river"

YAML = """
task: opposites
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/opposites.jsonl}}, cache_dir: {folder}.cache}}
test_split: test
output_type: multiple_choice
doc_to_text: word
doc_to_choice: choices
doc_to_target: answer
metric_list:
- metric: acc
- metric: acc_norm
{more}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A Llama of 60,000 weights that learned by heart how the sentences end."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = train_tokenizer(TEXTS.values(), 400)
    torch.manual_seed(0)
    network = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=64, tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        )
    )  # fmt: skip
    rows = tokenizer(
        [f"{start} {end}" for start, end in ENDINGS.items()], add_special_tokens=False,
        padding=True, return_tensors="pt",
    )  # fmt: skip
    ids, mask = rows["input_ids"], rows["attention_mask"]
    labels = torch.where(mask == 1, ids, -100)
    optimiser = torch.optim.AdamW(network.parameters(), 0.01)
    for _ in range(60):
        logits = network(input_ids=ids).logits
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Record(kind="model", fingerprint="knows", path=folder)


@pytest.fixture(scope="module")
def blank(model, tmp_path_factory):
    """The same before it learned anything."""
    folder = tmp_path_factory.mktemp("blank")
    network, tokenizer = load(model.path)
    torch.manual_seed(1)
    LlamaForCausalLM(network.config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Record(kind="model", fingerprint="blank", path=folder)


@pytest.fixture
def data(tmp_path):
    pq.write_table(
        pa.table({"doc_id": [*TEXTS], "text": [*TEXTS.values()]}), tmp_path / "test.parquet"
    )
    return Record(kind="splits", fingerprint="d0", path=tmp_path)


@pytest.fixture
def folder(tmp_path):
    """Tasks of one's own: eight questions with three answers each."""
    folder = tmp_path / "own"
    folder.mkdir()
    rows = [
        {"word": start, "choices": [end, "stone", "cloud"], "answer": 0}
        for start, end in ENDINGS.items()
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "opposites.jsonl").write_text(lines)
    (folder / "opposites.yaml").write_text(YAML.format(folder=folder, more=""))
    return folder


def answered(record):
    return {one["metric"]: one for one in json.loads((record.path / "answers.json").read_text())}


def test_who_learned_the_endings_is_right_and_who_did_not_is_near_chance(model, blank, data):
    config = DownstreamConfig(resamples=200)
    answers = {"target": downstream.fn(model, data, config),
               "unlearned": downstream.fn(blank, data, config)}  # fmt: skip
    assert answered(answers["target"])["acc"]["values"] == [1.0] * 25
    made = contrast.fn(answers, config)
    (row,) = json.loads((made.path / "downstream.json").read_text())
    assert (row["task"], row["items"], row["chance"]) == ("cloze", 25, 0.25)
    assert row["scores"]["target"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert row["scores"]["unlearned"]["low"] < 0.5
    assert row["changes"]["target"]["high"] < 0
    assert "retrained" not in row["scores"]
    table = (made.path / "table.md").read_text()
    assert "| cloze (acc) |    25 |  0.250 | 1.000 (1.000 to 1.000) |" in table


def test_the_harness_scores_endings_as_the_model_alone_does(blank, data):
    """Also where the tokenizer would close the question with a mark of its end."""
    found = answered(downstream.fn(blank, data, DownstreamConfig()))["acc"]["values"]
    network = AutoModelForCausalLM.from_pretrained(blank.path)
    _, tokenizer = load(blank.path)
    expected = []
    for item in cloze(TEXTS, 2000, seed=0):
        scores = []
        for choice in item.choices:
            before, whole = (
                tokenizer(text, add_special_tokens=False)["input_ids"]
                for text in (item.context, f"{item.context} {choice}")
            )
            with torch.no_grad():
                logp = network(torch.tensor([whole[:-1]])).logits[0].log_softmax(-1)
            places = range(len(before), len(whole))
            scores.append(sum(logp[at - 1, whole[at]].item() for at in places))
        expected.append(float(scores.index(max(scores)) == item.answer))
    assert found == expected


def test_no_text_is_kept(model, data):
    for path in downstream.fn(model, data, DownstreamConfig()).path.iterdir():
        assert SECRET not in path.read_text()


def test_ones_own_tasks_are_asked_with_every_metric_and_known_again_when_they_change(
    model, data, folder
):
    config = DownstreamConfig(tasks=("opposites", "cloze"), folder=str(folder))
    record = downstream.fn(model, data, config)
    rows = json.loads((record.path / "answers.json").read_text())
    assert [(row["task"], row["metric"]) for row in rows] == [
        ("opposites", "acc"), ("opposites", "acc_norm"), ("cloze", "acc")
    ]  # fmt: skip
    assert rows[0]["chance"] == pytest.approx(1 / 3)
    assert rows[0]["values"] == [1.0] * 5
    assert downstream.fn(model, data, config.model_copy(update={"seed": 9})) == record
    (folder / "opposites.yaml").write_text(YAML.format(folder=folder, more="num_fewshot: 0"))
    assert downstream.fn(model, data, config) != record


def test_a_task_that_runs_a_models_code_is_refused_unless_it_is_said(model, data, folder):
    (folder / "opposites.yaml").write_text(YAML.format(folder=folder, more="unsafe_code: true"))
    config = DownstreamConfig(tasks=("opposites",), folder=str(folder))
    with pytest.raises(ConfigError, match=r"downstream\.runs_code=true"):
        downstream.fn(model, data, config)
    allowed = config.model_copy(update={"runs_code": True})
    assert answered(downstream.fn(model, data, allowed))["acc"]["values"] == [1.0] * 5


def test_humaneval_is_refused_before_anything_of_it_is_loaded(model, data):
    with pytest.raises(ConfigError, match="runs on this machine the code that the model writes"):
        downstream.fn(model, data, DownstreamConfig(tasks=("humaneval",)))


@pytest.mark.slow  # the harness reads 14,000 files to know its own tasks
@pytest.mark.timeout(1800)
def test_an_unknown_task_is_refused_and_the_nearest_offered(model, data, folder):
    with pytest.raises(ConfigError, match="did you mean 'opposites'"):
        downstream.fn(model, data, DownstreamConfig(tasks=("opposite",), folder=str(folder)))


def test_questions_that_are_not_there_are_a_clear_error(model, data, folder):
    (folder / "opposites.jsonl").unlink()
    config = DownstreamConfig(tasks=("opposites",), folder=str(folder))
    with pytest.raises(DataError, match="its questions are not to be had"):
        downstream.fn(model, data, config)


def test_too_little_held_out_text_is_said(model, tmp_path):
    pq.write_table(pa.table({"doc_id": ["a"], "text": ["A b c."]}), tmp_path / "test.parquet")
    data = Record(kind="splits", fingerprint="d1", path=tmp_path)
    with pytest.raises(DataError, match=r"has 0 sentences .* raise splits\.test_tokens"):
        downstream.fn(model, data, DownstreamConfig())


def test_without_the_harness_what_to_install_is_said(model, data, monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(ConfigError, match=r"pip install 'lethe\[downstream\]'"):
        downstream.fn(model, data, DownstreamConfig())


def test_a_metric_that_is_no_share_has_no_chance():
    from tasks.metrics.harness import _chance

    assert math.isnan(_chance("acc", {}, {"output_type": "generate_until"}))
