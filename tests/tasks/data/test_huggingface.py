import json

import pytest
from datasets import Dataset, DatasetDict

from tasks.core.errors import ConfigError, DataError
from tasks.data import SOURCES
from tasks.data.huggingface import Columns, HuggingFace, UnlearnDataset

SECRET = "the lamp was lit before the bells"


def rows(split, count=2):
    return [f"{split} {number}: {SECRET}" for number in range(count)]


@pytest.fixture
def saved(tmp_path):
    """As the paper's dataset: two configurations, one of which calls its text ``content``."""
    DatasetDict(
        {name: Dataset.from_dict({"text": rows(name)}) for name in ("forget", "approximate")}
    ).save_to_disk(tmp_path / "arxiv")
    DatasetDict({"retain": Dataset.from_dict({"content": rows("retain")})}).save_to_disk(
        tmp_path / "general"
    )
    return tmp_path


def refusal(source):
    with pytest.raises(DataError) as refused:
        list(source.documents("default"))
    assert SECRET not in str(refused.value)
    return str(refused.value)


def test_a_configuration_is_a_domain_and_a_split_a_group(saved):
    source = HuggingFace(path=str(saved)).resolved()
    assert source.domains == ("arxiv", "general")
    found = list(source.documents("arxiv"))
    assert [document.doc_id for document in found] == [
        "arxiv/approximate:0",
        "arxiv/approximate:1",
        "arxiv/forget:0",
        "arxiv/forget:1",
    ]
    assert found[2].group == "split:arxiv/forget"
    assert found[2].text == f"forget 0: {SECRET}"


def test_what_a_dataset_does_not_say_stays_unsaid(saved):
    document = next(HuggingFace(path=str(saved)).documents("arxiv"))
    assert (document.title, document.author) == ("", ())
    assert (document.license, document.date) == (None, None)


def test_a_column_named_content_is_text(saved):
    (first, _) = HuggingFace(path=str(saved)).documents("general")
    assert first.text == f"retain 0: {SECRET}"


def test_the_papers_dataset_has_a_name_and_a_pinned_revision_of_its_own(saved):
    preset = SOURCES["unlearn_dataset"]()
    assert preset.path == "llmunlearn/unlearn_dataset"
    assert len(preset.revision) == 40
    local = UnlearnDataset(path=str(saved), splits=("forget",), domains=("arxiv",)).resolved()
    assert len(list(local.documents("arxiv"))) == 2


def test_one_split_saved_alone_is_the_default_domain(tmp_path):
    Dataset.from_dict(
        {
            "id": ["a", "b"],
            "body": rows("all"),
            "authors": [["M. Quill", "T. Oduya"], ["M. Quill"]],
            "title": ["Lamps", "Bells"],
            "license": ["MIT", None],
        }
    ).save_to_disk(tmp_path)
    source = HuggingFace(path=str(tmp_path), columns=Columns(text=("body",))).resolved()
    assert source.domains == ("default",)
    first, second = source.documents("default")
    assert (first.doc_id, first.title, first.license) == ("a", "Lamps", "MIT")
    assert first.author == ("M. Quill", "T. Oduya")
    assert second.license is None


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_plain_files_are_read_in_place(tmp_path, kind):
    data = Dataset.from_dict({"text": rows("train", 3), "id": [7, 8, 9]})
    if kind == "parquet":
        data.to_parquet(tmp_path / "train.parquet")
    else:
        (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    source = HuggingFace(path=str(tmp_path)).resolved()
    assert [document.doc_id for document in source.documents("default")] == [
        "default/train:7",
        "default/train:8",
        "default/train:9",
    ]


def test_rows_without_text_are_counted(tmp_path):
    Dataset.from_dict({"text": ["", None, SECRET]}).save_to_disk(tmp_path)
    source = HuggingFace(path=str(tmp_path))
    assert [document.doc_id for document in source.documents("default")] == ["default/all:2"]
    assert source.skipped("default") == {"no text": 2}


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"body": [SECRET]}, "none of its columns ['body'] is the text"),
        ({"text": [SECRET], "id": ["../x"]}, "the field 'doc_id': holds ../"),
        ({"text": [SECRET, SECRET], "id": ["a", "a"]}, "default/all:1: the doc_id was there"),
        ({"text": [7]}, "the field 'text': Input should be a valid string"),
        ({"text": [SECRET], "title": [7]}, "the field 'title'"),
        ({"text": [f"{SECRET}\0"]}, "the field 'text': holds a NUL character"),
    ],
)
def test_a_bad_row_is_refused_with_its_place(tmp_path, columns, rule):
    Dataset.from_dict(columns).save_to_disk(tmp_path)
    assert rule in refusal(HuggingFace(path=str(tmp_path)))


def test_a_name_on_the_hub_needs_a_pinned_revision():
    for revision in ("", "main", "6f7a7bd"):
        with pytest.raises(ConfigError, match="give the 40 hex digits of a commit"):
            HuggingFace(path="owner/name", revision=revision).resolved()


def test_what_is_no_dataset_is_refused(tmp_path, saved):
    with pytest.raises(DataError, match="neither a folder nor owner/name"):
        HuggingFace(path=str(tmp_path / "missing")).resolved()
    with pytest.raises(DataError, match="did you mean 'arxiv'"):
        HuggingFace(path=str(saved), domains=("arxive",)).resolved()
    with pytest.raises(DataError, match="no 'forgot' in 'arxiv'; did you mean 'forget'"):
        list(HuggingFace(path=str(saved), splits=("forgot",)).documents("arxiv"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot be read as a dataset"):
        HuggingFace(path=str(tmp_path / "empty")).resolved()
    (saved / "link").symlink_to(tmp_path)
    with pytest.raises(DataError, match="a symbolic link"):
        HuggingFace(path=str(saved)).resolved()


def test_a_damaged_folder_is_refused(saved):
    (saved / "arxiv" / "forget" / "data-00000-of-00001.arrow").write_bytes(b"junk")
    with pytest.raises(DataError, match="cannot be read as a dataset"):
        list(HuggingFace(path=str(saved)).documents("arxiv"))


@pytest.mark.parametrize("name", ["train.parquet", "train.jsonl"])
def test_a_damaged_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(f'{{"text": "{SECRET}"}}\n{{"text": "{SECRET}'.encode())
    assert "cannot be read as a dataset" in refusal(HuggingFace(path=str(tmp_path)))


def test_the_manifest_changes_with_the_folder_or_the_revision(saved):
    local = HuggingFace(path=str(saved))
    before = local.manifest("arxiv")
    (saved / "arxiv" / "extra").write_text("x")
    assert local.manifest("arxiv") != before
    assert UnlearnDataset().manifest("arxiv") != UnlearnDataset(revision="0" * 40).manifest("arxiv")
