"""The report as people see it: wide and narrow, light and dark, with a keyboard alone."""

import pytest

from tasks.report import report

REACHABLE = (
    "[...document.querySelectorAll('a[href], summary')].filter(one => one.checkVisibility())"
)
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture
def address(an_event):
    return (report.fn(an_event()).path / "report.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_it_fits_its_window_and_can_be_read(browser, address, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert contrast(ink, paper) >= 4.5  # WCAG 2.2, level AA


def test_nothing_in_it_runs_and_nothing_fails(browser, address):
    page = browser.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: said.append(request.url) if request.url != address else None)
    page.goto(address)
    page.wait_for_timeout(300)
    assert [one for one in said if not one.startswith("data:")] == []


def test_markup_in_a_name_is_text(browser, address):
    page = browser.new_page()
    page.goto(address)
    assert page.locator("script").count() == 0
    assert page.locator("[onerror]").count() == 0
    assert "<script>alert(1)</script>" in page.locator("body").text_content()


def test_the_keyboard_alone_reaches_every_link_and_fold(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    wanted = set(range(page.evaluate(f"{REACHABLE}.length")))
    reached = set()
    for _ in range(200):  # a browser may stop at more, such as a table that scrolls
        page.keyboard.press("Tab")
        reached.add(page.evaluate(f"{REACHABLE}.indexOf(document.activeElement)"))
        if wanted <= reached:
            break
    assert wanted <= reached
    assert wanted


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
