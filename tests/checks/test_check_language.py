"""The language of an answer: told in short sentences, and where an answer changes over."""

import random
from pathlib import Path

import pytest

from pytest_quantguard.checks import _drift, _languages
from pytest_quantguard.checks.language import Language

Sentences = dict[str, list[str]]


def sentences(part: int) -> Sentences:
    """Read one of the two parts of the file: 0 was there while the check was written."""
    text = Path(__file__).with_name("language_sentences.txt").read_text(encoding="utf-8")
    found: Sentences = {}
    code = ""
    for line in text.split("# The second part")[part].splitlines():
        if line.startswith("["):
            code = line[1:-1]
        elif line and not line.startswith("#") and code:
            found.setdefault(code, []).append(line)
    return found


FRESH = sentences(1)
ALL = {code: found + FRESH[code] for code, found in sentences(0).items()}
RELATED = [
    {"da", "no", "sv"},
    {"cs", "sk", "hr"},
    {"es", "ca", "pt", "it", "fr"},
    {"ru", "uk", "bg"},
]


class TestShortSentences:
    def test_a_sentence_is_accepted_in_its_own_language(self, judge):
        """All of 515, of 3 to 14 words."""
        refused = [
            (code, text)
            for code, found in ALL.items()
            for text in found
            if not judge(Language(language=code), text).ok
        ]

        assert 515 == sum(map(len, ALL.values()))
        assert [] == refused

    def test_a_sentence_is_refused_in_every_other_language(self, judge):
        """Of 4917 pairs 99.5 % are seen where the languages are no relatives, of 4 to 9 words."""
        related = unrelated = 0
        for code, check in {code: Language(language=code) for code in FRESH}.items():
            for other in FRESH.keys() - {code}:
                held = sum(judge(check, text).ok for text in FRESH[other])
                if any({code, other} <= group for group in RELATED):
                    related += held
                else:
                    unrelated += held

        assert related <= 60
        assert unrelated <= 25

    def test_the_likeliest_language_is_the_right_one(self):
        """Of the fresh sentences in scripts that several languages share, 128 of 135."""
        right = total = 0
        for script, codes in _languages.ALPHABETS.items():
            model = _languages.alphabet(script)
            for code in codes:
                for text in FRESH[code]:
                    words = _drift.prose(text, frozenset()).words
                    rows = [model.scores(word.text.lower()) for word in words]
                    sums = [sum(column) for column in zip(*rows, strict=True)]
                    right += codes[sums.index(max(sums))] == code
                    total += 1

        assert (right, total) == (128, 135)


class TestDrift:
    @pytest.mark.parametrize("code", sorted(FRESH.keys() - {"en"}))
    def test_two_english_sentences_are_always_found(self, judge, code):
        """Whatever the language around them."""
        around = FRESH[code]
        for first, second in zip(FRESH["en"], FRESH["en"][1:], strict=False):
            text = f"{around[0]}\n{around[1]} {first} {second}"
            (violation,) = judge(Language(language=code), text).violations
            assert "English" in violation

    def test_two_sentences_of_another_language_are_found(self, judge):
        """In the middle of three; what is missed are relatives."""
        missed = []
        for code, around in FRESH.items():
            check = Language(language=code)
            for other in FRESH.keys() - {code}:
                text = " ".join([*around[:2], *FRESH[other][:2], *around[2:3]])
                if judge(check, text).ok:
                    missed.append({code, other})

        assert 15 >= len(missed)
        assert all(any(pair <= group for group in RELATED) for pair in missed)

    @pytest.mark.parametrize(
        ("language", "text", "sentence"),
        [
            (
                "de",
                "Guten Tag!\nDie Erstattung ist veranlasst and will be credited to your account.",
                'line 2 changes over to English: "and will be credited to your account"; German is '
                "expected",
            ),
            (
                "en",
                "The refund was issued \u56e0\u6b64 you will receive it.",
                'line 1 changes over to Chinese: "\u56e0\u6b64"; English is expected',
            ),
            (
                "en",
                "Your order is ready. "
                "\u0417\u0430\u043a\u0430\u0437 \u0433\u043e\u0442\u043e\u0432.",
                'line 1 changes over to Russian: "\u0417\u0430\u043a\u0430\u0437 '
                '\u0433\u043e\u0442\u043e\u0432"; English is expected',
            ),
            (
                "ru",
                FRESH["ru"][0] + " Then restart the service and check the log files.",
                'line 1 changes over to English: "Then restart the service and check the',
            ),
            (
                "ja",
                FRESH["ja"][0] + FRESH["zh"][0],
                'line 1 changes over to Chinese: "' + FRESH["zh"][0].rstrip("\u3002"),
            ),
            ("de", "Yes, of course.", 'reads like English, German is expected: "Yes, of course."'),
            ("de", "Yes.", 'reads like English, German is expected: "Yes."'),
            ("ja", FRESH["zh"][0], "reads like Chinese, Japanese is expected: "),
            ("es", '"Your order has been sent."', "reads like English, Spanish is expected: "),
            ("de", "YOUR ORDER IS ON ITS WAY TO YOU", "reads like English, German is expected: "),
        ],
    )
    def test_says_where_and_to_what(self, judge, language, text, sentence):
        """The line, the language, and the words."""
        (violation,) = judge(Language(language=language), text).violations

        assert violation.startswith(sentence)

    def test_a_share_can_be_allowed(self, judge):
        """max_foreign is the share of letters in other languages."""
        text = " ".join([*ALL["de"][:6], "You can pay with your credit card."])

        assert not judge(Language(language="de"), text).ok
        assert not judge(Language(language="de", max_foreign=0.05), text).ok
        assert judge(Language(language="de", max_foreign=0.15), text).ok

    def test_several_languages(self, judge):
        """Any mixture of those that are given holds, and no third one."""
        check = Language(language=["en", "zh"])

        assert judge(check, f"{FRESH['en'][0]} {FRESH['zh'][0]}").ok
        (violation,) = judge(check, f"{FRESH['en'][0]} {FRESH['ru'][0]}").violations
        assert violation.endswith("; English or Chinese is expected")


