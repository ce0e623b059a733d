"""The frame of every page: head, links to what stands beside it, header and footer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_quantguard.reporters.html._markup import Child, Markup, tag

FOLDER = "html"
"""Folder beside index.html that holds everything else."""
GENERATOR = "pytest-quantguard"
"""Who made a page, as its head says: how pages of an older run are known."""
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'"
)


def page(
    title: str,
    *body: Child,
    root: str = "",
    trail: Sequence[tuple[str, str]] = (),
    styles: Sequence[str] = (),
    script: bool = False,
) -> str:
    """Return a whole page.

    Args:
        title: of the window; text.
        body: what stands in <main>: markup, or text. It begins with the page's only <h1>.
        root: how to get to the folder of index.html: empty there, ``../`` from a case page.
        trail: the way here from the index: (text, address) each; empty on the index itself.
        styles: style sheets beside style.css.
        script: whether filter.js is asked for.
    """
    content = tag(
        "body",
        tag("a", "Skip to the content", class_="skip", href="#content"),
        _header(root, trail),
        tag("main", *body, id="content", tabindex=-1),
        tag("footer", tag("p", "Made by pytest-quantguard. All of it is also in report.json.")),
    )
    assets = f"{root}{FOLDER}/"
    sheets = [f"{assets}{sheet}" for sheet in ("style.css", *styles)]
    top = head(title, POLICY, sheets, f"{assets}filter.js" if script else "")
    return f"<!doctype html>\n{tag('html', top, content, lang='en')}\n"


def head(title: str, policy: str, sheets: Iterable[str], script: str = "") -> Markup:
    """Return what every page of ours begins with; sheets and script are addresses."""
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="robots", content="noindex"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="generator", content=GENERATOR),
        tag("title", title),
        *(tag("link", rel="stylesheet", href=sheet) for sheet in sheets),
        tag("script", src=script, defer=True) if script else None,
    )


def _header(root: str, trail: Sequence[tuple[str, str]]) -> Markup:
    steps = [("quantguard", f"{root}index.html"), *trail]
    *before, (last, _) = steps
    items = [tag("li", tag("a", text, href=address)) for text, address in before]
    items.append(tag("li", tag("span", last, aria_current="page")))
    return tag("header", tag("nav", tag("ol", items), aria_label="Where this page stands"))
