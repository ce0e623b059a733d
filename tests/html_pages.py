"""What a page of the HTML report holds, read without a browser."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)((?: [A-Za-z0-9:-]+(?:=\"[^\"<>]*\")?)*)>")
ATTRIBUTE = re.compile(r" ([A-Za-z0-9:-]+)(?:=\"([^\"]*)\")?")
VOID = frozenset(("meta", "link", "br", "hr", "input", "wbr"))
_ELEMENTS = """
    a abbr article b bdi body br button caption circle code col colgroup dd defs del desc
    details dfn div dl dt em fieldset figcaption figure footer g h1 h2 h3 h4 h5 head header hr
    html input ins label legend li line link main mark meta nav ol optgroup option output p path
    polygon polyline pre q rect s samp script search section select small span strong sub
    summary sup svg table tbody td text tfoot th thead time title tr tspan ul use wbr
"""
ELEMENTS = frozenset(_ELEMENTS.split())
"""What a page of the report may be made of: nothing that loads, embeds or sends."""


@dataclass
class Page(HTMLParser):
    """Elements, addresses, ids and text of one page."""

    elements: Counter = field(default_factory=Counter)
    attributes: Counter = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    ids: Counter = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Elements that are not closed, or closed where they were not open."""
    _open: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag, attrs):
        self.elements[tag] += 1
        for name, value in attrs:
            self.attributes[name] += 1
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "id":
                self.ids[value] += 1
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.wrong.append(f"</{tag}> at {self.getpos()} inside {self._open[-3:]}")

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        self.wrong.append(f"a comment: {data[:80]}")

    def unknown_decl(self, data):
        self.wrong.append(f"a declaration: {data[:80]}")

    handle_pi = unknown_decl

    @property
    def text(self) -> str:
        """All text as a reader sees it, hidden or not."""
        return "".join(self.texts)


def read_page(text: str) -> Page:
    """Parse one page."""
    page = Page()
    page.feed(text)
    page.close()
    page.wrong += [f"<{tag}> stays open" for tag in page._open]
    return page


def broken_links(folder: Path) -> list[str]:
    """Return every link of the report in a folder that leads nowhere, or out of it."""
    paths = [folder / "index.html", *(folder / "html").glob("*.html")]
    pages = {path: read_page(path.read_text("utf-8")) for path in paths}
    broken = []
    for path, page in pages.items():
        for link in set(page.links):
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.is_file() or folder.resolve() not in target.parents:
                broken.append(f"{path.name}: {link}: no such file")
            elif anchor and target in pages and anchor not in pages[target].ids:
                broken.append(f"{path.name}: {link}: no such place")
    return broken


def live(page: Page) -> list[str]:
    """Return what on a page could run, load or lead away: nothing, on a good one."""
    bad = [*page.wrong, *(set(page.elements) - ELEMENTS)]
    bad += [a for a in page.attributes if a.startswith("on") or a in ("style", "srcdoc", "action")]
    bad += [link for link in page.links if ":" in link or link.startswith("/")]
    if page.elements["script"] > 1 or page.elements["h1"] != 1 or page.elements["main"] != 1:
        bad.append(f"{page.elements}")
    return bad


def lexed(text: str) -> Page:
    """Read a page as strictly as it is written, and faster: each ``<`` begins a tag of one form."""
    page, depth = Page(), []
    for closing, name, attributes in TAG.findall(text):
        if closing:
            if not depth or depth.pop() != name:
                page.wrong.append(f"</{name}> closes what is not open")
            continue
        page.elements[name] += 1
        if name not in VOID:
            depth.append(name)
        for attribute, value in ATTRIBUTE.findall(attributes) if attributes else ():
            page.attributes[attribute] += 1
            if attribute in ("href", "src"):
                page.links.append(value)
    rest = TAG.sub("", text.removeprefix("<!doctype html>\n"))
    page.wrong += [f"{rest[at.start() - 20 : at.end() + 20]!r}" for at in re.finditer("[<>]", rest)]
    page.wrong += [f"<{name}> stays open" for name in depth]
    return page
