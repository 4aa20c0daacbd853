import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pydantic import ValidationError

from tasks.core.record import Record
from tasks.data.tokens import train_tokenizer
from tasks.metrics.prompts import CONTINUATIONS, Instructed, Later, Plain, Titled
from tasks.prompt import PromptConfig, prompt
from tasks.training.model import ScratchConfig, initial, load

SAID = (
    "the quick brown fox jumps over the lazy dog while a small grey cat sleeps near warm red stones"
)
CONFIG = PromptConfig(given=4, new_tokens=12, samples=3)
TEXTS = {"long": SAID, "short": "the", "none": ""}


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    columns = {"doc_id": [*TEXTS], "title": ["A fox", None, None], "text": [*TEXTS.values()]}
    pq.write_table(pa.table(columns), folder / "forget.parquet")
    return Record(kind="splits", fingerprint="d0", path=folder)


@pytest.fixture
def untrained(tmp_path):
    tokenizer = train_tokenizer([SAID] * 4, 340)
    small = ScratchConfig(vocabulary=340, hidden=32, intermediate=64, layers=1, heads=2, context=64)
    folder = tmp_path / "untrained"
    initial(small, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Record(kind="model", fingerprint="u0", path=folder)


def told(record):
    rows = pd.read_parquet(record.path / CONTINUATIONS)
    return rows.set_index(["doc_id", "prompt", "draw"]).sort_index()


def taught(record, text):
    """The model after sixty steps on one text."""
    model, tokenizer = load(record.path)
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        model(ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    folder = record.path.with_name("taught")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Record(kind="model", fingerprint="t0", path=folder)


def test_a_model_that_knows_the_text_by_heart_gives_all_of_it_back(untrained, data):
    rows = told(prompt.fn(taught(untrained, SAID), data, CONFIG))
    plain = rows.loc["long", "plain", 0]
    assert (plain["tokens"], plain["common_substring"]) == (12, 12)
    assert plain["rouge_l"] == plain["rouge_l_stemmed"] == 1.0
    later = rows.loc["long", "later", 0]
    assert later["common_substring"] == later["tokens"] == 6  # to the end of the document
    assert rows.loc["long", "upper_case", 0]["common_substring"] < 12  # letters never seen
    assert told(prompt.fn(untrained, data, CONFIG)).loc["long", "plain", 0]["rouge_l"] < 0.5


def test_every_document_has_a_row_for_every_prompt_and_draw(untrained, data):
    record = prompt.fn(untrained, data, CONFIG)
    rows = told(record)
    tries = {(name, 0) for name in (one.name for one in CONFIG.prompts)}
    tries |= {("sampled", draw) for draw in (1, 2, 3)}
    assert {*rows.index} == {(doc_id, *one) for doc_id in TEXTS for one in tries}
    measured = rows.loc[["short", "none"], ["rouge_l", "rouge_l_stemmed", "common_substring"]]
    assert measured.isna().all(axis=None)  # nothing is left to find
    assert rows.loc["long", "common_substring"].notna().all()
    assert prompt.fn(untrained, data, CONFIG) == record


def test_draws_differ_and_come_back_with_their_seed(untrained, data):
    def drawn(**changes):
        config = CONFIG.model_copy(update={"samples": 20, **changes})
        return told(prompt.fn(untrained, data, config)).loc["long", "sampled"]["common_substring"]

    assert drawn().nunique() > 1
    assert drawn().tolist() == drawn(max_batch_tokens=1).tolist()  # not the one before: made anew
    assert drawn().tolist() != drawn(seed=1).tolist()


def test_the_context_bounds_what_is_asked_for(untrained, data):
    # of 19 tokens 4 are given; before them, in 64 positions, a first token and the instruction
    prompts = (Plain(), Instructed(instruction="z" * 50))
    config = PromptConfig(given=4, new_tokens=1000, samples=0, prompts=prompts)
    rows = told(prompt.fn(untrained, data, config))
    plain, instructed = (
        int(rows.loc["long", name, 0]["tokens"]) for name in ("plain", "instructed")
    )
    assert plain == 19 - 4
    assert instructed == 64 - 1 - 50 - 4
    long = PromptConfig(given=200, samples=0)
    assert told(prompt.fn(untrained, data, long))["rouge_l"].isna().all()


def test_no_text_is_kept(untrained, data):
    record = prompt.fn(untrained, data, CONFIG)
    assert [path.name for path in record.path.iterdir() if path.name != "record.json"] == [
        CONTINUATIONS
    ]
    kinds = pq.read_schema(record.path / CONTINUATIONS)
    assert {field.name for field in kinds if pa.types.is_large_string(field.type)
            or pa.types.is_string(field.type)} == {"doc_id", "prompt"}  # fmt: skip


def test_plainly_is_one_greedy_continuation_a_document():
    assert CONFIG.plainly().prompts == (Plain(),)
    assert CONFIG.plainly().samples == 0


@pytest.mark.parametrize("wrong", [(), (Titled(),), (Plain(), Later(), Later(share=0.3))])
def test_prompts_begin_with_the_plain_one_and_are_told_apart(wrong):
    with pytest.raises(ValidationError, match="plain comes first"):
        PromptConfig(prompts=wrong)
