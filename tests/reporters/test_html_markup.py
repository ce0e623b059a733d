"""The builder of markup, the frame of a page, and the folder that a report becomes."""

from __future__ import annotations

import pytest

from pytest_quantguard.errors import QuantGuardError
from pytest_quantguard.reporters.html import _folder, clear_pages, write
from pytest_quantguard.reporters.html._entries import STATUSES, entries
from pytest_quantguard.reporters.html._markup import Markup, join, tag
from pytest_quantguard.reporters.html._page import page


def test_text_is_escaped_and_markup_is_not():
    """A child is text unless it was built here."""
    inner = tag("b", "1 < 2 & 'x'")

    assert "<p>&lt;i&gt;<b>1 &lt; 2 &amp; &#x27;x&#x27;</b></p>" == tag("p", "<i>", inner)
    assert isinstance(inner, Markup)
    assert "<p>ab</p>" == tag("p", ["a", (None, "b")])
    assert "a&amp;" == join(["a", "&"])


def test_attributes_are_escaped_named_and_left_out():
    """Underscores become hyphens; None and False are no attribute, True has no value."""
    found = tag("td", class_='"><script>', data_label="a&b", hidden=True, title=None, open=False)

    assert '<td class="&quot;&gt;&lt;script&gt;" data-label="a&amp;b" hidden></td>' == found
    assert '<br class="x">' == tag("br", class_="x")
    assert '<line x1="0.5" y1="2"></line>' == tag("line", x1=0.5, y1=2)


def test_control_characters_become_visible():
    """In texts and in attributes."""
    assert '<p title="\\x1b">\\u202e\\ud800</p>' == tag("p", "\u202e\ud800", title="\x1b")


@pytest.mark.parametrize(
    "attributes",
    [
        {"style": "x"},
        {"onclick": "x"},
        {"ONLOAD": "x"},
        {"srcdoc": "x"},
        {"href": "http://a"},
        {"href": "//a"},
        {"href": "javascript:x"},
        {"src": "data:,x"},
        {"href": "/etc"},
        {"href": "a b"},
        {"formaction": "a"},
        {"srcset": "a"},
        {"a b": "x"},
    ],
    ids=str,
)
def test_what_could_run_or_lead_away_cannot_be_built(attributes):
    """Not even by a mistake of ours, with whatever text."""
    with pytest.raises(ValueError, match=r"(of|inside) a report"):
        tag("a", **attributes)


@pytest.mark.parametrize("name", ["a b", "", "1"])
def test_a_name_that_is_none_is_refused(name):
    """An element is named by us alone."""
    with pytest.raises(ValueError, match="no element of a report"):
        tag(name)


def test_scripts_and_styles_are_files():
    """Nothing is written into them."""
    with pytest.raises(ValueError, match="no element of a report"):
        tag("script", "alert(1)")
    with pytest.raises(ValueError, match="no element of a report"):
        tag("style", "p {}")


def test_a_page_finds_its_files_from_where_it_stands():
    """The index from beside the folder, a case page from inside it."""
    index, case = page("t", "x"), page("t", "x", root="../", trail=[("c", "c.html")], script=True)

    assert 'href="html/style.css"' in index
    assert 'href="../html/style.css"' in case
    assert 'src="../html/filter.js"' in case
    assert 'href="../index.html"' in case
    assert '<span aria-current="page">c</span>' in case
    assert "<script" not in index


# --- entries ------------------------------------------------------------------------------------


def test_a_case_stands_under_what_matters_most(make):
    """A loss before missing evidence, that before a gain, and each case once."""
    outcomes = [
        make.pair("lost", check="a", lost=True),
        make.pair("lost", check="b", won=True),
        make.pair("won", check="a", won=True),
        make.pair("won", check="b"),
        make.pair("wrong", lost=True, won=True),
        make.pair("fine"),
        make.pair("half", check="a", won=True),
    ]
    mishaps = [
        make.replace(make.realistic_mishaps()[0], case=case, check="b")
        for case in ("lost", "half", "gone")
    ]
    candidate = make.replace(
        make.realistic().candidates[0], outcomes=tuple(outcomes), mishaps=tuple(mishaps)
    )
    found = {entry.case: entry.status for entry in entries(candidate)["tool-calling"]}

    assert {
        "lost": "regressed",
        "won": "improved",
        "wrong": "both-wrong",
        "fine": "held",
        "half": "no-evidence",
        "gone": "no-evidence",
    } == found
    assert set(STATUSES) == set(found.values())


# --- the folder ---------------------------------------------------------------------------------


def test_pages_of_an_older_run_go_and_files_of_others_stay(tmp_path, make):
    """A page that we made is known by its head."""
    write(make.realistic(), tmp_path / "index.html", make.REALISTIC_TEXTS)
    folder = tmp_path / "html"
    old = folder / "9-gone.html"
    old.write_text(next(folder.glob("*.html")).read_text("utf-8"), "utf-8")
    mine = folder / "mine.html"
    mine.write_text("<p>my own page about pytest", "utf-8")
    write(make.realistic(), tmp_path / "index.html", make.REALISTIC_TEXTS)

    assert not old.exists()
    assert mine.exists()
    assert {"style.css", "cases.css", "filter.js"} <= {path.name for path in folder.iterdir()}


def test_a_run_that_begins_removes_the_pages_of_the_last_one(tmp_path, make):
    """So that one without a verdict leaves no older cases; where there are none it does nothing."""
    clear_pages(tmp_path / "index.html")
    write(make.realistic(), tmp_path / "index.html", make.REALISTIC_TEXTS)
    clear_pages(tmp_path / "index.html")

    assert [] == list((tmp_path / "html").glob("*.html"))


def test_without_all_pages_there_is_no_index(tmp_path, make, monkeypatch):
    """Not the last run's either: it would lead to pages of two runs."""
    write(make.realistic(), tmp_path / "index.html", make.REALISTIC_TEXTS)

    def broken(report, texts):
        yield "1-a.html", "<p>"
        raise QuantGuardError("no more room")

    monkeypatch.setattr(_folder, "case_pages", broken)
    with pytest.raises(QuantGuardError, match="no more room"):
        write(make.realistic(), tmp_path / "index.html", make.REALISTIC_TEXTS)

    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize("name", ["../x.html", "a/b.html", "X.html", ".html", "a.js", "a\n.html"])
def test_a_page_cannot_be_written_elsewhere(tmp_path, make, monkeypatch, name):
    """Names of files are ours: a mistake in one is not followed."""
    monkeypatch.setattr(_folder, "case_pages", lambda report, texts: iter([(name, "<p>")]))

    with pytest.raises(ValueError, match="no file name of a report"):
        write(make.realistic(), tmp_path / "index.html", make.REALISTIC_TEXTS)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, make):
    """A file stands where the folder has to be."""
    (tmp_path / "html").write_text("x", "utf-8")

    with pytest.raises(QuantGuardError, match=r"html.*this report cannot be written"):
        write(make.realistic(), tmp_path / "index.html", make.REALISTIC_TEXTS)


def test_an_index_that_cannot_be_replaced_is_named(tmp_path, make):
    """A folder stands where the index has to be."""
    (tmp_path / "index.html").mkdir()

    with pytest.raises(QuantGuardError, match=r"index\.html: this older report cannot be removed"):
        write(make.realistic(), tmp_path / "index.html", make.REALISTIC_TEXTS)
