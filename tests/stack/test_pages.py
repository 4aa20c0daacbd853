"""What a person sees on the pages of the servers, behind their passwords."""

import json
import urllib.request

import pytest

from tests.events import HOSTILE

pytestmark = pytest.mark.timeout(900)  # the first test waits for every server
PATIENCE = 120_000
"""Milliseconds that a page may take on two cores that also run a database and a worker."""

WINDOW = {"width": 1280, "height": 900}


class Seen:
    """A page in a browser, and what went wrong in it."""

    def __init__(self, browser, **options):
        self.page = browser.new_context(viewport=WINDOW, **options).new_page()
        self.page.set_default_timeout(PATIENCE)
        self.failed = []
        self.page.on("pageerror", lambda error: self.failed.append(str(error)))
        self.page.on("dialog", lambda dialog: self.failed.append(dialog.message))


class MLflow(Seen):
    """As its browser's own question for a password lets in."""

    def __init__(self, browser, served):
        password = served.secrets["MLFLOW_TRACKING_PASSWORD"]
        super().__init__(browser, http_credentials={"username": "lethe", "password": password})
        self.root = served.mlflow_uri

    def model(self, name):
        """The page of a registered model."""
        self.page.goto(f"{self.root}/#/models/{name}", wait_until="commit")
        return self.page


class Prefect(Seen):
    """As somebody who has logged in sees it."""

    def __init__(self, browser, served):
        super().__init__(browser)
        self.root = f"http://127.0.0.1:{served.ports['prefect']}"
        self.page.goto(f"{self.root}/v2/login", wait_until="commit")
        self.page.get_by_placeholder("admin:pass").fill(served.secrets["PREFECT_API_AUTH_STRING"])
        self.page.get_by_role("button", name="Login").click()
        self.page.wait_for_url("**/dashboard**", wait_until="commit")

    def form(self, flow, deployment):
        """Open the form of a deployment's run, as its page links to it."""
        self.page.goto(f"{self.root}/v2/deployments", wait_until="commit")
        row = self.page.get_by_role("row").filter(has_text=flow).filter(has_text=deployment)
        row.get_by_role("link", name=deployment, exact=True).click()
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()
        self.page.get_by_text("config", exact=True).wait_for()  # once the schema is there

    def chosen(self, name):
        """The tab of the variant that a union of the form has."""
        return self.page.get_by_role("tab", name=name, exact=True, selected=True)

    def field(self, name):
        return self.page.get_by_label(f"{name} (Optional)", exact=True)


@pytest.fixture
def prefect(browser, served):
    opened = Prefect(browser, served)
    yield opened
    opened.page.context.close()


@pytest.fixture
def mlflow(browser, served):
    opened = MLflow(browser, served)
    yield opened
    opened.page.context.close()


def test_the_form_of_a_request_is_filled_in_as_its_deployment_is_and_can_be_sent(prefect):
    prefect.page.route("**/create_flow_run", lambda route: route.abort())
    prefect.form("deletion", "on-request")
    prefect.chosen("Retrain").wait_for()
    form = prefect.page.get_by_role("main").inner_text()
    assert form.index("Authors (Optional)") < form.index("Titles (Optional)")
    assert prefect.field("Asked By").input_value() == "subject-0042"
    with prefect.page.expect_request("**/create_flow_run") as asked:
        prefect.page.get_by_role("button", name="Submit").click()
    config = asked.value.post_data_json["parameters"]["config"]
    assert config["asked"]["request"]["groups"] == ["book:toy0001"]
    assert config["approval"] == "wait"
    assert config["escalation"] == [{"name": "retrain"}]  # with a knob of another it is refused
    assert prefect.failed == []


def test_the_form_of_a_run_shows_the_term_that_each_side_has(prefect):
    prefect.form("unlearning", "on-demand")
    for choice in ("Toy", "Ascent", "Descent", "WeightedSum", "Trained", "AllWeights"):
        prefect.chosen(choice).wait_for()
    assert prefect.failed == []


def test_a_version_shows_its_alias_and_its_tags_and_markup_in_one_is_text(served, mlflow):
    name = "lethe-seen"
    tags = [{"key": "lethe.verdict", "value": "pass"}, {"key": "lethe.method", "value": HOSTILE}]
    told(served, "registered-models/create", name=name)
    told(served, "model-versions/create", name=name, source="s3://mlflow/0/seen", tags=tags)
    told(served, "registered-models/alias", name=name, alias="candidate", version="1")
    opened = mlflow.model(name)
    opened.get_by_role("link", name="Version 1").click()
    opened.get_by_role("row", name="lethe.verdict pass").wait_for()
    opened.get_by_role("cell", name=HOSTILE, exact=True).wait_for()
    opened.get_by_role("status", name="candidate").wait_for()
    assert mlflow.failed == []


def told(served, path, **body):
    """Tell MLflow's REST interface."""
    password = served.secrets["MLFLOW_TRACKING_PASSWORD"]
    headers = {"content-type": "application/json", **served.basic(f"lethe:{password}")}
    url = f"{served.mlflow_uri}/api/2.0/mlflow/{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())
