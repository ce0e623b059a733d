"""The HTML report in a real Chromium: it loads, nothing complains, nothing leaves, text is text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from chromium import served, started, tab_of, too_wide, violations

import many_cases
from html_pages import ELEMENTS
from pytest_quantguard._sanitize import clean
from pytest_quantguard.reporters import html

ATTACK = (
    "<script>document.title = 'owned'; alert(1)</script><img src=http://remote.invalid/a.png "
    "onerror=alert(2)><svg onload=alert(3)><iframe src=//remote.invalid></iframe></pre></details>"
    "</table></main><style>body{display:none}</style><meta http-equiv=refresh content=0;url=//x>"
    '"><a href="javascript:alert(4)">go</a>\' onmouseover=alert(5) ![i](http://remote.invalid/b.png)'
    " <link rel=stylesheet href=//remote.invalid/c.css>&lt;b&gt;&amp;amp; \u202e \x1b[31m \x00 ]]>"
)
BLOCKED = ("Blocked script execution", "filter.js")
"""What Chromium says of our own script, which Jenkins' policy forbids: it is not needed."""


@pytest.fixture(scope="module")
def chromium():
    """One browser for this module; it ends with it, and so does the event loop that drives it."""
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def tab(chromium):
    """The one tab in which all pages with scripts are opened."""
    with tab_of(chromium) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where reports are written."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def server(folder):
    """The URL of a server of that folder."""
    with served(folder) as url:
        yield url


def matrix(make):
    """Two candidates with metrics, and a few cases of every kind: what a page can show at all."""
    report = make.measured()
    (first,) = report.candidates
    kept = tuple(o for o in first.outcomes if re.search(r"-(0|4|158)$", o.case))
    wrong = make.pair("refund-order-0", check="length", lost=True, won=True)
    found = (*kept, replace(wrong, baseline=wrong.candidate), replace(wrong, case="both-wrong"))
    first = replace(first, outcomes=found, mishaps=first.mishaps[-2:])
    second = replace(
        first,
        variant=replace(first.variant, name="gptq-int4"),
        outcomes=tuple(replace(o, variant="gptq-int4") for o in found),
        mishaps=tuple(replace(m, variant="gptq-int4") for m in first.mishaps),
        measurements=tuple(replace(m, variant="gptq-int4") for m in first.measurements),
    )
    return replace(report, candidates=(first, second))


@pytest.fixture
def written(folder, make, empty_report):
    """Return a function: the folder of a report by its name, written once."""
    many = many_cases.Size(cases=800, doubtful=1.0, characters=400)
    reports = {
        "matrix": lambda: (matrix(make), make.REALISTIC_TEXTS),
        "hostile": lambda: (make.hostile(ATTACK), make.saying(ATTACK)),
        "empty": lambda: (empty_report, make.REALISTIC_TEXTS),
        "many": lambda: (many_cases.report(many), many_cases.texts(many)),
    }

    def write(name):
        if not (folder / name / "index.html").exists():
            report, texts = reports[name]()
            html.write(report, folder / name / "index.html", texts)
        return folder / name

    return write


def addresses(report, server, way):
    """Every page of a report, as one opens it that way: the index first."""
    pages = [report / "index.html", *sorted((report / "html").glob("*.html"))]
    if way == "file":
        return [page.as_uri() for page in pages]
    return [f"{server}/{way}/{page.relative_to(report.parent).as_posix()}" for page in pages]


def tools_of(report, server):
    """The address of a page with cases of every kind."""
    (found,) = (page for page in addresses(report, server, "strict") if "/1-tool" in page)
    return found


def test_the_harness_notices_everything_that_must_not_happen(tab, folder, server):
    """A control: script, style, image, dialog, width, contrast are seen where they happen."""
    (folder / "bad").mkdir()
    (folder / "bad" / "index.html").write_text(
        "<!doctype html><html><img src='http://remote.invalid/a.png'><style>b{color:red}</style>"
        "<p style='width:3000px;color:#ccc'>wide</p><script>alert('owned'); nothing.here()</script>"
    )
    page = tab.visit(f"{server}/strict/bad/index.html", width=390)
    assert [] == too_wide(page)
    assert 4 <= len([c for c in tab.complaints if "Content Security Policy" in c])
    assert [] == tab.dialogs
    page = tab.visit(f"{server}/open/bad/index.html", width=390)
    assert ["owned"] == tab.dialogs
    assert any("nothing is not defined" in c for c in tab.complaints)
    assert "http://remote.invalid/a.png" in tab.requests
    assert [] != too_wide(page)
    assert {"color-contrast", "html-has-lang"} <= {v.split(":")[0] for v in violations(page)}


def assert_silent(tab, own, server, blocked=()):
    """No complaint, no dialog, no window, and no request but for the report's own files."""
    address = tab.page.url
    assert [] == [c for c in tab.complaints if not any(b in c for b in blocked)], address
    assert [] == tab.dialogs, address
    # A browser asks for the icon of a server by itself.
    away = [u for u in tab.requests if not u.startswith(f"{own}/")]
    assert set(away) <= {f"{server}/favicon.ico"}, address
    assert 2 <= len(tab.requests) - len(away), address
    assert tab.page.title()
    assert 1 == tab.page.locator("h1:visible").count(), address


