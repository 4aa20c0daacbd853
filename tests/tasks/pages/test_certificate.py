"""A certificate of a deletion as a page."""

import re

import pytest

from tasks.core.settings import PROJECT
from tasks.pages import certificate
from tests.statement import statement


def page(**changed):
    return certificate.html(statement(**changed), "55", "66")


def test_every_string_is_escaped():
    assert "<img" not in page()
    assert page().count("&lt;img src=x onerror=alert(1)&gt;") >= 4


def test_nothing_hides_or_turns_round():
    assert "\u202e" not in page()


def test_it_counts_what_was_asked_and_forgotten():
    words = page()
    assert "1,000 doc ids; 1 dated from" in words
    assert "2,400 documents with 60 tokens were unlearned in lethe-tiny/3" in words
    assert "2026-11-28 08:30 UTC" in words  # half past nine, an hour east of Greenwich


def test_what_was_not_measured_is_said():
    words = page()
    assert "retraining was not measured" in words
    assert '<td class="n">18.5</td><td class="n">not measured</td>' in words


def test_a_revoked_one_is_no_good_news():
    words = page(status="revoked", follows="44")
    assert '<div class="verdict bad">' in words
    assert "Revoked: this version is no answer to the request any more" in words
    assert "Follows the certificate with SHA-256" in words


def variables(css):
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", css))


def luminance(colour):
    """Relative, as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["report.css", "dark.css"])
def test_text_can_be_read_in_light_and_in_dark(name):
    told = {"page": "#ffffff", **variables((PROJECT / "tasks/pages" / name).read_text())}
    pairs = [
        ("ink", "page"), ("soft", "page"), ("link", "page"), ("ink", "wash"), ("soft", "wash"),
        ("good", "page"), ("bad", "page"), ("good", "good-wash"), ("bad", "bad-wash"),
        ("ink", "good-wash"), ("ink", "bad-wash"),
    ]  # fmt: skip
    for text, ground in pairs:
        assert contrast(told[text], told[ground]) >= 4.5, (text, ground)


def test_dark_changes_every_colour_that_light_names():
    light, dark = (
        variables((PROJECT / "tasks/pages" / name).read_text())
        for name in ("report.css", "dark.css")
    )
    assert light.keys() <= dark.keys()
