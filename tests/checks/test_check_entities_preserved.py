"""Names, addresses and identifiers that survive, change or get lost."""

import pytest

from pytest_quantguard.checks._entities import distance, names
from pytest_quantguard.checks.entities_preserved import EntitiesPreserved
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source

MAIL = (
    "Summarise this mail. From: Anna Kowalska <anna.kowalska@acme-logistics.example>. Dear team, "
    "please tell Jürgen Müller that Acme Logistics ships parcel INV-2024-0173 to Reykjavík on "
    "Monday. The Torardal 15 Pro is on https://shop.acme.example/torardal?ref=88. Regards, Anna"
)


class TestRequired:
    @pytest.mark.parametrize(
        "text",
        [
            "Jürgen Müller wrote.",
            "It was **Jürgen Müller**.",
            "Jürgen\nMüller wrote",
            "Jürgen Müllers Paket",
            "Jürgen Müller\u2019s parcel",
            "Ju\u0308rgen Mu\u0308ller",
            "Jürgen\u00a0Müller",
        ],
    )
    def test_a_name_that_is_there_holds(self, judge, text):
        """Line breaks, emphasis, a genitive and composed accents do not matter."""
        assert judge(EntitiesPreserved(required=["Jürgen Müller"]), text).violations == ()

    @pytest.mark.parametrize(
        ("name", "text", "sentence"),
        [
            (
                "Müller",
                "Herr Muller wrote.",
                '"Müller" is lost, closest is "Muller" (letter 2: "ü" became "u")',
            ),
            (
                "Jürgen Müller",
                "Ask Jürgen Möller.",
                '"Jürgen Müller" is lost, closest is "Jürgen Möller" (letter 9: "ü" became "ö")',
            ),
            ("Müller", "Nobody wrote.", '"Müller" is lost'),
            (
                "Müller",
                "müller",
                '"Müller" is lost, closest is "müller" (letter 1: "M" became "m")',
            ),
            ("Weber", "The Webereien are closed.", '"Weber" is lost'),
            (
                "anna@acme.example",
                "Write to anna@acne.example.",
                '"anna@acme.example" is lost, closest is "anna@acne.example" '
                '(letter 8: "m" became "n")',
            ),
        ],
    )
    def test_a_lost_name_is_shown_with_what_stands_instead(self, judge, name, text, sentence):
        """Each lost name has one sentence; the nearest words are shown with the letter."""
        assert (sentence,) == judge(EntitiesPreserved(required=[name]), text).violations


class TestAltered:
    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (
                "Anna Kowalski asks about parcel INV-2024-0173.",
                '"Kowalska" became "Kowalski" (letter 8: "a" became "i")',
            ),
            ("Tell Jürgen Muller.", '"Müller" became "Muller" (letter 2: "ü" became "u")'),
            ("Tell Mr. Mueller.", '"Müller" became "Mueller" (letter 2: "ü" became "ue")'),
            ("It goes to Reykjavik.", '"Reykjavík" became "Reykjavik" (letter 8: "í" became "i")'),
            (
                "Acme Logisitcs ships it.",
                '"Logistics" became "Logisitcs" (letters 6 and 7 changed places)',
            ),
            (
                "Parcel INV-2024-0713 is on its way.",
                '"INV-2024-0173" became "INV-2024-0713" (digits 6 and 7 changed places)',
            ),
            (
                "Mail anna.kowalska@acme-logistic.example",
                '"anna.kowalska@acme-logistics.example" became '
                '"anna.kowalska@acme-logistic.example" (letter 28 is missing: "s")',
            ),
            (
                "See https://shop.acme.example/torardel?ref=88.",
                '"https://shop.acme.example/torardal?ref=88" became '
                '"https://shop.acme.example/torardel?ref=88" (letter 33: "a" became "e")',
            ),
            ("The Torardel is new.", '"Torardal" became "Torardel" (letter 7: "a" became "e")'),
        ],
    )
    def test_a_name_that_is_almost_right_is_an_alteration(self, judge, text, sentence):
        """The letter that changed is named."""
        assert (sentence,) == judge(EntitiesPreserved(), text, prompt=MAIL).violations

    @pytest.mark.parametrize(
        "text",
        [
            "Anna from Acme asks the team to inform Jürgen about a parcel to Iceland.",
            "Anna's parcel goes to Reykjavík on Monday; Müllers Team is informed.",
            "The Icelanders get it. Kind regards, Claudia Schneider",
            "ANNA KOWALSKA and ACME LOGISTICS",
            "Summary: Acme ships to Reykjavík. Logistic costs are not known.",
            "Hello! Shipping is planned for Tuesday, via the Store in Hamburg.",
            "See https://shop.acme.example/torardal?ref=88#details or https://other.example.",
            "Der Müllereibetrieb mahlt. Die Anna-Straße ist lang.",
            "Parcels: INV-2024-0173; next ones are X-1 and GPT-4.",
        ],
    )
    def test_ordinary_answers_alter_nothing(self, judge, text):
        """Other names, endings, capitals and longer paths raise no alarm."""
        assert judge(EntitiesPreserved(), text, prompt=MAIL).violations == ()

    @pytest.mark.parametrize(
        ("prompt", "text"),
        [
            ("Where is Germany in Europe?", "Germans live there; German is spoken."),
            ("Is Sofia Brown in Turkey?", "She paid with a Crown. The Turks know."),
            ("Ask Marc Stone about Oslo.", "Marc Stone uses the App Store in Oslo."),
            ("Was ist mit Frau Weber und der Firma Meyer?", "Die Weberei und der Meister sind da."),
            ("Tell Daniel that Maria called.", "Daniela and Marias Sohn riefen an."),
            ("Compare the Kasenvik and the Kasonvik.", "The Kasonvik and the Kasenvik differ."),
            ("Does Apple own Microsoft?", "No. Apples and Microsofts differ."),
            ("Who is Peter Marks from Wales?", "The Market in Wells is open, Peters friend."),
            ("Call the Deutsche Bank in Bonn.", "Deutscher Kunde, Banken in Bonns Mitte."),
            ("Does Java run on Linux?", "JavaScript runs on Lions, too."),
        ],
    )
    def test_neighbours_of_a_name_are_no_slips(self, judge, prompt, text):
        """Words that are like a name, but words of their own, raise no alarm."""
        assert judge(EntitiesPreserved(), text, prompt=prompt).violations == ()

    def test_a_required_name_is_reported_once(self, judge):
        """Lost and altered is one violation, not two."""
        check = EntitiesPreserved(required=["Anna Kowalska"])

        assert len(judge(check, "Anna Kowalski wrote.", prompt=MAIL).violations) == 1

    def test_tool_arguments_count(self, judge):
        """A name that is misspelled in an argument is altered too."""
        calls = [("inform", '{"who": "Jürgen Muller"}')]

        assert not judge(EntitiesPreserved(), calls=calls, prompt=MAIL).ok


