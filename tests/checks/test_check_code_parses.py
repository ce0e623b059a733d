"""Code blocks that can be parsed, in the languages that can be judged soundly."""

import pytest

from pytest_quantguard.checks import _limited
from pytest_quantguard.checks.code_parses import CodeParses

PYTHON = CodeParses(language="python")


def fenced(*blocks):
    return (
        "Sure:\n\n" + "\n\n".join(f"```{mark}\n{code}\n```" for mark, code in blocks) + "\n\nDone."
    )


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        fenced(("python", "def f():\n    return 1")),
        fenced(("py", "x = 1"), ("bash", "rm -rf ("), ("", "not code (")),
        fenced(("", "x = 1")),
        "1. Like this:\n   ```python\n   if x:\n       y()\n   ```",
    ],
)
def test_code_that_parses(judge, text):
    """Marked blocks count; without any, those without a mark; without a fence, the whole text."""
    assert () == judge(PYTHON, text).violations


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = (1", "the answer is no Python: '(' was never closed in line 1: \"x = (1\""),
        (
            fenced(("python", "x = 1"), ("python", "def f():\nreturn 1")),
            "code block 2 is no Python: expected an indented block after function definition on "
            'line 1 in line 2: "return 1"',
        ),
        (fenced(("python", "# to do")), "code block 1 is no Python: there is no statement"),
        (fenced(("python", "x = '\ud800'")), "code block 1 is no Python: half of a surrogate pair"),
        (fenced(("python", "x = 1\0")), "code block 1 is no Python: source code string cannot c"),
        (
            fenced(("js", "let x"), ("sh", "ls")),
            'no code block is Python; they are marked "js", "s',
        ),
        ("Sure, here you are!", "the answer is no Python: invalid syntax in line 1: "),
        (
            "```python\nx = 1\ny = ",
            'code block 1 is never closed: the answer ends in the middle: "…x = 1\\ny ="',
        ),
    ],
)
def test_says_which_block_and_line(judge, text, sentence):
    """The sentence names the block among those of the language, the line and the reason."""
    (violation,) = judge(PYTHON, text).violations

    assert violation.startswith(sentence)


def test_a_cut_block_is_a_violation_even_if_it_parses(judge):
    """What is missing nobody knows; the finish reason says why."""
    (violation,) = judge(PYTHON, "```python\nx = 1\n", finish_reason="length").violations

    assert '(finish_reason is length): "…x = 1"' in violation


def test_which_blocks(judge):
    """All, the first, or exactly one."""
    text = fenced(("python", "x = 1"), ("python", "x ="))

    assert not judge(CodeParses(language="python", blocks="all"), text).ok
    assert judge(CodeParses(language="python", blocks="first"), text).ok
    assert judge(CodeParses(language="python", blocks="one"), text).violations == (
        "2 code blocks are Python, exactly one is asked for",
    )
    assert judge(CodeParses(language="python", blocks="one"), fenced(("python", "x = 1"))).ok


def test_a_fence_can_be_demanded(judge):
    """`fenced` refuses bare code."""
    assert judge(CodeParses(language="python", fenced=True), "x = 1").violations == (
        'no fenced code block in "x = 1"',
    )


@pytest.mark.parametrize(
    ("language", "good", "bad", "sentence"),
    [
        ("json", '{"a": 1}', '{"a": NaN}', "code block 1 has NaN, which JSON does not know"),
        ("json", "[]", "[1", 'code block 1 is JSON that ends in the middle: "…[1"'),
        ("xml", "<a/>", "<a>", "code block 1 is XML that ends in the middle; <a> is still open"),
        ("xml", "<a/>", "<!DOCTYPE a><a/>", "code block 1 has a document type declaration"),
    ],
)
def test_data_is_read_as_strictly_as_by_its_own_check(judge, language, good, bad, sentence):
    """JSON and XML have the limits and the sentences of their checks."""
    check = CodeParses(language=language)

    assert judge(check, fenced((language, good))).ok
    (violation,) = judge(check, fenced((language, bad))).violations
    assert violation.startswith(sentence)


@pytest.mark.parametrize(
    "code",
    [
        "-" * 190_000 + "1",
        "not " * 45_000 + "1",
        "a" + ".b" * 90_000,
        "1" + "+1" * 90_000,
        "lambda:" * 27_000 + "1",
        "a" + "()" * 90_000,
        "[" * 190_000,
        "if a:\n pass\n" + "elif a:\n pass\n" * 14_000,
        "f'{" * 60_000,
        "\\\n" * 90_000,
        "1" * 190_000,
    ],
    ids=lambda code: code[:7],
)
def test_code_that_breaks_parsers_is_no_python(judge, bounded, code):
    """Depth that a parser gives up on is a violation, and the helper process survives."""
    helper = _limited.call(_process)

    with bounded():
        (violation,) = judge(PYTHON, code).violations

    assert violation.startswith("the answer is no Python: ")
    assert helper == _limited.call(_process)


def _process():
    import os

    return os.getpid()


def test_code_that_takes_too_long_is_a_violation(judge, quick, monkeypatch):
    """The text is what takes the time, not a parameter."""
    monkeypatch.setattr(_limited, "call", _endless)

    assert judge(PYTHON, "x = 1").violations == ("the code cannot be parsed within 0.3 s",)


def _endless(function, *arguments):
    raise TimeoutError


def test_too_much_code_is_not_parsed(judge):
    """The blocks count together."""
    text = fenced(("python", "x = 1\n" * 20_000), ("python", "x = 1\n" * 20_000))

    assert judge(PYTHON, text).violations == (
        "there are 240002 characters of code; at most 200000 are parsed",
    )


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"language": "yaml"}, "`language` cannot be 'yaml'; known: json, python, xml"),
        ({"language": "pyhton"}, "did you mean 'python'?"),
        ({"language": "json", "blocks": "last"}, "`blocks` cannot be 'last'"),
        ({"language": "json", "fenced": 1}, "`fenced` has to be true or false"),
    ],
)
def test_nonsense_is_refused(parameters, part):
    """Languages that cannot be parsed soundly are refused with the list of those that can."""
    with pytest.raises(ValueError, match="`") as caught:
        CodeParses(**parameters)

    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("def f(x):\n    y = x\nreturn y", "'return' outside function in line 3"),
        ("for i in x:\n    pass\ncontinue", "'continue' not properly in loop in line 3"),
        (
            "class A:\n    def f(self):\n        pass\n    return self.x",
            "'return' outside function",
        ),
        ("def f(a, a):\n    pass", "duplicate argument 'a'"),
        ("if x:\n    y()\nyield z", "'yield' outside function"),
    ],
)
def test_what_only_the_compiler_refuses(judge, code, part):
    """A body that lost its indentation still parses, and is no program."""
    (violation,) = judge(CodeParses(language="python"), f"```python\n{code}\n```").violations

    assert part in violation


@pytest.mark.parametrize(
    "code", ["await f()", "async with a as b:\n    pass", 'x = "\\d"', "1 is 1"]
)
def test_code_of_a_notebook_compiles(judge, code):
    """`await` outside of a function is right in a notebook; a warning is no mistake."""
    assert judge(CodeParses(language="python"), f"```python\n{code}\n```").ok


@pytest.mark.parametrize("text", ["OK", " Hello\n", "S\u00ed"])
def test_one_word_is_no_code(judge, text):
    """A single name is Python, and no code that anybody asked for; in a fence it may be."""
    (violation,) = judge(CodeParses(language="python"), text).violations

    assert violation == f'there is no code, only the word "{text.strip()}"'
    assert judge(CodeParses(language="python"), f"```python\n{text.strip()}\n```").ok
