"""A search as MLflow shows it: one run, and one below it for each trial."""

from tasks.record_search import record_search
from tasks.search import Found, Tried
from tasks.track import PARENT

KNOB = "optimiser.learning_rate"


def tried(number, outcome="judged", **figures):
    return Tried(number=number, knobs={KNOB: 10.0**-number}, outcome=outcome, figures=figures)


FOUND = Found(name="npo_kl", search="s0", trials=(tried(0, spent=2.0),))
MORE = FOUND.model_copy(update={"trials": (*FOUND.trials, tried(1, "pruned", spent=3.0))})
WHOLE = MORE.model_copy(update={"judgement": tried(0, spent=1.5)})


def runs(client):
    (experiment,) = [e for e in client.search_experiments() if e.name == "lethe-x-tuning"]
    found = client.search_runs([experiment.experiment_id])
    return {run.info.run_name: run for run in found}, len(found)


def test_trials_are_added_below_the_search_once_each_and_the_winner_ends_it(database):
    for found in (FOUND, MORE):
        record_search.fn("lethe-x-tuning", found)
    before, _ = runs(database)
    assert before["tuning npo_kl"].info.status == "RUNNING"

    for _ in range(2):  # told twice, it is there once
        record_search.fn("lethe-x-tuning", WHOLE, whole=True)
    after, count = runs(database)
    assert count == 3
    parent = after["tuning npo_kl"]
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics == {"spent": 1.5}
    assert parent.data.params == {KNOB: "1"}
    for name, outcome, spent in (("trial 0", "judged", 2.0), ("trial 1", "pruned", 3.0)):
        assert after[name].data.tags[PARENT] == parent.info.run_id
        assert after[name].data.tags["lethe.outcome"] == outcome
        assert after[name].data.metrics == {"spent": spent}
        assert after[name].info.status == "FINISHED"
