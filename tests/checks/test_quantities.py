"""What is read as a number, an amount, a date, an identifier."""

import pytest

from pytest_quantguard.checks._quantities import agrees, quantities


def read(text):
    """Kind and values of everything found, shortly."""
    return [(one.kind, *sorted(one.values)) for one in quantities(text)]


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("42", "number", ["42"]),
        ("007", "number", ["7"]),
        ("0.50", "number", ["0.5"]),
        ("12,5", "number", ["12.5"]),
        ("1,234", "number", ["1.234", "1234"]),
        ("1.234", "number", ["1.234", "1234"]),
        ("1,234,567", "number", ["1234567"]),
        ("1.234.567,89", "number", ["1234567.89"]),
        ("1'234'567.89", "number", ["1234567.89"]),
        ("12,34,567", "number", ["1234567"]),
        ("1 234 567", "number", ["1234567"]),
        ("1\u202f234", "number", ["1234"]),
        ("2.5 million", "number", ["2500000"]),
        ("20k", "number", ["20000"]),
        ("3rd", "number", ["3"]),
        ("1990s", "number", ["1990"]),
        ("$5", "amount", ["5"]),
        ("3 Mio. Euro", "amount", ["3000000"]),
        ("84,6 millones de euros", "amount", ["84600000"]),
        ("84,6\nmillones\nde euros", "amount", ["84600000"]),
        ("2 millions d'euros", "amount", ["2000000"]),
        ("Fr. 20.50", "amount", ["20.5"]),
        ("12.5%", "percentage", ["12.5"]),
        ("5 per cent", "percentage", ["5"]),
        ("5 kg", "measure", ["5"]),
        ("100 km/h", "measure", ["100"]),
        ("30-day", "measure", ["30"]),
        ("\u22125 °C", "measure", ["-5"]),
        ("2026-03-01", "date", ["2026-03-01"]),
        ("1st of March 2026", "date", ["2026-03-01"]),
        ("March 1st", "date", ["--03-01"]),
        ("marzo de 2026", "date", ["2026-03"]),
        ("03/04/2026", "date", ["2026-03-04", "2026-04-03"]),
        ("13/04/2026", "date", ["2026-04-13"]),
        ("01.03.26", "date", ["1926-03-01", "2026-03-01"]),
        ("2026年3月1日", "date", ["2026-03-01"]),
        ("2:30 pm", "time", ["14:30"]),
        ("14h30", "time", ["14:30"]),
        ("12 am", "time", ["00:00"]),
        ("+49 (0)30 1234567", "phone", ["49301234567"]),
        ("212-555-1234", "phone", ["2125551234"]),
        ("88213-A", "identifier", ["88213-a"]),
        ("INV-2024-017", "identifier", ["inv-2024-017"]),
        ("DE89 3704 0044 0532 0130 00", "identifier", ["de89370400440532013000"]),
        ("10.0.0.1", "identifier", ["10.0.0.1"]),
        ("v1.2.3", "identifier", ["v1.2.3"]),
        ("978-3-16-148410-0", "identifier", ["978-3-16-148410-0"]),
    ],
)
def test_one_quantity_is_read_whole(text, kind, values):
    """Each spelling is one quantity of its kind, with every value that it may stand for."""
    assert [(kind, *values)] == read(text)
    assert [(kind, *values)] == read(f"It says {text} there.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,3", [("number", "1"), ("number", "2"), ("number", "3")]),
        ("10-20 kg", [("number", "10"), ("measure", "20")]),
        ("3/4", [("number", "3"), ("number", "4")]),
        ("88213,4711000012", [("number", "88213"), ("number", "4711000012")]),
        ("Section 3 may apply", [("number", "3")]),
        ("I may 5 times", [("number", "5")]),
        ("It costs 1.5. Next", [("number", "1.5")]),
        ("5 in total", [("number", "5")]),
        ("see https://a.example/2024/05 and me24@x.example", []),
        ("mid-2024", [("number", "2024")]),
        ("2026-13-45", [("identifier", "2026-13-45")]),
        ("+12 500 000", [("number", "12500000")]),
    ],
)
def test_what_looks_like_another_thing_is_none(text, expected):
    """Lists, ranges, addresses and words that are also months are read as what they are."""
    assert expected == read(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("5 kg", "5", True),
        ("5 kg", "5 g", False),
        ("$5", "USD 5", True),
        ("$5", "5 EUR", False),
        ("5 pounds", "£5", True),
        ("5 pounds", "5 lb", True),
        ("1,234", "1.234,00", True),
        ("030 1234567", "+49 30 1234567", True),
        ("030 1234568", "+49 30 1234567", False),
    ],
)
def test_units_contradict_or_not(one, other, same):
    """A missing unit contradicts nothing; two different ones do."""
    (first,), (second,) = quantities(one), quantities(other)

    assert same == agrees(first, second) == agrees(second, first)


def test_places_are_those_of_the_text():
    """Where a quantity begins and ends counts in characters of the text, sign and unit included."""
    text = "Pay 12.50 EUR by March 1, 2026, or -3 %."

    assert ["12.50 EUR", "March 1, 2026", "-3 %"] == [q.text for q in quantities(text)]
    assert all(q.text == text[q.start : q.end] for q in quantities(text))


@pytest.mark.parametrize(
    "text",
    [
        "8" * 1_000_000,
        "8 " * 500_000,
        "1," * 500_000,
        "a1-" * 333_000,
        "-1" * 500_000,
        "@a" * 500_000,
        "+1 " * 333_333,
        "March 1 " * 125_000,
        "AB12 " * 200_000,
        "1" + " " * 1_000_000,
        "\ud8001" * 500_000,
    ],
    ids=lambda text: f"{text[:9]!a}-{len(text)}",
)
def test_a_million_characters_take_bounded_time(bounded, text):
    """No spelling makes the search endless."""
    with bounded():
        assert len(quantities(text)) <= 50_000
