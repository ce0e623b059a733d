"""Which sentences of an answer claim something, and which only lead to it, greet or hedge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_quantguard.checks._citations import BRACKETS
from pytest_quantguard.checks._lexicon import fold
from pytest_quantguard.checks._sentences import sentences

SOURCE = re.compile(rf"{BRACKETS}|\[\^[\w-]{{1,32}}\]|[\u00b9\u2074-\u2079]")
_MARKUP = re.compile(r"[*_`#>]{1,6}")

_LEAD = re.compile(
    r"(?:sure|certainly|of course|absolutely|yes|no|okay|ok|ja|nein|nat\u00fcrlich|gerne?|oui|non"
    r"|bien s\u00fbr"
    r"|s\u00ed|claro|certo|sim|n\u00e3o|nee)[,.!:]\s+(?=\S+\s\S+\s\S)",
    re.IGNORECASE,
)
# Matched at the start of a folded sentence.
_META = re.compile(
    r"(?:sure|certainly|of course|absolutely|great question|good question|hello|hi|hey|dear|thanks"
    r"|thank you|you're welcome|best regards|kind regards|regards|sincerely|i hope|hope (?:this"
    r"|that)"
    r"|(?:please )?(?:let me know|feel free)|if you (?:have|need|want|would like) (?:any|more"
    r"|further)"
    r"|(?:i'm |i am |i'd be |i would be )?(?:happy|glad) to|here (?:is|are)|here's|below (?:is|are)"
    r"|(?:these|the following) (?:is|are)|as an ai"
    r"|hallo|guten (?:tag|morgen)|sehr geehrte|liebe|vielen dank|danke|gerne?|naturlich|hier "
    r"(?:ist|sind)"
    r"|mit freundlichen|freundliche|ich hoffe|falls sie (?:weitere|noch)|wenn sie (?:weitere|noch)"
    r"|bonjour|merci|bien sur|voici|cordialement|n'hesitez|j'espere|si vous avez (?:d'autres"
    r"|besoin)"
    r"|hola|gracias|claro|por supuesto|aqui (?:tiene|esta|estan)|saludos|espero|si (?:tiene"
    r"|necesita)"
    r"|ciao|buongiorno|grazie|certo|certamente|ecco|cordiali|spero|se (?:ha|hai) (?:altre|bisogno)"
    r"|ola|obrigad[oa]|claro|aqui (?:estao|tem)|com os melhores|se (?:tiver|precisar)"
    r"|dank|natuurlijk|hier (?:is|zijn)|met vriendelijke|ik hoop|laat het)\b"
)
_TEXT = (
    r"(?:context|document|documents|text|leaflet|passage|source|sources|article|information|policy"
    r"|contract|page|table|excerpt|kontext|dokument|text|unterlagen|contexte|document|texte"
    r"|contexto"
    r"|documento|texto|contesto|testo)"
)
_HEDGE = re.compile(
    r"\bi (?:do not|don't|can't|cannot|could not|couldn't) (?:know|tell|say|find|see|confirm"
    r"|answer)\b"
    r"|\bi(?:'m| am) (?:not (?:sure|certain|aware)|unsure)\b|\bit is (?:not clear|unclear)\b"
    rf"|\b{_TEXT} (?:does|do|did)(?: not|n't) (?:say|mention|state|specify|provide|contain"
    rf"|include|tell"
    r"|give|name)\b"
    r"|\b(?:is|are|was|were)(?: not|n't) (?:mentioned|stated|specified|given|provided|known"
    r"|named)\b"
    r"|\b(?:there is )?no (?:information|mention)\b"
    r"|\b(?:weiss|kann) ich (?:leider )?nicht\b|\bich weiss (?:es )?nicht\b|\bich bin (?:mir "
    r")?nicht sicher\b"
    r"|\b(?:nicht|keine) (?:angegeben|genannt|erwahnt|bekannt|angaben|angabe|information)"
    rf"|\b{_TEXT} (?:nennt|enthalt|sagt) (?:kein|nicht)"
    r"|\bje ne sais pas\b|\bje ne suis pas (?:sure?|certaine?)\b|\bn'est pas (?:mentionne|precise"
    r"|indique)"
    r"|\bno lo se\b|\bno estoy segur|\bno se (?:menciona|indica|especifica)\b"
    r"|\bnon (?:lo )?so\b|\bnon sono sicur|\bnon (?:e|viene) (?:menzionat|indicat|specificat)"
    r"|\bnao sei\b|\bnao tenho certeza\b|\bnao (?:e|esta) (?:mencionad|indicad|especificad)"
    r"|\bik weet het niet\b|\bik ben niet zeker\b|\bniet (?:vermeld|genoemd|bekend)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence that claims something."""

    text: str
    """As it stands in the answer."""
    bare: str
    """Without sources, emphasis and line breaks: what is compared with the context."""
    start: int
    """Where it begins in the answer, in characters from 0."""
    meta: bool = False
    """True when it only leads to what follows, greets or offers help."""


def bare(text: str) -> str:
    """Drop what is no part of a statement: sources and emphasis."""
    words = " ".join(_MARKUP.sub(" ", SOURCE.sub(" ", text)).split())
    return re.sub(r" (?=[.,;:!?](?: |$))", "", words)


def claims(text: str) -> Iterator[Claim]:
    """Yield the sentences that claim something.

    No claims are headings, questions, and sentences that say that something is not known.
    Greetings, offers of help and announcements that end in a colon are ``meta``: only their facts
    count. What stands behind such an announcement ("Here is what it says: ...") is a claim again.
    """
    for piece in sentences(text):
        lead = _LEAD.match(piece.text)
        start = lead.end() if lead else 0
        said = bare(piece.text[start:])
        if piece.kind == "heading" or not said or said.endswith(("?", "\uff1f")):
            continue
        folded = fold(said[:400])
        if _HEDGE.search(folded):
            continue
        meta = said.endswith((":", "\uff1a")) or bool(_META.match(folded))
        colon = piece.text.find(":", start) + 1
        if meta and colon and len(piece.text[colon:].split()) > 2:
            meta, start, said = False, colon, bare(piece.text[colon:])
        yield Claim(text=piece.text[start:], bare=said, start=piece.start + start, meta=meta)


def announces(text: str) -> bool:
    """Tell whether a sentence only leads to what follows, so that its counts are no facts."""
    said = bare(text)
    return said.endswith((":", "\uff1a")) or bool(_META.match(fold(said[:400])))
