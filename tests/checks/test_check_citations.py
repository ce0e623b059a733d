import pytest

from pytest_quantguard.checks.citations import Citations
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source

PROMPT = "[doc-1] Berlin is a city.\n[doc-2] It has a wall.\nsource doc-31: none."


class TestJudging:
    @pytest.mark.parametrize(
        ("check", "text"),
        [
            (Citations(required=["doc-2"]), "It has a wall [doc-2]."),
            (Citations(required=["[doc-2]"]), "It has a wall [doc-2] in a city [doc-1]."),
            (Citations(required="doc-2"), "Both [doc-1, doc-2]."),
            (Citations(required=["doc-1", "doc-2"]), "Both [doc-1; doc-2]."),
            (Citations(), "See [doc-31]."),
            (Citations(allow_none=True), "I do not know."),
            (Citations(allow_none=True), ""),
            (Citations(pattern=r"\((doc-\d)\)", required=["doc-1"]), "A city (doc-1) [doc-9]."),
            (Citations(pattern=r"doc-\d+"), "According to doc-1."),
        ],
    )
    def test_real_citations_hold(self, judge, check, text):
        """Required labels are cited and every label stands in the prompt."""
        assert judge(check, text, prompt=PROMPT).violations == ()

    @pytest.mark.parametrize(
        ("check", "text", "sentence"),
        [
            (
                Citations(required=["doc-2", "doc-1"]),
                "A city [doc-1].",
                'not cited: "doc-2"; cited: "doc-1"',
            ),
            (Citations(required=["doc-2"]), "", 'not cited: "doc-2"; nothing is cited'),
            (Citations(), "A city.", "no source is cited at all"),
            (Citations(), "A city [doc-9].", 'cited, but not in the prompt: "doc-9"'),
            (Citations(), "A city [doc-3].", 'cited, but not in the prompt: "doc-3"'),
            (Citations(), "A city [Doc-1].", 'cited, but not in the prompt: "Doc-1"'),
            (
                Citations(allow_none=True),
                "A city [doc-1, doc-9].",
                'cited, but not in the prompt: "doc-9"',
            ),
        ],
    )
    def test_missing_and_invented_citations(self, judge, check, text, sentence):
        """What is missing and what is invented have sentences of their own."""
        assert (sentence,) == judge(check, text, prompt=PROMPT).violations

    def test_both_are_named(self, judge):
        """Missing and invented in one answer are two violations."""
        assert len(judge(Citations(required=["doc-1"]), "[doc-9]", prompt=PROMPT).violations) == 2

    def test_bare_numbers_need_the_same_form_in_the_prompt(self, judge):
        """[1] is not made real by any 1 in the prompt."""
        assert judge(Citations(), "Yes [1].", prompt="[1] It costs 2 euros.").ok
        assert judge(Citations(), "Yes [2].", prompt="[1] It costs 2 euros.").violations == (
            'cited, but not in the prompt: "2"',
        )

    def test_other_brackets_are_no_citations(self, judge):
        """Markdown links and check boxes are not looked at."""
        text = "[x] done, [see here](http://example.com), [doc-1]"

        assert judge(Citations(), text, prompt=PROMPT).ok


FOOTNOTES = Citations(style="footnotes")
URLS = Citations(style="urls")
AUTHORS = Citations(style="author-year")
HANDBOOK = "Source: Handbook of Walls, https://walls.example/berlin\n[doc-1] Berlin is a city."