class TestLeast:
    def test_a_share_of_the_names_has_to_be_there(self, judge):
        """What was found in the prompt is counted, and what is lost is listed."""
        check = EntitiesPreserved(kinds=["names"], least=0.5)

        prompt = "Say that Anna Kowalska met Jürgen Müller in Reykjavík."

        assert judge(check, "Anna Kowalska was in Reykjavík.", prompt=prompt).ok
        assert judge(check, "They met in Reykjavík.", prompt=prompt).violations == (
            "1 of 3 names of the prompt are there, at least 50% are needed; lost: "
            '"Anna Kowalska", "Jürgen Müller"',
        )


class TestMisfit:
    def test_a_prompt_without_names_is_no_pass(self, judge):
        """Where nothing can be lost the check is an error, with a way out."""
        with pytest.raises(CheckError, match="list the names as `required`"):
            judge(EntitiesPreserved(), "hello", prompt="what time is it?")

    def test_it_is_found_while_the_file_is_read(self):
        """`misfit` says the same, and nothing where there are names."""

        def case(prompt):
            return GoldenCase(
                id="a",
                cohort="b",
                request=CompletionRequest(messages=({"role": "user", "content": prompt},)),
                source=Source(file="f", line=1),
            )

        assert "nothing can be lost" in EntitiesPreserved().misfit(case("what time is it?"))
        assert EntitiesPreserved().misfit(case("Where is Anna?")) == ""
        assert EntitiesPreserved(required="x").misfit(case("what?")) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We met Anna Kowalska of Acme Corp in Berlin.", ["Anna Kowalska", "Acme Corp", "Berlin"]),
        ("It runs on an iPhone 15 Pro with NATO maps.", ["iPhone 15 Pro", "NATO"]),
        ("He asked Dr. van der Berg on Monday in March.", ["Berg"]),
        ("Name: Anna Kowalska | City: bonn", ["Anna Kowalska"]),
        ("Die Rechnung von Herrn Müller ist bezahlt und der Kunde ist zufrieden.", ["Müller"]),
        ("I think that the PDF is OK. Thanks!", []),
        ("# The Big Title\nno name", []),
        ("PLEASE READ THIS NOW", []),
        ("Use `FooBar` and foo_Bar or me@Example.example", []),
    ],
)
def test_names_are_told_by_their_capitals(text, expected):
    """Sentence starts, titles, months, headings and code name nobody."""
    assert expected == [name.text for name in names(text)]


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [
        ("abcd", "abcd", 0),
        ("abcd", "abd", 1),
        ("abcd", "abcde", 1),
        ("abcd", "acbd", 1),
        ("abcd", "axyd", 2),
        ("ca", "abc", 3),
        ("kitten", "sitting", 3),
        ("", "abcd", 3),
    ],
)
def test_the_distance_is_that_of_optimal_string_alignment(one, other, steps):
    """Changes, additions, losses and swaps count one each; more than two are not told apart."""
    assert steps == distance(one, other) == distance(other, one)


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "Aa " * 3_000_000,
            "A." * 5_000_000,
            "a" * 10_000_000,
            "Kowalskx " * 1_000_000,
            "https://" * 1_000_000,
            "a@a." * 2_000_000,
            "INV-2024-0713 " * 700_000,
            " ".join(f"INV-2024-{i:04}" for i in range(9_999)),
            "\ud800\x1b[31m" * 1_000_000,
            "[" * 100_000,
            "*_#" * 3_000_000,
        ],
        ids=lambda text: f"{text[:9]!a}-{len(text)}",
    )
    def test_text_is_judged_in_bounded_time(self, judge, bounded, text):
        """Hostile text never crashes the check, and what is required is lost."""
        with bounded():
            check = EntitiesPreserved(required=["Jürgen Müller"], least=1.0)
            violations = judge(check, text, prompt=MAIL).violations

        assert violations
        assert all(len(violation) <= 400 for violation in violations)
        assert "\x1b" not in "".join(violations)
        "".join(violations).encode("utf-8")


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"required": [5]}, "`required[]` has to be a text, got 5"),
            ({"required": ["--"]}, "`required` holds a name without a letter"),
            ({"kinds": ["name"]}, "did you mean 'names'?"),
            ({"kinds": []}, "`kinds` is an empty list"),
            ({"least": 0}, "`least` has to be a number above 0 and at most 1"),
            ({"least": 1.5}, "at most 1"),
            ({"least": True}, "`least`"),
            ({"given_in": "answer"}, "`given_in` cannot be 'answer'"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            EntitiesPreserved(**parameters)

        assert part in str(caught.value)
