"""What a report holds, and what it must not."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from prefect import flow
from prefect.client.orchestration import get_client

from tasks import report as verb
from tasks.core.event import SPLITS
from tasks.report import commit, made, report

TEXT = "It was the best of forgotten times"
KNOWS = {"target": {"forget": 1.0}, "unlearned": {"forget": 1.0}, "retrained": {}}
DESTROYED = {"target": {"forget": 1.0}, "unlearned": dict.fromkeys(SPLITS, 90.0), "retrained": {}}
GIVEN = {"target": {"forget": 1.0}, "unlearned": {}}
"""A target from elsewhere: nobody can make the retrained model."""

UNKNOWN = dict.fromkeys(("tokens", "flops", "seconds", "steps", "peak_memory_bytes"))


class Tags(HTMLParser):
    """Every tag with its attributes, and the text of all."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def values(self, *names):
        return [attrs[name] for _, attrs in self.tags for name in names if attrs.get(name)]

    def count(self, name):
        return sum(tag == name for tag, _ in self.tags)


def page_of(event):
    return (report.fn(event).path / "report.html").read_text()


def words_of(page):
    return " ".join(" ".join(Tags(page).texts).split())


def test_a_model_that_forgot_is_said_to_have_as_far_as_was_measured(usual):
    words = words_of(usual.page)
    assert "✓ Forgotten, as far as was measured" in words
    assert "60 documents (1,200 tokens)" in words
    assert "do not release" not in words


def test_an_untouched_model_still_knows_and_tells(an_event):
    words = words_of(page_of(an_event(KNOWS)))
    assert "do not release this model" in words
    assert "It fails on forgetting and privacy" in words
    assert "It still knows the text better than a model that never saw it" in words
    assert "can still be told apart as text it was trained on" in words


def test_a_destroyed_model_is_called_damaged(an_event):
    words = words_of(page_of(an_event(DESTROYED)))
    assert "The model is damaged: it predicts the retain, general and test text worse" in words
    assert "It knows less of the text than a model that never saw it" in words


def test_without_a_retrained_model_that_is_said_and_nothing_is_made_up(an_event):
    spent = dict.fromkeys(("target", "unlearned"), UNKNOWN)
    words = words_of(page_of(an_event(GIVEN, spent=spent)))
    assert "A model trained again without the text There is none." in words
    assert "What training again without the text would have cost: not measured." in words
    assert "similar text (the approximate split) as the target knows it" in words
    assert "Seconds of training not measured not measured" in words


def test_the_three_models_stand_side_by_side_on_five_splits(usual):
    event = usual.event
    table = usual.page.split("</table>")[0]
    scores = json.loads((event.verdict.path / "scores.json").read_text())
    for role in ("target", "unlearned", "retrained"):
        for split in SPLITS:
            assert f"{scores[role][split]['perplexity']:.4g}<span>" in table
            assert f"{scores[role][split]['accuracy']:.3f}<span>" in table
    assert re.search(r"0\.\d\d \(0\.\d\d to 0\.\d\d\)</td>", table)


def test_every_score_stands_with_its_interval_and_every_attack_beside_the_retrained_models(
    usual,
):
    event = usual.event
    words = words_of(usual.page)
    sure = json.loads((event.verdict.path / "intervals.json").read_text())
    for role, by_split in sure.items():
        for split in SPLITS:
            ends = by_split[split]["extraction_strength"]
            assert f"{ends['low']:.2f}-{ends['high']:.2f}" in words, (role, split)
    attacks = json.loads((event.verdict.path / "attacks.json").read_text())
    one = attacks["unlearned"]["loss"]
    assert f"{one['tpr_at_5pct_fpr']:.3f} " in words
    assert f"{one['tpr_at_5pct_fpr_low']:.3f} to {one['tpr_at_5pct_fpr_high']:.3f}" in words
    for name in attacks["unlearned"].keys() - {"reference_retrained"}:
        assert f"{name.replace('_', ' ')} retrained " in words
    assert "reference retrained unlearned " in words


def test_every_reason_of_the_gate_is_there_with_its_numbers(an_event):
    event = an_event(DESTROYED)
    words = words_of(page_of(event))
    for reason in json.loads((event.verdict.path / "verdict.json").read_text())["reasons"]:
        assert reason["message"] in words


def test_exposure_stands_with_what_it_is_held_against_and_who_is_served_worst(usual):
    event = usual.event
    words = words_of(usual.page)
    found = json.loads((event.verdict.path / "exposure.json").read_text())
    assert "unlearned generalised the retrained model, same documents" in words
    assert "unlearned relative similar documents never seen, same model" in words
    mean, low, high = (found["roles"]["unlearned"]["relative"][x] for x in ("mean", "low", "high"))
    assert f"{mean:.4g} {low:.4g} to {high:.4g}" in words
    worst = found["worst"][0]
    assert f"{worst['doc_id']} {worst['exposure']:.4g}" in words
    assert "author A. Writer" in words


def test_without_a_retrained_model_exposure_is_relative_alone(an_event):
    words = words_of(page_of(an_event(GIVEN)))
    assert "generalised the retrained model" not in words
    assert "than it does about similar documents it never saw" in words
    assert "How well each document was remembered, and how hard it is: not measured" in words


def test_the_smallest_rate_that_can_be_shown_stands_beside_the_rates(usual):
    # 60 documents that no model saw
    assert "Smallest rate" in words_of(usual.page)
    # six attacks on three models; two with the retrained model as reference, two with the target
    assert words_of(usual.page).count("1.67 %") == 6 * 3 + 2 + 2


