"""pipelines.yaml holds only what Prefect and the flows know."""

import pytest
import yaml

from flows.pipelines import PIPELINES, read
from tasks.core.errors import ConfigError


def spoiled(tmp_path, change):
    content = yaml.safe_load(PIPELINES.read_text())
    change(content)
    path = tmp_path / "pipelines.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_checked_in_file_is_valid():
    names = ["on-demand", "on-request", "nightly", "weekly", "nightly", "champion", "nightly"]
    assert [one.name for one in read().deployments] == names


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: c.update(deploymentz=[]), "deploymentz"),
        (lambda c: c["deployments"][0].update(concurency_limit=1), "concurency_limit"),
        (lambda c: c["deployments"][0]["work_pool"].update(quue="x"), "quue"),
        (lambda c: c["deployments"][3]["schedules"][0].update(max_runs=1), "max_runs"),
        (lambda c: c["deployments"][0]["concurrency_limit"].update(limt=1), "limt"),
        (lambda c: c["deployments"][0]["parameters"]["config"].update(nmae="x"), "nmae"),
        (lambda c: c["deployments"][0]["parameters"].update(confg={}), "confg"),
        (lambda c: c["deployments"][4]["parameters"]["config"].update(modle="x"), "modle"),
    ],
)
def test_an_unknown_key_anywhere_is_refused_by_name(tmp_path, change, word):
    with pytest.raises(ConfigError, match=word):
        read(spoiled(tmp_path, change))