ORDINARY = {
    "de": [
        "Unsere L\u00f6sung ist State of the Art: eine Software-as-a-Service-Plattform mit Machine "
        "Learning, Best Practices und einem Dashboard f\u00fcr das Controlling. Das Team arbeitet "
        "agil, der Product Owner pflegt das Backlog, und im Sprint Review zeigen wir die neuen "
        "Features. Ein Rollback ist jederzeit m\u00f6glich.",
        "Ich empfehle The Mythical Man-Month, "
        "ebenso \u201eThe Art of Computer Programming\u201c und "
        "The Lord of the Rings im Original.",
        "- Milch\n- Eier\n- Brot\n- Butter\n- K\u00e4se\n- Tomaten",
        "M\u00fcller GmbH, Hauptstra\u00dfe 5, 10115 Berlin",
        "So geht es:\n```python\nfor item in the_list:\n"
        "    print(item, 'is not in the other')\n```\n"
        'Siehe auch https://example.com/all/the/best/of/it und `git commit -m "fix the bug"`.',
    ],
    "fr": [
        "J'ai lu The Lord of the Rings et Harry Potter. Le week-end, "
        "nous faisons "
        "du shopping sur les Champs-\u00c9lys\u00e9es, puis un brunch. Le marketing et le "
        "cloud computing int\u00e9ressent beaucoup la start-up.",
        "Le mot *the weather is fine today* ne se traduit pas.",
    ],
    "es": [
        "El software de machine learning se ejecuta en la nube, con un backend en Python y un "
        "frontend en React; el equipo de marketing prepara el briefing para el lunes. El streaming "
        "funciona sin problemas en el smartphone.",
    ],
    "nl": [
        "De helpdesk is open van maandag tot en met vrijdag. Download de app in de store, maak een "
        "account aan en update je browser. Het team van customer success helpt je graag.",
    ],
    "pl": [
        "Zesp\u00f3\u0142 DevOps "
        "wdra\u017ca now\u0105 wersj\u0119 aplikacji w \u015brodowisku testowym. "
        "Manager produktu przygotowa\u0142 backlog, a feedback od klient\u00f3w jest bardzo dobry.",
    ],
    "en": [
        "She went to a caf\u00e9 in S\u00e3o Paulo, then flew to Z\u00fcrich and M\u00e1laga with "
        "Jos\u00e9 Garc\u00eda M\u00e1rquez and Fran\u00e7ois L\u00e9vy; what a d\u00e9j\u00e0 vu.",
        "The level is \u03b1 = 0.05, \u0394x is small, and \u03bb and \u03bc are unknown.",
        "Tokyo (\u6771\u4eac) is the capital; \u6771\u4eac (Tokyo) means eastern capital. The word "
        "\u201c\u0434\u0440\u0443\u0433\u201d is Russian for friend.",
        '{"status": "ok", "message": "Your order was refunded"}',
        "Il Gattopardo, La Dolce Vita and Amarcord are the films that she likes best.",
    ],
    "ru": [
        "\u0423\u0441\u0442\u0430\u043d\u043e\u0432\u0438\u0442\u0435 PostgreSQL \u0438 nginx, "
        "\u0437\u0430\u0442\u0435\u043c "
        "\u0432\u043a\u043b\u044e\u0447\u0438\u0442\u0435 Docker Compose "
        "\u043d\u0430 Ubuntu Server.",
    ],
    "zh": [
        "\u60a8\u7684\u8ba2\u5355\u5df2\u901a\u8fc7 "
        "DHL Express \u53d1\u51fa\uff0c\u53ef\u5728 Amazon Web "
        "Services \u7684 dashboard \u4e2d\u67e5\u770b\u3002",
    ],
    "ja": [
        "\u6771\u4eac\u90fd\u4ea4\u901a\u5c40\u7dcf\u52d9\u90e8\u4f01\u753b\u8abf\u6574\u8ab2\u9577"
        "\u306e\u8aac\u660e\u3067\u3059\u3002API\u306e\u30c9\u30ad\u30e5\u30e1\u30f3\u30c8\u3092"
        "\u898b\u3066\u304f\u3060\u3055\u3044\u3002",
    ],
    "ko": [
        "\u6f22\u5b57(\ud55c\uc790)\ub294 \uc911\uad6d\uc5d0\uc11c \uc654\uc2b5\ub2c8\ub2e4. API "
        "\ubb38\uc11c\ub97c \ubcf4\uc138\uc694.",
    ],
}


