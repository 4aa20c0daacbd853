"""Searches set side by side."""

import yaml

from tasks.conclude import conclude, winners
from tasks.search import Found, Tried

RATE = "optimiser.learning_rate"


def tried(number, rate, outcome="judged", **figures):
    return Tried(number=number, knobs={RATE: rate}, outcome=outcome, figures=figures)


SEARCHED = Found(
    name="npo_kl",
    search="s0",
    trials=(
        tried(0, 1e-5, "pruned", spent=2.5),
        tried(1, 3e-4, spent=1.25, forget_factor=0.5).model_copy(update={"why": "forgotten"}),
        tried(2, 1e-4, spent=0.75).model_copy(update={"passed": True}),
        tried(3, 1e-3, "diverged").model_copy(update={"why": "loss became nan at step 3"}),
    ),
    judgement=tried(2, 1e-4, spent=1.5).model_copy(update={"why": "membership_loss"}),
    params={"name": "tuned", "unlearn": {"steps": 20}},
)
LOST = Found(name="undial", search="s1", trials=(tried(0, 1e-3, "diverged"),))


def test_every_trial_is_a_row_and_what_is_not_known_is_a_dash():
    table = (conclude.fn([SEARCHED, LOST]).path / "table.md").read_text().splitlines()
    assert len(table) == 2 + 5
    assert table[2].startswith(f"| npo_kl | 0 | {RATE} 1e-05 | pruned | 2.5 | - |")
    assert table[3].startswith(f"| npo_kl | 1 | {RATE} 0.0003 | fail | 1.25 | 0.5 |")
    assert table[4].startswith(f"| npo_kl | 2 | {RATE} 0.0001 | pass | 0.75 |")
    assert table[5].endswith("| loss became nan at step 3 |")


def test_the_winner_stands_beside_its_judgement_on_text_the_search_did_not_see():
    found, lost = winners(conclude.fn([SEARCHED, LOST]))
    assert (found["passing"], found["trials"]) == (1, 4)
    assert (found["tuned"], found["spent"]) == (0.75, 1.5)
    assert (found["outcome"], found["why"]) == ("fail", "membership_loss")
    assert (lost["outcome"], lost["tuned"], lost["spent"]) == ("diverged", None, None)


def test_there_are_parameters_to_run_with_wherever_there_is_a_winner():
    record = conclude.fn([SEARCHED, LOST])
    assert [path.name for path in (record.path / "params").iterdir()] == ["npo_kl.yaml"]
    assert yaml.safe_load((record.path / "params" / "npo_kl.yaml").read_text()) == SEARCHED.params


def test_there_is_a_plot_however_many_searches():
    for found in ([LOST], [SEARCHED, LOST], [SEARCHED] * 4):
        assert (conclude.fn(found).path / "plot.png").stat().st_size > 5000