class TestStyles:
    @pytest.mark.parametrize(
        ("check", "text"),
        [
            (FOOTNOTES, "It has a wall.[^1]\n\n[^1]: Handbook of Walls"),
            (FOOTNOTES, "It has a wall.[^a]\n\n[^a]: see https://walls.example/berlin/"),
            (FOOTNOTES, "It has a wall.¹ It is 10 m² large.\n\n¹ handbook of walls."),
            (FOOTNOTES, "It is a city.[^1]\n\n[^1]: [doc-1]"),
            (URLS, "See https://walls.example/berlin."),
            (URLS, "See [the site](https://WALLS.example/berlin/#top)."),
            (Citations(style=["urls", "brackets"]), "[doc-1], https://walls.example/berlin"),
            (
                Citations(style="urls", required=["https://walls.example/berlin/"]),
                "(https://walls.example/berlin)",
            ),
        ],
    )
    def test_each_style_finds_its_sources(self, judge, check, text):
        """Footnotes lead to the prompt by a URL, a label or a title; URLs stand there."""
        assert judge(check, text, prompt=HANDBOOK).violations == ()

    @pytest.mark.parametrize(
        ("check", "text", "sentence"),
        [
            (FOOTNOTES, "A city.", "no source is cited at all"),
            (FOOTNOTES, "It is 10 m² and 10³.", "no source is cited at all"),
            (
                FOOTNOTES,
                "A wall.[^1]",
                'cited, but neither defined as a footnote nor in the prompt: "1"',
            ),
            (
                FOOTNOTES,
                "A wall.[^1]\n\n[^1]: Book of Doors",
                'cited, but not in the prompt: "1: Book of Doors"',
            ),
            (
                FOOTNOTES,
                "A wall.²\n\n² https://doors.example",
                'cited, but not in the prompt: "2: https://doors.example"',
            ),
            (
                URLS,
                "See https://walls.example/bonn.",
                'cited, but not in the prompt: "https://walls.example/bonn"',
            ),
            (
                URLS,
                "See https://walls.example.",
                'cited, but not in the prompt: "https://walls.example"',
            ),
        ],
    )
    def test_invented_sources_of_each_style(self, judge, check, text, sentence):
        """A footnote that leads nowhere, or elsewhere, is invented; so is an unknown URL."""
        assert (sentence,) == judge(check, text, prompt=HANDBOOK).violations

    def test_authors_need_their_year(self, judge):
        """(Weber, 2020) is real when name and year stand near each other in the prompt."""
        prompt = "Anna Weber and Tim Ott: Walls. Bonn, 2020. Ott wrote alone in 2011."

        assert judge(AUTHORS, "It stands (Weber, 2020).", prompt=prompt).ok
        assert judge(AUTHORS, "Ott (2011) agrees; (Weber & Ott, 2020) too.", prompt=prompt).ok
        assert judge(AUTHORS, "It stands (Weber et al., 2012).", prompt=prompt).violations == (
            'cited, but not in the prompt: "Weber 2012"',
        )


class TestPlaced:
    PROMPT = "[doc-1] The wall is 4 m high.\n[doc-2] It was built on 1 May 1961 for 200 EUR."

    @pytest.mark.parametrize(
        ("placed", "text"),
        [
            ("every", "It is high [doc-1]. It is old. [doc-2] What else?"),
            (
                "every",
                "## The wall\n\nThese are the facts:\n- It is high.[doc-1]\n- It is old [doc-2]",
            ),
            ("every", "[doc-1] It is high. [doc-2] It is old."),
            ("every", "Dr. Weber says that it is 3.5 m high, e.g. in Bonn [doc-1]."),
            ("numbers", "It is old. It was built in 1961 [doc-2]. [doc-1] is the other source."),
            ("numbers", "1. It is high.\n2. It was built on May 1 [doc-2]."),
            ({"pattern": "(?i)built"}, "It is high. It was built in 1961 [doc-2]."),
        ],
    )
    def test_sources_stand_where_they_are_needed(self, judge, placed, text):
        """Headings, questions, announcements and list numbers need no source."""
        assert judge(Citations(placed=placed), text, prompt=self.PROMPT).violations == ()

    @pytest.mark.parametrize(
        ("placed", "text", "sentences"),
        [
            (
                "every",
                "It is high [doc-1]. It is very old. It is grey.",
                ["It is very old.", "It is grey."],
            ),
            ("numbers", "It is 4 m high. It is old [doc-2].", ["It is 4 m high."]),
            (
                "numbers",
                "It is old [doc-2]. It was built in May 1961.",
                ["It was built in May 1961."],
            ),
            ({"pattern": "built"}, "It is 4 m high [doc-1]. It was built.", ["It was built."]),
        ],
    )
    def test_sentences_without_a_source_are_quoted(self, judge, placed, text, sentences):
        """Each sentence that needs a source and has none is a violation."""
        expected = tuple(f'no source on the sentence "{sentence}"' for sentence in sentences)

        assert expected == judge(Citations(placed=placed), text, prompt=self.PROMPT).violations

    def test_an_answer_without_any_source_has_one_violation(self, judge):
        """Unless none is allowed: then the sentences decide."""
        text = "It is 4 m high. It is old."

        assert judge(Citations(placed="numbers"), text, prompt=self.PROMPT).violations == (
            "no source is cited at all",
        )
        assert judge(
            Citations(placed="numbers", allow_none=True), text, prompt=self.PROMPT
        ).violations == ('no source on the sentence "It is 4 m high."',)


