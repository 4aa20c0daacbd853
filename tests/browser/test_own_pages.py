"""The report and the certificate as people see them: wide, narrow, light, dark, by keyboard."""

from typing import NamedTuple

import pytest

from tasks.pages import certificate
from tasks.report import report
from tests.events import HOSTILE, event_maker
from tests.statement import statement

WIDTHS = {"desktop": 1280, "phone": 390}
FIXED = {"status", "issued", "received", "due", "at", "comparator"}
"""What the schema of a certificate gives no room for markup."""

REACHABLE = (
    "[...document.querySelectorAll('a[href], summary')].filter(one => one.checkVisibility())"
)
OPEN = "document.querySelectorAll('details').forEach(one => one.open = true)"
TEXTS = """
[...document.querySelectorAll('body *:not(svg *)')]
  .filter(one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
  .map(one => {
    let under = one, ground
    do ground = getComputedStyle(under).backgroundColor
    while (ground === 'rgba(0, 0, 0, 0)' && (under = under.parentElement))
    return [one.innerText.slice(0, 40), getComputedStyle(one).color, ground]
  })
"""
"""Every element with words of its own, its colour, and the first colour that lies under it."""


class Shown(NamedTuple):
    address: str
    hostile: int
    """Strings with markup that must be found in it as text, at least."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report with markup in its names, and a certificate with markup in every free field."""
    artifacts = tmp_path_factory.mktemp("pages") / "artifacts"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_ARTIFACTS", str(artifacts))
        reported = report.fn(event_maker(artifacts)()).path / "report.html"
    certified = artifacts / "certificate.html"
    certified.write_text(certificate.html(spoiled(statement()), "55" * 32, "66" * 32))
    return {
        "report": Shown(reported.as_uri(), hostile=5),
        "certificate": Shown(certified.as_uri(), hostile=30),
    }


@pytest.fixture(params=["report", "certificate"])
def shown(request, pages):
    return pages[request.param]


def spoiled(told, key=""):
    """Markup behind every string that a certificate may hold anything in."""
    if isinstance(told, dict):
        return {name: spoiled(value, name) for name, value in told.items()}
    if isinstance(told, list):
        return [spoiled(value, key) for value in told]
    return f"{told}{HOSTILE}" if isinstance(told, str) and key not in FIXED else told


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_it_fits_its_window_and_every_word_can_be_read(browser, shown, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(shown.address)
    page.evaluate(OPEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    texts = page.evaluate(TEXTS)
    pale = [words for words, ink, paper in texts if contrast(ink, paper) < 4.5]  # WCAG 2.2, AA
    assert texts
    assert pale == []
    (ground,) = {luminance(paper) < 0.1 for words, _, paper in texts if words}
    assert ground == (scheme == "dark")
    page.close()


def test_nothing_in_it_runs_and_nothing_fails(browser, shown):
    page = browser.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda asked: said.append(asked.url) if asked.url != shown.address else None)
    page.goto(shown.address)
    page.evaluate(OPEN)
    page.wait_for_timeout(300)
    assert [one for one in said if not one.startswith("data:")] == []
    page.close()


def test_markup_in_any_field_is_text(browser, shown):
    page = browser.new_page()
    page.goto(shown.address)
    assert page.locator("script, img, [onerror]").count() == 0
    assert page.locator("body").text_content().count(HOSTILE) >= shown.hostile
    page.close()


def test_the_keyboard_alone_reaches_every_link_and_fold(browser, shown):
    page = browser.new_page()
    page.goto(shown.address)
    page.evaluate(OPEN)
    wanted = set(range(page.evaluate(f"{REACHABLE}.length")))
    reached = set()
    for _ in range(200):  # a browser may stop at more, such as a table that scrolls
        page.keyboard.press("Tab")
        reached.add(page.evaluate(f"{REACHABLE}.indexOf(document.activeElement)"))
        if wanted <= reached:
            break
    assert wanted <= reached
    assert wanted
    page.close()


def contrast(one, other):
    """Of two colours as the browser tells them, by WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
