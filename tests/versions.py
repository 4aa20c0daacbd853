"""Registered versions whose files are no weights, and the requests that they answer."""

import shutil
from datetime import UTC, datetime

import pytest

from tasks import ledger, registry
from tasks.requests.deletion import Draft
from tasks.requests.request import Request
from tasks.track import tracking


@pytest.fixture
def a_version(tmp_path):
    """Registers a version of files that are no weights; its name, ``lethe-tiny/1``."""

    def logged(client, model, number):
        experiment = client.get_experiment_by_name(model).experiment_id
        run = client.create_run(experiment)
        reasons = [{"passed": True, "message": "forgets enough"}]
        client.log_dict(run.info.run_id, {"pass": True, "reasons": reasons}, "verdict.json")
        folder, flat = (tmp_path / kind / model / str(number) for kind in ("made", "flat"))
        for part in registry.PARTS:
            (folder / part).mkdir(parents=True)
            (folder / part / f"{part.split('/')[-1]}.json").write_text(f"{model} {number}")
            shutil.copytree(folder / part, flat, dirs_exist_ok=True)
        one = client.create_logged_model(experiment, name="unlearned")
        client.log_model_artifacts(one.model_id, str(folder))
        client.finalize_logged_model(one.model_id, "READY")
        return run.info.run_id, f"models:/{one.model_id}", registry.files_digest(flat)

    def make(parent="", requests=(), model="lethe-tiny", **tags):
        with tracking() as client:
            number = 1 + len(client.search_model_versions(f"name = '{model}'"))
            if number == 1:
                client.create_registered_model(model)
                client.create_experiment(model, (tmp_path / "runs" / model).as_uri())
            run_id, source, digest = logged(client, model, number)
            told = {
                "lethe.parent": parent,
                "lethe.requests": ",".join(requests),
                "lethe.verdict": "pass",
                registry.FILES: digest,
                **{f"lethe.{key}": value for key, value in tags.items()},
            }
            made = client.create_model_version(model, source=source, run_id=run_id, tags=told)
        version = registry.called(made)
        if requests:
            ledger.note_event(requests, model, f"event-{number}", version)
        return version

    return make


@pytest.fixture
def a_request():
    """Enters a request and moves it along; its id."""

    def make(*statuses, author="Marta Quill", models=("lethe-tiny",)):
        now = datetime.now(UTC)
        one = ledger.add(
            Draft(asked_by="subject-42", ground="objection", received=now, models=models,
                  request=Request(authors=(author,)))
        )  # fmt: skip
        for status in statuses:
            ledger.move(one.id, status, "officer-7", "as agreed")
        return one.id

    return make
