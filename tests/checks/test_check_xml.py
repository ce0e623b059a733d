"""Well-formed XML, and certain elements in it; entities are never expanded."""

import pytest

from pytest_quantguard.checks.xml import Xml

ORDER = """<?xml version="1.0" encoding="UTF-16"?>
<order id="88213-A" xmlns:s="urn:shop">
  <items><item sku="1"/><s:item s:sku="2">J\u00fcrgen</s:item></items>
</order>"""
LAUGHS = """<!DOCTYPE lolz [
 <!ENTITY lol "lol">
 <!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
]>
<lolz>&lol2;</lolz>"""


def test_a_document_holds(judge):
    """Whatever encoding it declares: it has been decoded already."""
    check = Xml(
        root="order",
        required=[
            "order/@id",
            "order/items/item/@sku",
            "/order/*/s:item",
            "order/items/s:item/@sku",
        ],
    )

    assert () == judge(check, f"\n{ORDER}\n").violations
    assert judge(Xml(), "<a/>").ok


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the answer should be XML and is empty"),
        ("no XML", 'the answer is no XML: "no XML"'),
        ("Here: <a/>", 'the answer has prose before the XML: "Here: "'),
        ("<a/> Done", 'the answer goes on after the XML has ended, in line 1, column 6: "<a/> Do'),
        ("<a/> Yes!", "the answer goes on after the XML has ended, in line 1, column 9: "),
        ("<a/>\n\n<b/>", 'the answer goes on after the XML has ended, in line 3, column 1: "<b/>"'),
        ("```xml\n<a/>\n```", "the answer has a ``` fence around the XML, which `fenced` would"),
        ("<a><b>x", 'the answer is XML that ends in the middle; <b> is still open: "…<a><b>x"'),
        ("<a", 'the answer is XML that ends in the middle: "…<a"'),
        (
            "<a>\n <\u00e9>\u00e9</b>\n</a>",
            "the answer is no XML: mismatched tag in line 2, column 8; <\u00e9> is still open, "
            'near " <\u00e9>\u00e9</b>\\n</a>"',
        ),
        ("<a b=1/>", "the answer is no XML: not well-formed (invalid token) in line 1, column 6, "),
        ("<a>&nbsp;</a>", "the answer is no XML: undefined entity in line 1, column 4, near "),
        ("<p:a/>", "the answer is no XML: unbound prefix in line 1, column 1, near "),
        ("<a>\n\ud800</a>", "the answer is no XML: half of a surrogate pair in line 2, column 1"),
        ("<a>\ufffe</a>", "the answer is no XML: not well-formed (invalid token) in line 1, col"),
    ],
)
def test_says_what_is_wrong_and_where(judge, text, sentence):
    """Line and column count from 1, in characters."""
    (violation,) = judge(Xml(), text).violations

    assert violation.startswith(sentence)


def test_a_cut_answer_says_so(judge):
    """The finish reason explains why the document ends in the middle."""
    (violation,) = judge(Xml(), "<a><b>", finish_reason="length").violations

    assert violation.endswith("(finish_reason is length)")


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><a/>',
        "<!DOCTYPE html><html/>",
    ],
)
def test_a_document_type_is_refused(judge, text):
    """No entity is expanded and nothing is fetched: the declaration itself is the violation."""
    assert judge(Xml(), text).violations == (
        "the answer has a document type declaration (<!DOCTYPE>); entities are never expanded and "
        "nothing is fetched",
    )


@pytest.mark.parametrize(
    ("required", "sentence"),
    [
        ("order/total", '"order/total" is missing; elements in "order": "items"'),
        ("invoice/item", '"invoice/item" is missing; elements outermost: "order"'),
        ("order/@state", '"order/@state" is missing; attributes in "order": "id"'),
        (
            "order/items/item/x",
            '"order/items/item/x" is missing; elements in "order/items/item": ',
        ),
        (
            "order/items/t:item",
            '"order/items/t:item" is missing; elements in "order/items": "item"',
        ),
    ],
)
def test_names_what_stands_there_instead(judge, required, sentence):
    """A missing path is told with what is found where it ends."""
    (violation,) = judge(Xml(required=required), ORDER).violations

    assert violation.startswith(sentence)


def test_the_outermost_element(judge):
    """`root` names it, without or with its prefix."""
    assert judge(Xml(root="order"), "<invoice/>").violations == (
        'the outermost element is "invoice", expected "order"',
    )
    assert judge(Xml(root="order"), '<x:order xmlns:x="u"/>').ok
    assert not judge(Xml(root="y:order"), '<x:order xmlns:x="u"/>').ok


def test_a_fragment_is_several_elements_and_text(judge):
    """As in prompts that ask for <thinking> and <answer>."""
    check = Xml(fragment=True, required=["answer"])

    assert judge(check, "Sure!\n<thinking>a &lt; b</thinking>\n<answer>5</answer>").ok
    assert judge(check, "<thinking>5</thinking>").violations == (
        '"answer" is missing; elements outermost: "thinking"',
    )
    (cut,) = judge(check, "<answer>5</answer>\n<answer>6").violations
    assert cut.startswith("the answer is XML that ends in the middle; <answer> is still open: ")
    (place,) = judge(check, "<answer>a < b</answer>").violations
    assert "in line 1, column 12, near" in place
    assert judge(check, "5").violations == ('the answer has no XML element: "5"',)
    assert not judge(check, "5</quantguard-fragment><answer/>").ok


def test_a_fence_is_allowed_on_request(judge):
    """Marked as XML, or not at all."""
    assert judge(Xml(fenced=True), "```xml\n<a/>\n```").ok
    assert judge(Xml(fenced=True), "```\n<a/>\n```").ok
    assert judge(Xml(fenced=True), "<a/>").ok
    assert not judge(Xml(fenced=True), "```json\n<a/>\n```").ok


def test_hostile_documents_take_no_time(judge, bounded):
    """Depth, width and size are bounded."""
    wide = f"<a>{'<b/>' * 45_000}</a>"
    names = "<a>" + "".join(f"<b{number}/>" for number in range(18_000)) + "</a>"
    attributes = "<a " + " ".join(f'b{number}="1"' for number in range(14_000)) + "/>"
    with bounded():
        assert judge(Xml(required="a/b"), wide).ok
        assert not judge(Xml(required="a/c"), names).ok
        assert judge(Xml(required="a/@b7"), attributes).ok
        deep = judge(Xml(), "<a>" * 60_000).violations
        assert deep == ("the answer is XML nested more than 64 levels deep",)
        huge = judge(Xml(), "<a>" * 100_000).violations
        assert huge == ("the answer has 300000 characters; at most 200000 are read as XML",)
        assert not judge(Xml(), "<" * 200_000).ok


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"root": "a b"}, "`root` is 'a b', which is no name"),
        ({"root": "a", "fragment": True}, "leave `root` out"),
        ({"required": "order//item"}, "holds 'order//item', which is no path"),
        ({"required": "order/@id/x"}, "which is no path"),
        ({"required": 5}, "got 5"),
        ({"fenced": 1}, "`fenced` has to be true or false"),
        ({"fragment": "yes"}, "`fragment` has to be true or false"),
    ],
)
def test_nonsense_is_refused(parameters, part):
    """A parameter that makes no sense is a ValueError of one sentence."""
    with pytest.raises(ValueError, match="`") as caught:
        Xml(**parameters)

    assert part in str(caught.value)