def test_the_plan_is_counted_by_reason_with_its_suggestions(usual):
    words = words_of(usual.page)
    assert "Asked for: 58 documents, 1,160 tokens" in words
    assert "shares text with another document, short of a copy 3 60" in words
    assert "authors: A Writer <b> (2 documents)" in words


def test_the_lineage_names_every_record_the_data_and_the_code(usual):
    event = usual.event
    words = words_of(usual.page)
    for record in made(event).values():
        assert f"{record.kind}/{record.fingerprint}" in words
    assert "ab" * 20 in words
    assert "test-md5" in words
    at = usual.record.config["commit"]  # another may be checked out by now
    assert at
    assert at in words
    assert "ascent on forget, descent on retain with weight 1; 40 steps" in words


def test_strings_from_a_corpus_and_a_config_are_escaped(usual):
    page = usual.page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 2  # a doc_id and the config
    assert Tags(page).count("img") == Tags(page).count("script") == 0


def test_what_is_invisible_or_turns_letters_round_is_spelled_out(an_event):
    plan = {"matched": [], "added": [], "suggestions": [], "documents": 0, "tokens": 0}
    reversed_name = {"doc_id": "a\u202eb\x07", "reason": "r", "tokens": 1}
    page = page_of(an_event(plan={**plan, "left": [reversed_name]}))
    assert "a\\u202eb\\x07" in page
    assert "\u202e" not in page


def test_no_text_that_must_go_is_in_the_report_or_its_record(an_event):
    record = report.fn(an_event(passages=(TEXT,)))
    for path in record.path.iterdir():
        assert TEXT not in path.read_text()
    assert "sha256:" in (record.path / "report.html").read_text()


def test_nothing_is_asked_of_any_network_and_there_are_no_scripts(usual):
    page = usual.page
    tags = Tags(page)
    links = tags.values("href", "src", "xlink:href", "srcset", "data", "action", "poster")
    outside = [link for link in links if not link.startswith("#")]
    assert outside == ["../../validation/v0/data_docs/index.html"]
    assert not {tag for tag, _ in tags.tags} & {"link", "img", "iframe", "object", "embed"}
    assert not [name for _, attrs in tags.tags for name in attrs if name.startswith("on")]
    assert set(re.findall(r"https?://[^\"' )]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert not re.findall(r"@import|url\((?!#)", page)


def test_the_link_to_the_data_docs_leads_to_them(usual):
    record = usual.record
    (link,) = [
        link
        for link in Tags((record.path / "report.html").read_text()).values("href")
        if not link.startswith("#")
    ]
    assert (record.path / unquote(link)).read_text() == "all is well"


def test_ids_are_unique_and_what_refers_to_them_finds_them(usual):
    page = usual.page
    ids = Tags(page).values("id")
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"(?:url\(|href=\")#([^\")]+)", page)) <= set(ids)


def test_tables_have_captions_and_headings_and_pictures_have_words(usual):
    tags = Tags(usual.page)
    assert tags.count("caption") == tags.count("table") > 5
    assert all(attrs.get("scope") for tag, attrs in tags.tags if tag == "th")
    pictures = [attrs for _, attrs in tags.tags if attrs.get("role") == "img"]
    assert len(pictures) == tags.count("svg") == tags.count("figcaption") == 5
    assert all(len(attrs["aria-label"]) > 40 for attrs in pictures)


def test_the_same_records_give_the_same_bytes(an_event):
    event = an_event()
    record = report.fn(event)
    first = (record.path / "report.html").read_bytes()
    shutil.rmtree(record.path)
    assert (report.fn(event).path / "report.html").read_bytes() == first
    assert len(first) < 300_000


def test_without_progress_the_way_was_not_measured(an_event):
    words = words_of(page_of(an_event(steps=())))
    assert "The way of the loss over the steps: not measured." in words


def test_without_probes_the_losses_of_the_method_are_shown_and_called_so(an_event):
    steps = [{"step": at, "forget_loss": -at / 2, "keep_loss": None} for at in (1, 2, 3)]
    words = words_of(page_of(an_event(steps=steps)))
    assert "The losses that the method itself makes smaller" in words


def test_a_folder_that_git_does_not_know_is_called_so(tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "PROJECT", tmp_path)
    assert commit() == "not a git checkout"


def test_the_commit_is_named_and_changes_to_it_are_owned_up_to(tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "PROJECT", tmp_path)
    file = tmp_path / "code.py"
    file.write_text("1")
    who = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
    for arguments in (["init", "-q"], ["add", "code.py"], [*who, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    assert re.fullmatch(r"[0-9a-f]{40}", commit())
    file.write_text("2")
    assert commit().endswith(", with changes not committed")


def test_inside_a_flow_run_prefect_has_the_verdict_and_a_link(an_event, prefect_server):
    event = an_event()

    @flow
    def reporting():
        return report(event)

    record = reporting()
    with get_client(sync_client=True) as client:
        artifacts = client.read_artifacts()
    (kept,) = [one for one in artifacts if one.key == f"lethe-report-{record.fingerprint}"]
    assert kept.data.startswith("## Forgotten, as far as was measured")
    assert "| unlearned | " in kept.data
    link = re.search(r"\(file://(.*)\)", kept.data)[1]
    assert Path(unquote(link)) == record.path / "report.html"
