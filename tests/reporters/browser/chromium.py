"""A real Chromium that opens pages and remembers everything it did and complained about."""

from __future__ import annotations

import runpy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, sync_playwright

TOOL = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[3] / "tools" / "browser.py")))
FLAGS = [
    # No other machine is ever reached, whatever a page asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-gpu",
]
POLICIES = {
    "strict": "default-src 'none'; style-src 'self'; script-src 'self'",
    # What Jenkins sends with the files of a job unless someone has loosened it.
    "jenkins": "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';",
}
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@dataclass
class Tab:
    """One page after the other, and what the last one did."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console, violations of the policy among them, and page errors."""
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def visit(self, url: str, *, width: int = 1280, dark: bool = False) -> Page:
        """Open a page, forget what the one before did, and wait until this one is loaded."""
        self.page.goto("about:blank")
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.emulate_media(media="screen", color_scheme="dark" if dark else "light")
        for kept in (self.complaints, self.requests, self.dialogs):
            kept.clear()
        self.page.goto(url, wait_until="load")
        return self.page

    def noted(self, message) -> None:
        """Keep what the console says, unless it is chatter."""
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def asked(self, dialog) -> None:
        """Keep what a dialog says, and close it."""
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@contextmanager
def tab_of(browser: Browser, *, scripts: bool = True) -> Iterator[Tab]:
    """Open a tab in a profile of its own, and close it in the end."""
    context = browser.new_context(
        java_script_enabled=scripts, reduced_motion="reduce", service_workers="block"
    )
    context.set_default_timeout(120_000)  # of a machine that is busy with other tests, too
    try:
        tab = Tab(context.new_page())
        context.on("request", lambda request: tab.requests.append(request.url))
        context.on("console", tab.noted)
        context.on("weberror", lambda error: tab.complaints.append(f"error: {error.error}"))
        context.on("page", lambda page: tab.complaints.append(f"a window: {page.url}"))
        tab.page.on("dialog", tab.asked)
        yield tab
    finally:
        context.close()


@contextmanager
def started() -> Iterator[Browser]:
    """Start Chromium.

    Raises:
        AssertionError: where there is none; says how to get one.
    """
    program = TOOL.find()
    assert program, TOOL.MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, timeout=120_000)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, and yield its URL; the first part of a path names the policy."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def translate_path(self, path):
            return super().translate_path("/" + path.lstrip("/").partition("/")[2])

        def end_headers(self):
            policy = self.path.lstrip("/").partition("/")[0]
            if policy in POLICIES:
                self.send_header("Content-Security-Policy", POLICIES[policy])
                self.send_header("X-Content-Type-Options", "nosniff")
            super().end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what axe finds against levels A and AA, or these rules: a line for each element."""
    page.evaluate(AXE_SCRIPT)
    # Style sheets are not fetched a second time, which the policy would forbid.
    found = page.evaluate(
        "runOnly => axe.run(document, {runOnly, preload: false, resultTypes: ['violations']})",
        rules or LEVELS,
    )
    return [
        f"{rule['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """Return what makes the page scroll sideways: nothing, where it does not."""
    return page.evaluate(
        """() => {
        const wide = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= wide) return [];
        return [...document.body.querySelectorAll("*")]
            .filter(e => e.getBoundingClientRect().right > wide + 1)
            .map(e => `${e.tagName}.${e.getAttribute("class")}: ${e.textContent.slice(0, 40)}`)
            .slice(0, 5)
            .concat([`${document.documentElement.scrollWidth} px of ${wide}`]);
        }"""
    )
