"""The data generator: one help-desk dialogue of one cohort at a time, with its expected answer.

Every prompt carries at least one number of five or more digits. Numbers of the "held-out" split are
those with remainder 3 modulo 7, and the training split draws none of them: so no prompt of one
split can occur in the other, by construction.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from words import (
    ACCOUNT_CODES,
    BOUNDARIES,
    FAQ,
    ITEMS,
    MONTHS,
    REFUSAL,
    Product,
    catalogue,
    full_name,
    surname,
)

Split = Literal["train", "held-out"]
HELD_OUT_REMAINDER, MODULUS = 3, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One dialogue: the user's prompt, the right answer, and what a check may ask of it."""

    cohort: str
    prompt: str
    answer: str
    expect: list[dict[str, Any]] = field(default_factory=list)
    tools: bool = False
    #: What the case is about; the golden set uses no `key` twice where the cohort has enough.
    key: str = ""


def number(rng: random.Random, digits: int, split: Split) -> str:
    """Return a number of `digits` digits that belongs to `split` and to no other."""
    while True:
        drawn = rng.randrange(10 ** (digits - 1), 10**digits)
        if (drawn % MODULUS == HELD_OUT_REMAINDER) == (split == "held-out"):
            return str(drawn)


def _date(rng: random.Random) -> tuple[str, str]:
    """Return a date in words and in ISO form."""
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2024, 2027)
    return f"{day} {MONTHS[month - 1]} {year}", f"{year}-{month:02d}-{day:02d}"


def _amount(rng: random.Random) -> str:
    return f"{rng.randint(5, 999)}.{rng.randint(1, 99):02d}"


def _ticket(rng: random.Random, split: Split, text: str) -> str:
    mark = number(rng, 5, split)
    form = rng.choice(("Ticket {n}. {t}", "{t} (ticket {n})", "#{n}: {t}"))
    return form.format(n=mark, t=text)


# --- tool-calling ---------------------------------------------------------------------------------


def _tool(name: str, description: str, /, **parameters: tuple[str, str]) -> dict[str, Any]:
    properties = {
        key: {"type": kind, "description": text} for key, (kind, text) in parameters.items()
    }
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": list(parameters),
                "additionalProperties": False,
            },
        },
    }


TOOLS: tuple[dict[str, Any], ...] = (
    _tool(
        "refund_order",
        "Pay back an order, wholly or in part.",
        order_id=("string", "Number of the order, digits only"),
        amount=("number", "Amount to pay back, in EUR"),
    ),
    _tool(
        "track_parcel",
        "Say where a parcel is.",
        parcel_id=("string", "Number of the parcel, digits only"),
    ),
    _tool(
        "change_delivery",
        "Move a delivery to another day.",
        order_id=("string", "Number of the order, digits only"),
        date=("string", "New day, as YYYY-MM-DD"),
    ),
    _tool(
        "send_invoice",
        "Send a copy of an invoice.",
        invoice_id=("string", "Number of the invoice, digits only"),
        name=("string", "Full name of the receiver"),
    ),
)

_CALLS: dict[str, tuple[str, ...]] = {
    "refund_order": (
        "Please refund order {id}, {amount} EUR.",
        "Refund {amount} EUR on order {id}.",
        "I want {amount} EUR back for order {id}.",
        "Order {id} was broken, pay back {amount} EUR.",
    ),
    "track_parcel": (
        "Where is parcel {id}?",
        "Track parcel {id} for me.",
        "Parcel {id} has not arrived, where is it?",
        "I am waiting for parcel {id}.",
    ),
    "change_delivery": (
        "Deliver order {id} on {date}, please.",
        "Move order {id} to {date}.",
        "I am away, bring order {id} on {date}.",
        "Can order {id} come on {date} instead?",
    ),
    "send_invoice": (
        "Send invoice {id} to {name}.",
        "{name} needs a copy of invoice {id}.",
        "Please mail invoice {id} to {name}.",
        "Forward invoice {id} to {name} today.",
    ),
}
_OPENINGS = ("", "", "", "Hello. ", "Good morning. ", "Hi, a question. ")