class TestSupported:
    @pytest.mark.parametrize(
        "prompt",
        [
            "[doc-1] The wall is 4 m high.\n[doc-2] It was built on 1 May 1961 for 1,200 EUR.",
            "The wall is 4 m high [doc-1].\nIt was built on 1 May 1961 for 1,200 EUR [doc-2].",
            '<doc id="doc-1">The wall is 4 m high.</doc>\n'
            '<doc id="doc-2">It was built on 1 May 1961 for 1,200 EUR.</doc>\nCite as [doc-1].',
            "doc-1: The wall is 4 m high.\n\nSource doc-2\nIt was built on 1 May 1961 for 1,200 "
            "EUR."
            "\n\nCite as [doc-1].",
        ],
        ids=["before", "behind", "xml", "heading"],
    )
    def test_the_cited_document_holds_the_numbers(self, judge, prompt):
        """Documents are told apart by their labels, wherever these stand."""
        check = Citations(supported=True)

        assert judge(check, "It was built in 1961-05-01 for 1.200 € [doc-2].", prompt=prompt).ok
        assert judge(check, "It is 4 m high [doc-1, doc-2].", prompt=prompt).ok
        assert not judge(check, "It is 5 m high [doc-1].", prompt=prompt).ok
        assert (
            judge(check, "It cost 1,200 EUR [doc-1].", prompt=prompt)
            .violations[0]
            .startswith(
                '"1,200 EUR" does not stand in "doc-1", cited for "It cost 1,200 EUR [doc-1]."'
            )
        )

    def test_the_right_document_is_named(self, judge):
        """Where another document holds the numbers, the sentence says so."""
        prompt = "[1] It is 4 m high.\n[2] It was built in 1961."

        assert judge(
            Citations(supported=True), "It was built in 1961 [1].", prompt=prompt
        ).violations == (
            '"1961" does not stand in "1", cited for "It was built in 1961 [1]."; it stands in "2"',
        )

    def test_documents_around_a_url(self, judge):
        """A URL stands for its paragraph."""
        check = Citations(style="urls", supported=True)
        prompt = "https://a.example\nIt is 4 m high.\n\nhttps://b.example\nIt cost 7 EUR."

        assert judge(check, "4 m (https://a.example)", prompt=prompt).ok
        assert not judge(check, "It cost 7 EUR (https://a.example).", prompt=prompt).ok

    def test_a_prompt_without_documents_is_a_misfit(self):
        """It is found while the golden file is read."""

        def case(prompt):
            return GoldenCase(
                id="a",
                cohort="b",
                request=CompletionRequest(messages=({"role": "user", "content": prompt},)),
                source=Source(file="f", line=1),
            )

        check = Citations(supported=True)

        assert check.misfit(case("[doc-1] A wall.")) == ""
        assert check.misfit(case("A wall.")) == (
            "`supported` needs documents that can be told apart, and the prompt holds no label of "
            '"brackets"; write it before each document'
        )
        assert Citations().misfit(case("A wall.")) == ""


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "[" * 1_000_000,
            "[1]" * 330_000,
            "".join(f"[{i}]" for i in range(120_000)),
            "[" + "a" * 999_000,
            "[doc-1, " * 120_000,
            "a" * 10_000_000,
            "\ud800[doc-9]\x1b",
            "[" * 100_000 + "]" * 100_000,
            "[" + "9" * 10_000 + "]",
        ],
        ids=lambda text: f"{text[:9]!a}-{len(text)}",
    )
    def test_text_is_judged_in_bounded_time(self, judge, bounded, text):
        """Hostile text never crashes the check, and violates it."""
        with bounded():
            violations = judge(Citations(required=["doc-2"]), text, prompt=PROMPT).violations

        assert violations
        assert all(len(violation) <= 300 for violation in violations)

    @pytest.mark.parametrize(
        "text",
        [
            "It is 4 m high. " * 18_000,
            "[1] 4. " * 42_000,
            "[1] 4. " * 140_000,
            "¹" * 1_000_000,
            "a¹ " * 300_000,
            "[^1]: x\n" * 120_000,
            "[^1]" * 250_000,
            "https://a.b/" * 80_000,
            "https://a.b/ " * 80_000,
            "(Aa, 2020) " * 90_000,
            "(" * 1_000_000,
            "Aa & " * 200_000,
            "." * 300_000,
        ],
        ids=lambda text: f"{text[:9]!a}-{len(text)}",
    )
    def test_every_style_takes_bounded_time(self, judge, bounded, text):
        """All styles at once, sentence by sentence, on a million characters."""
        check = Citations(
            style=["brackets", "footnotes", "urls", "author-year"],
            placed="numbers",
            required=["doc-2"],
        )

        with bounded():
            violations = judge(check, text, prompt=PROMPT).violations

        assert violations
        assert all(len(violation) <= 400 for violation in violations)

    def test_hostile_labels_are_shown_escaped(self, judge):
        """A user's pattern may catch anything; sentences stay clean."""
        check = Citations(pattern=r"(?s)<(.*)>", allow_none=True)

        (violation,) = judge(check, "<\x1b[31m\ud800" + "x" * 10_000 + ">").violations

        assert violation.startswith(r'cited, but not in the prompt: "\x1b[31m\ud800xxx')
        assert len(violation) <= 300

    def test_an_endless_pattern_is_stopped(self, judge, quick):
        """A pattern that backtracks for ever is the check's error."""
        with pytest.raises(CheckError, match=r"stopped after 0\.3 s"):
            judge(Citations(pattern="(a+)+$"), "a" * 60 + "b")

    @pytest.mark.parametrize("pattern", ["(x)?a", "a*", "()"])
    def test_empty_labels_are_passed_over(self, judge, pattern):
        """A pattern that matches nothing at all, or a group that is not there, cites nothing."""
        assert judge(Citations(pattern=pattern, allow_none=True), "b").ok


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"required": 5}, "`required` has to be a list of texts, got 5"),
            ({"required": [1]}, "put the number in quotes"),
            ({"required": ["[]"]}, "a label without a name"),
            ({"pattern": "("}, "`pattern` is no regular expression"),
            ({"pattern": ""}, "`pattern` is empty"),
            ({"allow_none": "no"}, "`allow_none` has to be true or false"),
            ({"required": ["doc-1"], "allow_none": True}, "`allow_none` contradicts `required`"),
            ({"style": "bracket"}, "did you mean 'brackets'?"),
            ({"style": []}, "`style` is an empty list"),
            ({"style": "urls", "pattern": "a"}, "`pattern` replaces the `style`"),
            ({"placed": "all"}, "`placed` cannot be 'all'"),
            ({"placed": {"regex": "a"}}, "`placed` as a map has the one key pattern"),
            ({"placed": {"pattern": "("}}, "`placed.pattern` is no regular expression"),
            ({"supported": 1}, "`supported` has to be true or false"),
            ({"supported": True, "style": "footnotes"}, "`supported` needs labels"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Citations(**parameters)

        assert part in str(caught.value)