@pytest.mark.parametrize(
    ("language", "text"), [(code, text) for code, texts in ORDINARY.items() for text in texts]
)
def test_names_loans_code_and_quotations_are_no_drift(judge, language, text):
    """What real answers hold of other languages: titles, products, addresses, terms, symbols."""
    assert () == judge(Language(language=language), text).violations


@pytest.mark.parametrize("code", sorted(ALL))
def test_long_texts_in_their_own_language(judge, code):
    """No stretch of all sentences together, in three orders, is taken for another language."""
    for seed in range(3):
        texts = random.Random(seed).sample(ALL[code], len(ALL[code]))
        assert () == judge(Language(language=code), " ".join(texts)).violations


class TestUndecided:
    @pytest.mark.parametrize("text", ["", "42", "12.5 %", "!!!", "`code`", "https://example.com/a"])
    def test_an_answer_without_words(self, judge, text):
        """Nothing tells its language: a violation, unless the case says otherwise."""
        (violation,) = judge(Language(language="en"), text).violations

        assert violation.startswith("there is no word by which to tell that it is English: ")
        assert judge(Language(language="en", undecided="hold"), text).ok

    def test_letters_at_random_are_no_words(self, judge):
        """Gibberish is no language."""
        letters = random.Random(1)
        for _ in range(50):
            words = ("".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(8))
            assert not judge(Language(language="en"), " ".join(words)).ok

    def test_a_refusal_is_read_where_there_is_no_text(self, judge):
        """The refusal field is an answer too."""
        assert judge(Language(language="de"), "", refusal="Das darf ich nicht.").ok
        assert not judge(Language(language="de"), "", refusal="I cannot do that for you.").ok


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000_000,
        "El " * 3_000_000,
        "\u0301" * 1_000_000,
        "a\u0301\u0323" * 1_000_000,
        "(" * 1_000_000,
        "\u4e2d" * 1_000_000,
        '"' * 1_000_000,
        "`a" * 1_000_000,
        "```\n" * 500_000,
        "_a*b" * 500_000,
        "a@" * 500_000,
        " ".join(
            f"{chr(97 + n % 26)}{chr(97 + n * 7 % 26)}x{'abcdefghij'[n % 10]}" * 2
            for n in range(9_000)
        ),
    ],
    ids=lambda text: repr(text[:4]),
)
def test_hostile_texts_take_no_time(judge, bounded, text):
    """A bounded part is read, whatever it is."""
    with bounded():
        judge(Language(language="en"), text)
        judge(Language(language="ja"), text)


