"""The HTML report as a folder: its links, its markup and its size, read without a browser."""

from __future__ import annotations

import re

import pytest

import many_cases
from html_pages import broken_links, live, read_page
from pytest_quantguard.reporters import html

PAGE_LIMIT = 1_500_000
"""Bytes of one page: what a phone still opens."""


def everything(folder):
    """Every page of a report by its name."""
    paths = [folder / "index.html", *sorted((folder / "html").glob("*.html"))]
    return {path.name: path.read_text("utf-8") for path in paths}


@pytest.mark.parametrize("name", ["realistic", "measured"])
def test_all_links_lead_to_a_place_of_the_report(tmp_path, make, name):
    """Files and anchors, between all pages; ids stand once on a page."""
    html.write(getattr(make, name)(), tmp_path / "index.html", make.REALISTIC_TEXTS)

    assert [] == broken_links(tmp_path)
    for page in map(read_page, everything(tmp_path).values()):
        assert [] == live(page)
        assert [] == [i for i, times in page.ids.items() if times > 1]
    assert 2 <= len(everything(tmp_path))


def test_all_links_lead_somewhere_with_two_candidates_and_with_none(
    tmp_path, make, two_candidates, empty_report
):
    """The pages of one candidate are not those of the other; no candidate is a page, too."""
    html.write(two_candidates, tmp_path / "index.html", make.REALISTIC_TEXTS)
    assert [] == broken_links(tmp_path)
    two = set(everything(tmp_path))
    html.write(empty_report, tmp_path / "index.html", make.REALISTIC_TEXTS)
    assert [] == broken_links(tmp_path)

    assert 7 <= len(two)
    assert {"index.html"} == set(everything(tmp_path))


def test_nothing_is_made_of_hostile_text(tmp_path, make, hostile_text):
    """Elements and attributes are those of the report; every link stays inside."""
    html.write(make.hostile(hostile_text), tmp_path / "index.html", make.saying(hostile_text))

    assert [] == broken_links(tmp_path)
    for name, text in everything(tmp_path).items():
        page = read_page(text)
        assert [] == live(page), name
        assert not make.UNPRINTABLE.search(text.replace("\n", "").replace("\t", "")), name
        assert len(text.encode()) < PAGE_LIMIT


def test_ten_thousand_cases_stay_usable(tmp_path):
    """Pages are small, the index above all, and every case that is in doubt has its place."""
    size = many_cases.Size(doubtful=0.1, characters=2000)
    html.write(many_cases.report(size), tmp_path / "index.html", many_cases.texts(size))
    pages = everything(tmp_path)
    shown = {case for text in pages.values() for case in re.findall(r"case-\d{5}", text)}

    assert len(pages["index.html"].encode()) < 200_000
    assert max(len(text.encode()) for text in pages.values()) < PAGE_LIMIT
    assert {f"case-{number:05d}" for number in range(1000)} <= shown
    assert sum(len(text.encode()) for text in pages.values()) < 12_000_000
