"""Words that the content checks know, in seven languages: de, en, es, fr, it, nl, pt.

Tables only: months, units, currencies, function words, negations, opposites. Texts in these tables
are folded as `fold` does it, so that one look-up serves every spelling.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal


def fold(text: str) -> str:
    """Make spellings alike: no case, no accents, no ligatures, one kind of apostrophe and dash.

    >>> fold("Stra\N{LATIN SMALL LETTER SHARP S}e M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller")
    'strasse muller'
    """
    text = text.translate(_ALIKE)
    if text.isascii():
        return text.lower()
    split = normalized("NFKD", text.casefold())
    return "".join(char for char in split if not unicodedata.combining(char)).translate(_ALIKE)


def normalized(form: Literal["NFC", "NFKD"], text: str) -> str:
    """Return a Unicode normal form, in linear time.

    Marks on one letter are sorted pair by pair: of more than thirty in a row the others are
    dropped (UAX 15 calls that the stream-safe format).
    """
    return unicodedata.normalize(form, _MARKS.sub(r"\1", text))


_MARKS = re.compile(r"([^\x00-\x7f\w]{30})[^\x00-\x7f\w]+")
_ALIKE = str.maketrans(
    {
        **dict.fromkeys("\u2019\u2018\u02bc\u00b4\u2032`", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
        **dict.fromkeys("\u00a0\u202f\u2009\u2007", " "),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", None),
        **dict(zip("\u0131\u0142\u00f8\u0111", "ilod", strict=True)),
    }
)


def words(text: str) -> frozenset[str]:
    """Return the words of a table."""
    return frozenset(text.split())


# --- dates --------------------------------------------------------------------------------------

MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janner janvier janv enero ene gennaio janeiro januari",
            "february feb februar fevrier fevr febrero febbraio fevereiro fev februari",
            "march mar marz mars marzo marco maart mrt",
            "april apr avril avr abril abr aprile",
            "may mai mayo maggio maio mei",
            "june jun juni juin junio giugno giu junho",
            "july jul juli juillet juil julio luglio lug julho",
            "august aug aout agosto augustus",
            "september sep sept septembre septiembre settembre setembro",
            "october oct oktober okt octobre octubre ottobre ott outubro",
            "november nov novembre noviembre novembro",
            "december dec dezember dez decembre diciembre dic dicembre dezembro",
        ),
        start=1,
    )
    for name in names.split()
}
WEEKDAYS = words(
    "monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun "
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag lundi mardi "
    "mercredi jeudi vendredi samedi dimanche lunes martes miercoles jueves viernes sabado "
    "domingo lunedi martedi mercoledi giovedi venerdi sabato domenica segunda terca quarta "
    "quinta sexta maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"
)

# --- amounts ------------------------------------------------------------------------------------

CURRENCIES: dict[str, frozenset[str]] = {
    **{
        code.lower(): frozenset({code})
        for code in words(
            "USD EUR GBP CHF JPY CNY CAD AUD NZD SEK NOK DKK PLN CZK HUF INR BRL MXN KRW TRY "
            "RUB ZAR SGD HKD ILS AED"
        )
    },
    **dict.fromkeys(
        ("$", "dollar", "dollars", "dolares", "dolar"), words("USD CAD AUD NZD SGD HKD MXN")
    ),
    **dict.fromkeys(("us$", "us-dollar"), words("USD")),
    **dict.fromkeys(("\u20ac", "euro", "euros"), words("EUR")),
    **dict.fromkeys(("\u00a3", "sterling"), words("GBP")),
    **dict.fromkeys(("pound", "pounds", "pfund", "livres"), words("GBP lb")),
    **dict.fromkeys(("\u00a5", "yen", "yuan", "rmb"), words("JPY CNY")),
    **dict.fromkeys(("franken", "franc", "francs", "fr", "sfr"), words("CHF")),
    **dict.fromkeys(("kr", "krone", "kronen", "kronor", "kroner"), words("SEK NOK DKK")),
    **dict.fromkeys(("\u20b9", "rupee", "rupees", "rs"), words("INR")),
    **dict.fromkeys(("zl", "zloty", "zlotys"), words("PLN")),
    **dict.fromkeys(("r$", "reais"), words("BRL")),
    **dict.fromkeys(("\u20a9",), words("KRW")),
    **dict.fromkeys(("\u20bd", "rubel", "ruble", "rubles"), words("RUB")),
    "cent": words("cent"),
    "cents": words("cent"),
    "ct": words("cent"),
}
SCALES: dict[str, int] = {
    **dict.fromkeys(("thousand", "tausend", "tsd", "mille", "mil", "mila", "duizend", "k"), 3),
    **dict.fromkeys(
        (
            "million",
            "millions",
            "mio",
            "mln",
            "mn",
            "millionen",
            "millones",
            "milione",
            "milioni",
            "milhao",
            "milhoes",
            "miljoen",
        ),
        6,
    ),
    **dict.fromkeys(
        (
            "billion",
            "billions",
            "bn",
            "milliarde",
            "milliarden",
            "mrd",
            "milliard",
            "milliards",
            "miliardo",
            "miliardi",
            "miljard",
        ),
        9,
    ),
    **dict.fromkeys(("trillion", "trillions"), 12),
    "lakh": 5,
    "crore": 7,
}
PERCENT = words("% percent prozent pourcent porciento procent pct")

# --- units --------------------------------------------------------------------------------------

UNITS: dict[str, str] = {
    word: unit
    for unit, spellings in {
        "mg": "mg milligram milligrams milligramm milligramme milligrammes",
        "g": "g gr gram grams gramm gramme grammes gramo gramos grammi grammo gramas",
        "kg": "kg kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes",
        "t": "t tonne tonnes tonnen tons ton",
        "lb": "lb lbs",
        "oz": "oz ounce ounces unzen",
        "mm": "mm millimeter millimeters millimetre millimetres",
        "cm": "cm centimeter centimeters centimetre centimetres zentimeter",
        "m": "m meter meters metre metres metro metros metri",
        "km": "km kilometer kilometers kilometre kilometres kilometros chilometri quilometros",
        "in": "inch inches zoll",
        "ft": "ft foot feet",
        "mi": "mi mile miles meilen",
        "ml": "ml milliliter milliliters millilitre millilitres",
        "l": "l liter liters litre litres litro litros litri",
        "m2": "m2 sqm qm",
        "m3": "m3",
        "s": "s sec secs second seconds sekunde sekunden seconde secondes segundos secondi",
        "ms": "ms millisecond milliseconds millisekunden",
        "min": "min mins minute minutes minuten minutos minuti minuut",
        "h": "h hr hrs hour hours std stunde stunden heure heures hora horas ora ore uur",
        "day": "day days tag tage tagen jour jours dia dias giorno giorni dag dagen",
        "week": "week weeks woche wochen semaine semaines semana semanas settimana settimane weken",
        "month": "month months monat monate monaten mois mes meses mese mesi maand maanden",
        "year": "year years yr yrs jahr jahre jahren ans annee annees ano anos anni anno jaar",
        "\u00b0C": "\u00b0c celsius",
        "\u00b0F": "\u00b0f fahrenheit",
        "\u00b0": "\u00b0 degrees degree grad",
        "W": "w watt watts",
        "kW": "kw kilowatt kilowatts",
        "kWh": "kwh",
        "V": "v volt volts",
        "A": "a amp amps ampere amperes",
        "mAh": "mah",
        "Hz": "hz hertz",
        "MHz": "mhz",
        "GHz": "ghz",
        "B": "byte bytes",
        "kB": "kb",
        "MB": "mb megabyte megabytes",
        "GB": "gb gigabyte gigabytes",
        "TB": "tb terabyte terabytes",
        "MiB": "mib",
        "GiB": "gib",
        "bar": "bar",
        "hPa": "hpa",
        "kPa": "kpa",
        "rpm": "rpm",
        "km/h": "km/h kmh kph",
        "mph": "mph",
        "kcal": "kcal",
        "lm": "lm lumen lumens",
        "dB": "db",
    }.items()
    for word in spellings.split()
}

# --- words that are capitalised, but name nobody --------------------------------------------------

NO_NAMES = (
    MONTHS.keys()
    | WEEKDAYS
    | words(
        "i i'm i'll i've i'd ok okay faq pdf url uri api html css json xml csv sql http https "
        "id ids cpu gpu ram usb wifi wi-fi vat iban bic pin sms usd eur gbp chf am pm a.m p.m "
        "ceo cto hr it q&a tbd asap fyi eta diy tv pc mr mrs ms dr prof herr herrn frau mme "
        "mlle sr sra dear hello hi hallo bonjour hola ciao ola best kind regards sincerely "
        "thanks thank cheers liebe lieber sehr geehrte geehrter freundliche grusse mit viele "
        "danke merci cordialement gracias saludos grazie saluti obrigado met vriendelijke "
        "groet sie ihr ihre ihren ihrer ihrem ihnen du step note notes tip warning important "
        "summary conclusion overview example answer question yes no sure of the a an and or "
        "but for in on at to from with by as is are was agb plz mwst ust gmbh ag inc ltd llc "
        "internet god english german french spanish italian portuguese dutch deutsch"
    )
)
"""Salutations, months, languages, common abbreviations: folded."""

TITLES = words(
    "mr mrs ms miss dr prof professor sir herr herrn frau mme mlle monsieur madame sr sra "
    "senor senora signor signora dott don dona mevrouw meneer firma familie family captain "
    "judge president"
)
"""A name follows."""

ORDERS = words(
    "summarize summarise translate write refund list explain tell give find show describe "
    "compare answer extract rewrite reply create generate draft send call ask check cancel "
    "book order read use using please when where what who why which how does did can could "
    "should would is are was has have had do will if the a an this that these those my your "
    "our his her their its it he she we they there here in on at for from with by to as after "
    "before since during and or but not no yes also however so then about according based "
    "under over both all each every most some any der die das ein eine einer ist sind war hat "
    "haben wird werden wann wo was wer warum welche wie bitte nenne schreibe fasse erklare "
    "ubersetze le la les un une des est sont qui que quel quelle ou quand comment pourquoi el "
    "los las una es son quien cual donde cuando como por il lo gli i uno e sono chi quale dove "
    "quando come perche o os as um uma sao quem qual onde quando het een zijn wie waar wanneer "
    "hoe waarom welke"
)
"""Words that open a sentence and belong to no name, even when a name follows."""

GERMAN = words(
    "der die das und ist nicht ein eine einen einer eines den dem fur mit auf zu zur zum wir "
    "sie von im vom werden wird sind bis bei oder sich auch nach aus ihr"
)