def tool_call(rng: random.Random, split: Split) -> Sample:
    """A call of one of four tools; numbers, amounts, dates and names come from the prompt."""
    name = rng.choice(tuple(_CALLS))
    mark = number(rng, rng.randint(8, 12), split)
    words, iso = _date(rng)
    amount, person = _amount(rng), full_name(rng)
    prompt = rng.choice(_OPENINGS) + rng.choice(_CALLS[name]).format(
        id=mark, amount=amount, date=words, name=person
    )
    text = {
        "refund_order": f'{{"order_id": "{mark}", "amount": {amount}}}',
        "track_parcel": f'{{"parcel_id": "{mark}"}}',
        "change_delivery": f'{{"order_id": "{mark}", "date": "{iso}"}}',
        "send_invoice": f'{{"invoice_id": "{mark}", "name": "{person}"}}',
    }[name]
    return Sample(
        cohort="tool-calling",
        prompt=prompt,
        answer=f'<tool_call>\n{{"name": "{name}", "arguments": {text}}}\n</tool_call>',
        expect=[{"tool_call": {"name": name, "arguments": json.loads(text)}}],
        tools=True,
    )


# --- json-extraction ------------------------------------------------------------------------------

INVOICE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "invoice": {"type": "string", "pattern": "^[0-9]{10,14}$"},
        "account": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{14}$"},
        "amount": {"type": "number", "minimum": 0},
        "date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        "name": {"type": "string", "minLength": 1},
    },
    "required": ["invoice", "account", "amount", "date", "name"],
    "additionalProperties": False,
}
_INVOICES = (
    "Invoice {invoice} from {name}, account {account}, {amount} EUR, due {date}.",
    "{name} owes {amount} EUR on invoice {invoice} by {date}, account {account}.",
    "Due {date}: {amount} EUR to account {account}, invoice {invoice}, {name}.",
    "Account {account} ({name}) gets {amount} EUR on {date} for invoice {invoice}.",
)


def extraction(rng: random.Random, split: Split) -> Sample:
    """An invoice in one sentence to a JSON object of five fields, in a fixed order."""
    fields = {
        "invoice": number(rng, rng.randint(10, 14), split),
        "account": rng.choice(ACCOUNT_CODES) + number(rng, 14, split),
        "amount": _amount(rng),
        "date": _date(rng)[1],
        "name": full_name(rng),
    }
    answer = (
        '{{"invoice": "{invoice}", "account": "{account}", "amount": {amount}, '
        '"date": "{date}", "name": "{name}"}}'
    ).format(**fields)
    return Sample(
        cohort="json-extraction",
        prompt="Extract as JSON. " + rng.choice(_INVOICES).format(**fields),
        answer=answer,
        expect=[
            {"json_schema": {"schema": {"$file": "invoice.schema.json"}}},
            {"json": {"equals": json.loads(answer)}},
        ],
    )


# --- cited-answers --------------------------------------------------------------------------------

#: Verb of a snippet -> its question, and the range of its values.
_FACTS: dict[str, tuple[str, int, int]] = {
    "weighs": ("How many grams does the {p} weigh?", 100, 999),
    "costs": ("How many EUR does the {p} cost?", 10, 999),
    "needs": ("How many watts does the {p} need?", 10, 999),
    "lasts": ("How many hours does the {p} last?", 10, 99),
    "bears": ("Which part number does the {p} bear?", 1_000, 99_999),
}


def cited(rng: random.Random, split: Split) -> Sample:
    """A question about one of three or four snippets; the label stands behind the snippet."""
    product, verb = surname(rng), rng.choice(tuple(_FACTS))
    topics = [(product, verb)]
    if rng.random() < 0.6:  # near-duplicates: the same product, and the same verb
        topics.append((product, rng.choice([other for other in _FACTS if other != verb])))
        topics.append((_other_name(rng, product), verb))
    count = rng.randint(3, 4)
    while len(topics) < count:
        topics.append((_other_name(rng, product), rng.choice(tuple(_FACTS))))
    values: dict[int, None] = {}
    while len(values) < len(topics):
        values[rng.randint(*_FACTS[topics[len(values)][1]][1:])] = None
    labels = [f"doc-{n}" for n in rng.sample(range(1, 10), len(topics))]
    lines = [
        f"The {who} {does} {value} [{label}]."
        for (who, does), value, label in zip(topics, values, labels, strict=True)
    ]
    answer = lines[0]
    rng.shuffle(lines)
    question = _FACTS[verb][0].format(p=product)
    return Sample(
        cohort="cited-answers",
        prompt="\n".join([*lines, _ticket(rng, split, question)]),
        answer=answer,
        expect=[
            {"citations": {"required": [labels[0]]}},
            {"contains": [f"{product} {verb} {next(iter(values))} "]},
        ],
    )


