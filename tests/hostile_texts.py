"""Texts that try to become markup, commands, mentions or formulas; the same for the same seed."""

from __future__ import annotations

import random

FRAGMENTS = (
    # Markup
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></tr></table>", "</pre>",
    "</details>", "</summary>", "<!--", "-->", "<!-- quantguard -->", "<![CDATA[", "]]>", "<?x y?>",
    "<svg/onload=alert(1)>", "<a href=javascript:alert(1)>x</a>", "\"><b x='", "' onclick='x",
    "&lt;",
    "&#60;b&#62;", "&amp;#64;", "&#x3c;", "&nbsp", "<", ">", "&", '"', "'", "<details open>",
    "<br/>",
    "<style>*{display:none}</style>", "<iframe src=//remote.invalid>", "</failure></testcase>",
    "<!ENTITY a SYSTEM 'file:///etc/passwd'>", "&a;", "<input type=checkbox>", "<div\n\nclass=x>",
    # Markdown
    "|", " | a | b |\n|---|---|\n", "`", "``", "```", "~~~", "\n```\n", "\n~~~~\n", "````js\n",
    "\\",
    "**b**", "__i__", "~~s~~", "# h", "\n# h\n", "\n=====\n", "\n---\n", "> q", "\n> q", "- [ ] t",
    "\n1. a\n", "[x](http://remote.invalid/)", "![i](http://remote.invalid/a.png)",
    "[x]: //remote.invalid",
    "[x][y]", "![", "](", "[^1]", "\n[^1]: f\n", "$x^2$", "$$y$$", ":tada:", "\n    code\n",
    "\n\t", "  \n",
    "<http://remote.invalid/b>", "http://remote.invalid/c", "https://remote.invalid",
    "www.remote.invalid",
    "mail@remote.invalid", "mailto:a@remote.invalid", "ftp://remote.invalid", "\\@team", "\\`",
    "\\|",
    # Mentions and references
    "@octocat", "@org/team", "(@octocat)", "#123", "GH-12", "org/repo#1", "org/repo@abcdef1",
    "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "!42", "~label", "%9",
    # Commands of CI systems
    "::error::x", "\n::error file=a,line=1::x", "\n  ::set-env name=A::b", "\r::warning::y",
    "##[group]g",
    "\n##[error]e", "##vso[task.complete result=Succeeded]", "##teamcity[x]", "::stop-commands::t",
    "\n::add-mask::a", "%0A::error::x", "\x0b::error::v", "\u2028::error::u", "\u0085::error::n",
    # Terminals
    "\x1b[1;38;5;196m", "\x1b[2J", "\x1b]0;owned\x07", "\x1b]8;;http://remote.invalid\x1b\\",
    "\x9b31m", "\x08\x08",
    "\x7f", "\x00", "\r", "\r\n", "\f", "\v", "\x85",
    # Formulas
    "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1+1",
    # Unicode
    "\ud800", "\udfff", "\ud83d", "\ufffe", "\uffff", "\ufdd0", "\u202e", "\u2066", "\u200b",
    "\ufeff",
    "\u00ad", "\U000e0041", "\u05d0\u05d1", "\u4f60\u597d", "\U0001f600", "e\u0301", "\u0300" * 5,
    # Data
    "{", "}", '{"a": [1, 2', "[" * 60, "null", "NaN", "1e999", "\\u0000", "\\n", "%s", "{0}",
    "%00", "../../x",
    "a" * 90, "88213-A", "words of an answer", "the order", " ", "\n", "\n\n", "\t", "0", ".", ",",
)  # fmt: skip
HOST = "remote.invalid"


def hostile(draw: random.Random, longest: int = 12) -> str:
    """Return up to that many fragments, put together; sometimes nothing, sometimes one alone."""
    return "".join(draw.choices(FRAGMENTS, k=draw.randrange(longest + 1)))
