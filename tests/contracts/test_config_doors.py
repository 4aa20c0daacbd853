"""params.yaml, pipelines.yaml and the Prefect form all open onto the same RunConfig."""

import pytest
import yaml
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools import validate
from prefect.utilities.schema_tools.validation import ValidationError

from flows.config import RunConfig, checked_in
from flows.curation import curation
from flows.deletion import deletion
from flows.erasure import sweeping
from flows.nightly import nightly
from flows.pipelines import PIPELINES
from flows.promotion import promotion
from flows.unlearning import unlearning
from tasks.core.errors import ModelError
from tasks.data import SOURCES
from tasks.methods import TERMS
from tasks.training.method import PRESETS

FLOWS = {
    one.fn.__name__: one for one in (unlearning, deletion, curation, nightly, promotion, sweeping)
}
DEPLOYMENTS = yaml.safe_load(PIPELINES.read_text())["deployments"]
FORM = parameter_schema(unlearning).model_dump_for_openapi()


@pytest.mark.parametrize(
    "deployment", DEPLOYMENTS, ids=lambda one: f"{one['entrypoint']}-{one['name']}"
)
def test_the_form_takes_what_a_deployment_says(deployment):
    schema = parameter_schema(
        FLOWS[deployment["entrypoint"].split(":")[1]]
    ).model_dump_for_openapi()
    validate(deployment["parameters"], schema, raise_on_error=True)


def test_the_form_takes_the_checked_in_run():
    validate({"config": checked_in()}, FORM, raise_on_error=True)


def test_the_form_offers_every_source_every_term_and_every_preset():
    definitions = FORM["definitions"]
    assert (
        definitions["RunConfig"]["properties"]["source"]["discriminator"]["mapping"].keys()
        == SOURCES.keys()
    )
    assert (
        definitions["Method"]["properties"]["forget"]["discriminator"]["mapping"].keys()
        == TERMS.keys()
    )
    names, _ = definitions["UnlearnConfig"]["properties"]["method"]["anyOf"]
    assert names["enum"] == list(PRESETS)


def test_the_form_refuses_a_branch_where_a_commit_is_asked_for():
    given = {**checked_in()["model"], "path": "EleutherAI/pythia-160m", "revision": "main"}
    with pytest.raises(ValidationError, match="main"):
        validate({"config": {"model": given}}, FORM, raise_on_error=True)
    validate({"config": {"model": {**given, "revision": "a" * 40}}}, FORM, raise_on_error=True)


def test_a_hub_id_without_a_commit_is_refused_before_a_text_is_read(artifacts):
    config = RunConfig(model={"path": "EleutherAI/pythia-160m"})
    with pytest.raises(ModelError, match="pin the commit"):
        unlearning.fn(config)
    assert not artifacts.exists()