@pytest.mark.parametrize("name", ["matrix", "hostile", "empty"])
def test_every_page_loads_in_silence_and_fits_a_phone(tab, server, written, name):
    """Under a strict policy, at 390 px: nothing scrolls sideways, also when all is unfolded."""
    for address in addresses(written(name), server, "strict"):
        page = tab.visit(address, width=390)
        assert_silent(tab, f"{server}/strict/{name}", server)
        assert [] == too_wide(page), address
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert [] == too_wide(page), address


@pytest.mark.parametrize("name", ["matrix", "hostile"])
def test_pages_load_in_silence_from_jenkins_and_from_a_folder(tab, server, written, name):
    """With all scripts forbidden, and without a server: the index, and a page of cases."""
    report = written(name)
    for address in addresses(report, server, "file")[:2]:
        tab.visit(address)
        assert_silent(tab, report.as_uri(), server)
    for address in addresses(report, server, "jenkins")[:2]:
        page = tab.visit(address)
        assert_silent(tab, f"{server}/jenkins/{name}", server, BLOCKED)
        assert "rgb(0, 0, 0)" != page.evaluate(
            "getComputedStyle(document.querySelector('h1')).color"
        )


def test_hostile_text_is_text(tab, server, written):
    """It stands there as it is, control characters made visible; no element comes of it."""
    texts = []
    for address in addresses(written("hostile"), server, "strict"):
        page = tab.visit(address)
        texts.append(page.evaluate("document.documentElement.textContent"))
        made = Counter(page.evaluate("[...document.querySelectorAll('*')].map(e => e.localName)"))
        assert set(made) <= ELEMENTS
        assert made["script"] <= 1 == made["main"] == made["body"] == made["h1"]
        assert [] == page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())"
            ".filter(name => name.startsWith('on') || name === 'style')"
        )
        assert "owned" != page.title()

    assert any(clean(ATTACK) in text for text in texts)
    assert not any("\u202e" in text or "\x1b" in text for text in texts)


def test_pages_are_accessible(tab, server, written):
    """Axe finds nothing against WCAG A and AA, on the index and on a page of cases."""
    report = written("matrix")
    for address in (f"{server}/strict/matrix/index.html", tools_of(report, server)):
        page = tab.visit(address)
        # What is folded is hidden from axe, too.
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert [] == violations(page), address
        # Colours are all that can be wrong in the dark alone.
        page.emulate_media(color_scheme="dark")
        assert [] == violations(page, ["color-contrast"]), address


def test_paper_is_white(tab, server, written):
    """Whatever the reader's screen is: dark letters, also those of an answer, on nothing."""
    colours = (
        "['body', 'h1', 'article.case td, main'].map("
        "name => getComputedStyle(document.querySelector(name)).color)"
    )
    report = written("matrix")
    for address in (f"{server}/strict/matrix/index.html", tools_of(report, server)):
        page = tab.visit(address)
        light = page.evaluate(colours)
        page.emulate_media(color_scheme="dark")
        assert light != page.evaluate(colours)
        page.emulate_media(media="print", color_scheme="dark")
        assert light == page.evaluate(colours)
        assert "light" == page.evaluate("getComputedStyle(document.documentElement).colorScheme")


def test_without_scripts_everything_can_be_reached_by_keyboard(chromium, server, written):
    """Filters narrow what is visible, what is folded opens, the first stop leads to the content."""
    with tab_of(chromium, scripts=False) as tab:
        page = tab.visit(tools_of(written("matrix"), server))
        shown = page.locator("article.case:visible")
        everything = shown.count()
        page.keyboard.press("Tab")
        assert "#content" == page.evaluate("document.activeElement.getAttribute('href')")

        assert not page.locator("#search").is_visible()
        page.locator("#status-all").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#status-regressed").is_checked()
        assert 0 < shown.count() < everything
        assert shown.count() == page.locator("article.case.s-regressed").count()

        asked = shown.first.locator("details").first
        pre = asked.locator("pre").first
        assert not pre.is_visible()
        asked.locator("summary").focus()
        page.keyboard.press("Enter")
        assert pre.is_visible()


def test_filters_of_check_and_words_narrow_and_are_kept_in_the_address(tab, server, written):
    """By check without the script; by words, with counts and an address to share, with it."""
    page = tab.visit(tools_of(written("matrix"), server))
    shown = page.locator("article.case:visible")
    everything = shown.count()
    page.get_by_label("length", exact=True).check()
    of_length = shown.count()
    assert 0 < of_length < everything

    page.locator("#find").fill("both-wrong")
    assert 1 == shown.count()
    assert page.locator("#found").inner_text().startswith("1 of ")
    page = tab.visit(page.url)
    assert "both-wrong" == page.locator("#find").input_value()
    assert 1 == shown.count()
    assert [] == tab.complaints


def test_a_full_page_is_filtered_too(tab, server, written):
    """A page of a hundred cases: a word leaves the one that it names."""
    page = tab.visit(addresses(written("many"), server, "strict")[1])
    shown = page.locator(".case:visible")
    everything = shown.count()
    one = page.locator("article.case h3 a").nth(20).inner_text()
    page.locator("#find").fill(one)

    assert 50 < everything
    assert 1 == shown.count()
    assert [] == tab.complaints