def test_both_ends_of_a_long_text_are_read(judge):
    """What comes last in a very long answer is where models drift."""
    text = " ".join(ALL["de"] * 100)

    assert judge(Language(language="de"), text).ok
    assert not judge(Language(language="de"), f"{text} {' '.join(FRESH['en'])}").ok


def test_every_language_has_words_of_its_own():
    """Each list has at least 100 words, and no two lists are alike."""
    lists = _languages._lists()
    known = {code for codes in _languages.ALPHABETS.values() for code in codes}

    assert known == set(lists)
    for code, (common, typical) in lists.items():
        assert 100 <= len({*common, *typical})
        shared = max(
            len({*common} & {*other}) for name, (other, _) in lists.items() if name != code
        )
        assert shared < 0.8 * len(common)


def test_every_other_language_is_told_by_its_script(judge):
    """A script of its own leads to one language, and to its name."""
    for code in set(_languages.NAMES) - {
        code for codes in _languages.ALPHABETS.values() for code in codes
    }:
        assert _drift.scripts_of((code,))


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"language": "xx"}, "'xx', which is not known; known: ar, bg,"),
        ({"language": "german"}, "write its code, de"),
        ({"language": "pt-BR"}, "countries and scripts are not told apart, write pt"),
        ({"language": "zh_Hant"}, "write zh"),
        ({"language": []}, "empty list"),
        ({"language": 5}, "got 5"),
        ({"language": "de", "undecided": "pass"}, "`undecided` cannot be 'pass'"),
        ({"language": "de", "max_foreign": 20}, "at most 1, got 20"),
        ({"language": "de", "max_foreign": -1}, "above 0 and at most 1, got -1"),
        ({"language": "de", "max_foreign": None}, "from 0 to 1, got None"),
        ({"language": "de", "max_foreign": False}, "got False"),
    ],
)
def test_nonsense_is_refused(parameters, part):
    """A parameter that makes no sense is a ValueError of one sentence."""
    with pytest.raises(ValueError, match="`") as caught:
        Language(**parameters)

    assert part in str(caught.value)


def test_codes_that_mean_the_same():
    """Bokm\u00e5l is Norwegian, and Malay is not told from Indonesian."""
    assert ("no", "id", "he") == Language(language=["nb", "ms", "iw"]).language


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("ja", "\u682a\u5f0f\u4f1a\u793e\u5c71\u7530\u88fd\u4f5c\u6240"),
        ("ja", "\u6771\u4eac\u3001\u5927\u962a\u3001\u4eac\u90fd\u3001\u540d\u53e4\u5c4b"),
        ("en", "- Milk\n- Eggs\n- Bread"),
        ("en", "Name: Ana G\u00f3mez\nCity: C\u00f3rdoba\nAge: 42"),
        (
            "en",
            "The winners are S\u00f8ren Kj\u00e6r and Zo\u00eb \u00d6zt\u00fcrk.",
        ),
        ("en", "Visit D\u00fcsseldorf, K\u00f6ln, M\u00fcnchen, N\u00fcrnberg and W\u00fcrzburg."),
        ("sv", "R\u00f6d, bl\u00e5, gr\u00f6n."),
        ("sv", "Godk\u00e4nd"),
        ("de", "Apfel, Banane, Kirsche"),
        ("de", "Berlin"),
    ],
)
def test_names_lists_and_single_words_hold(judge, code, text):
    """Too little to tell a language by is no other language."""
    assert () == judge(Language(language=code), text).violations


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("ja", "\u60a8\u7684\u9000\u6b3e\u4eca\u5929\u5df2\u5904\u7406\u3002"),
        ("ja", "\u60a8\u7684\u9000\u6b3e\u5df2\u7d93\u8655\u7406\u3002"),
        ("ja", "\u8ba2\u5355\u53d6\u6d88"),
        ("ru", "Moscow"),
        ("de", "Sure!"),
        ("de", "42"),
    ],
)
def test_short_answers_that_are_clearly_foreign_fail(judge, code, text):
    """A simplified character, another script, a word that only another language has, no word."""
    assert not judge(Language(language=code), text).ok


def test_what_an_undecided_answer_does_is_a_parameter(judge):
    """By default only few words get the benefit of the doubt."""
    few, many = "Xqzt Wvk", "xqzt wvk qqj zxc vbn mnb"

    assert judge(Language(language="de"), few).ok
    assert not judge(Language(language="de", undecided="fail"), few).ok
    assert not judge(Language(language="de"), many).ok
    assert judge(Language(language="de", undecided="hold"), many).ok