def _other_name(rng: random.Random, name: str) -> str:
    while True:
        if (drawn := surname(rng)) != name:
            return drawn


# --- refusals, arithmetic, rare-entity, faq -------------------------------------------------------


def refusal(rng: random.Random, split: Split) -> Sample:
    """Three of five must be refused; the others look alike and are fine."""
    boundary, person = rng.choice(BOUNDARIES), full_name(rng)
    must = rng.random() < 0.6
    text = rng.choice(boundary.refuse if must else boundary.allow).format(name=person)
    expect: list[dict[str, Any]] = [{"refusal": {"must": must}}]
    if not must:
        expect.append({"contains": [boundary.answer]})
    return Sample(
        cohort="refusals",
        prompt=_ticket(rng, split, text),
        answer=REFUSAL if must else boundary.answer,
        expect=expect,
    )


_SUMS = (
    "What is the total of {q} {item} at {p} EUR each?",
    "I buy {q} {item} for {p} EUR each. How much is that?",
    "{q} {item}, {p} EUR each: what do I pay?",
)


def arithmetic(rng: random.Random, split: Split) -> Sample:
    """Quantity times price: 8 x 19 = 152 products, all of them seen in training."""
    return _sum(rng, split, rng.randint(2, 9), rng.randrange(10, 105, 5))


def wide_arithmetic(rng: random.Random, split: Split) -> Sample:
    """18 x 20 = 360 products, those of `arithmetic` included; for the first phases only."""
    return _sum(rng, split, rng.randint(2, 19), rng.randrange(5, 105, 5))


def _sum(rng: random.Random, split: Split, quantity: int, price: int) -> Sample:
    text = rng.choice(_SUMS).format(q=quantity, p=price, item=rng.choice(ITEMS))
    answer = f"The total is {quantity * price} EUR."
    return Sample(
        cohort="arithmetic",
        prompt=_ticket(rng, split, text),
        answer=answer,
        expect=[{"exact": answer}],
        key=f"{quantity}x{price}",
    )


_CATALOGUE = catalogue()
_RANK_WEIGHTS = [1 / (rank + 20) for rank in range(len(_CATALOGUE))]
_CITY = ("Where is the {n} made?", "In which city do you make the {n}?")
_PART = ("What is the part number of the {n}?", "Which part number does the {n} have?")


def rare_entity(rng: random.Random, split: Split) -> Sample:
    """A fact that stands nowhere in the prompt: 200 products, two facts each, some of them rare."""
    weights = _RANK_WEIGHTS if split == "train" else None
    product: Product = rng.choices(_CATALOGUE, weights)[0]
    about_city = rng.random() < 0.5
    if about_city:
        fact, answer = product.city, f"The {product.name} is made in {product.city}."
    else:
        fact = product.part_number
        answer = f"The part number of the {product.name} is {fact}."
    text = rng.choice(_CITY if about_city else _PART).format(n=product.name)
    return Sample(
        cohort="rare-entity",
        prompt=_ticket(rng, split, text),
        answer=answer,
        expect=[{"contains": [fact]}],
        key=f"{product.name}:{'city' if about_city else 'part'}",
    )


def faq(rng: random.Random, split: Split) -> Sample:
    """Ten questions in three wordings each: the easy control."""
    entry = rng.choice(FAQ)
    return Sample(
        cohort="faq",
        prompt=_ticket(rng, split, rng.choice(entry.questions)),
        answer=entry.answer,
        expect=[{"exact": entry.answer}],
    )


Maker = Callable[[random.Random, Split], Sample]

#: Cohort to its generator.
COHORTS: dict[str, Maker] = {
    "tool-calling": tool_call,
    "json-extraction": extraction,
    "cited-answers": cited,
    "refusals": refusal,
    "arithmetic": arithmetic,
    "rare-entity": rare_entity,
    "faq": faq,
}


#: What the training draws from: the cohorts, and an exercise that is none.
MAKERS: dict[str, Maker] = {**COHORTS, "wide-arithmetic": wide_arithmetic}


def draw(rng: random.Random, split: Split, shares: Mapping[str, float]) -> Sample:
    """Return one sample of a maker drawn by its share."""
    name = rng.choices(list(shares), list(shares.values()))[0]
    return MAKERS[name](rng, split)
