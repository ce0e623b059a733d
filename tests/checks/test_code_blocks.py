"""Finding code in prose: what models do with fences."""

import pytest

from pytest_quantguard.checks._code import MOST_BLOCKS, Block, NoCode, blocks, python


def block(text, language="python", *, closed=True):
    return Block(language=language, text=text, closed=closed)


class TestBlocks:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("```python\nx\n```", [block("x\n")]),
            ("Here:\n```Python\nx\n```\nand\n```js\ny\n```", [block("x\n"), block("y\n", "js")]),
            ("~~~\nx\n~~~", [block("x\n", "")]),
            ("````md\n```py\nx\n```\n````", [block("```py\nx\n```\n", "md")]),
            ("```py\n~~~\n```", [block("~~~\n", "py")]),
            ("```py\nx\n`````", [block("x\n", "py")]),
            ("```py title=a.py\nx\n```", [block("x\n", "py")]),
            ("```{.python .x}\nx\n```", [block("x\n")]),
            ("``` python\nx\n```  ", [block("x\n")]),
            ("1. a\n   ```py\n   if x:\n       y\n   ```", [block("if x:\n    y\n", "py")]),
            ("```py\r\nx\r\ny\r\n```\r\n", [block("x\ny\n", "py")]),
            ("```py\nx = '''\n  ```\n'''", [block("x = '''\n", "py")]),
            ("```py\n'''\n```\ny\n```\n'''\nx\n```", [block("'''\n```\ny\n```\n'''\nx\n", "py")]),
            ("```py\n# it's\n'a\n```\n'''", [block("# it's\n'a\n", "py")]),
            ("```sh\n'''\n```\n```\n'''\n```", [block("'''\n", "sh"), block("'''\n", "")]),
            ("```Python3.11\nx\n```", [block("x\n", "python3")]),
            ("```py\nx", [block("x", "py", closed=False)]),
            ("```py", [block("", "py", closed=False)]),
            ("use ```x``` here\n```x``` and so on", []),
            ("``\nx\n``", []),
            ("no code", []),
            ("", []),
        ],
        ids=lambda value: repr(value)[:30] if isinstance(value, str) else "",
    )
    def test_fences_are_found(self, text, expected):
        """Backticks and tildes, marks, indentation, longer fences around shorter ones."""
        assert expected == blocks(text)

    @pytest.mark.parametrize(
        "text",
        [
            "`" * 10_000_000,
            "```\n" * 1_000_000,
            " " * 10_000_000,
            "```py\n" + " \n" * 2_000_000,
            "   ```py\n" + "   x\n" * 1_000_000,
            ("~" * 1_000 + "\n") * 5_000,
            "```" + "x" * 10_000_000,
            "```py\nx\n```\n" * 400 + "x \n" * 2_000_000,
            "```py\n'''\n" + "```\n" * 1_000_000,
            "```py\n" + '"' * 10_000_000,
        ],
        ids=lambda text: f"{text[:8]!r}-{len(text)}",
    )
    def test_hostile_text_takes_no_time(self, text, bounded):
        """The work grows with the text and no faster, and the blocks are limited."""
        with bounded():
            found = blocks(text)

        assert len(found) <= MOST_BLOCKS


class TestPython:
    @pytest.mark.parametrize(
        ("text", "which", "expected"),
        [
            ("x = 1", "first", "x = 1"),
            ("```sh\nls\n```\n```py\nx\n```\n```python3\ny\n```", "first", "x\n"),
            ("```sh\nls\n```\n```py\nx\n```\n```python3\ny\n```", "all", "x\n\ny\n"),
            ("```\nx\n```\n```py\ny\n```", "first", "y\n"),
            ("```sh\nls\n```\n```\nx\n```", "first", "x\n"),
            ("```py\nx\n```", "whole", "```py\nx\n```"),
        ],
    )
    def test_the_right_block_is_taken(self, text, which, expected):
        """Marked blocks go before those without a mark; other languages are no code of ours."""
        assert expected == python(text, which)

    def test_other_languages_only(self):
        """The mark of the first block is quoted."""
        with pytest.raises(NoCode, match='no code block is Python; the first one is marked "sh"'):
            python("```sh\nls\n```")
