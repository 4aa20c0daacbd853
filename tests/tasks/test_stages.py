import json

import pytest
import yaml

from tasks.stages import main

SOURCE = {
    "name": "toy",
    "domains": ["books"],
    "sections": 4,
    "books": 4,
    "papers": 8,
    "repositories": 4,
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"source": SOURCE, "curation": {}}))
    return tmp_path


def test_source_writes_what_the_documents_depend_on(here):
    assert main(["source"]) == 0
    assert json.loads((here / "artifacts/data/source/books.json").read_text())


def test_curate_writes_the_tables_and_the_statistics(here):
    assert main(["curate", "books"]) == 0
    written = {path.parent.name for path in (here / "artifacts/data").glob("*/books.*")}
    assert written == {"documents", "duplicates", "nearby", "statistics", "lengths"}


def test_a_value_that_breaks_a_rule_is_one_line_and_exit_code_two(here, capsys):
    params = {"source": SOURCE, "curation": {"jaccard": 2}}
    (here / "params.yaml").write_text(yaml.safe_dump(params))
    assert main(["curate", "books"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ConfigError: params.yaml: curation.jaccard: ")
    assert error.count("\n") == 1


def test_a_file_that_is_not_yaml_is_one_line(here, capsys):
    (here / "params.yaml").write_text("source: [")
    assert main(["source"]) == 2
    assert capsys.readouterr().err == (
        "ConfigError: params.yaml is not YAML; compare it with the checked-in one\n"
    )
