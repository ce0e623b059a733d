"""Contexts and answers, labelled by hand.

Each answer has two labels: is all that it claims supported by the context, and does it name a fact
(number, date, name, quotation ...) that stands nowhere in it? A swapped or negated fact is
unsupported, but not invented. KNOWN was written before the checks and used to make them; for the
others see `grounding_unseen`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    context: str
    answer: str
    supported: bool
    invented: bool
    why: str


GOOD, SWAP, NEW = "good", "swap", "new"
"""Supported; unsupported with facts that are all there; unsupported with an invented fact."""


def pairs(context: str, *answers: tuple[str, str, str]) -> list[Pair]:
    return [
        Pair(context, answer, label == GOOD, label == NEW, why) for label, why, answer in answers
    ]


KETTLE = """Product sheet. The Torardal kettle weighs 652 grams and holds 1.7 litres. It boils
one litre in 3 minutes and 20 seconds. The Torardal is made in Porto and costs 49.90 EUR. The
warranty is two years from the date of purchase. It must not be immersed in water. Spare lids
can be ordered from parts@torardal.example. The Pirarmora kettle weighs 870 grams and costs 79
EUR."""

POLICY = """Leave policy (valid from 1 January 2025). Employees receive 28 days of paid leave
per calendar year. Part-time employees receive leave in proportion to their hours. Up to 5
unused days may be carried over until 31 March of the following year. Requests are submitted to
the line manager at least two weeks in advance. Leave is not paid out, except when employment
ends. In the case of illness during leave, the days are credited again if a medical certificate
is presented on the first day."""

NEWS = """LISBON, 14 May 2024 - The city council approved the new tram line on Tuesday. The line
will run 11.4 kilometres from Santa Apolonia to Falagueira and have 21 stops. Construction is
expected to cost 160 million euros and to begin in 2026. Mayor Carlos Moreira said: "This line
will take 12,000 cars off the road every day." The opposition criticised that the northern
districts remain without a connection. Funding comes from the European Investment Bank and the
city itself."""

LEAFLET = """Dorapan 20 mg tablets. Adults take one tablet twice daily with food. Do not take
more than three tablets in 24 hours. Do not take Dorapan during pregnancy. Children under 12
years must not take Dorapan. Common side effects are headache and nausea. Store below 25 °C in
the original package. If you forget a dose, do not take a double dose."""

RECHNUNG = """Rechnung Nr. RE-2024-0817 vom 3. Juni 2024. Kunde: Möbelhaus Brandt GmbH,
Lindenstraße 12, 04109 Leipzig. Wir berechnen 40 Bürostühle zu je 129,50 EUR, zusammen 5.180,00
EUR. Zuzüglich 19 % Mehrwertsteuer (984,20 EUR) ergibt sich ein Gesamtbetrag von 6.164,20 EUR.
Der Betrag ist innerhalb von 30 Tagen ohne Abzug zu zahlen. Bei Zahlung innerhalb von 10 Tagen
gewähren wir 2 % Skonto. Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum."""

MUSEE = """Le musée Arlaud est ouvert du mardi au dimanche, de 10 h à 18 h. Il est fermé le
lundi et le 1er janvier. L'entrée coûte 12 euros, 8 euros pour les étudiants ; elle est gratuite
pour les enfants de moins de 7 ans. Les chiens ne sont pas admis. L'exposition « Lumières du
Nord » présente 64 tableaux de la peintre Ingrid Solheim jusqu'au 30 septembre 2025."""

TABLE = """Answer from the table.

| Region | Revenue 2023 (EUR) | Revenue 2024 (EUR) | Head of sales |
|---|---|---|---|
| North | 1,250,000 | 1,400,000 | Mira Holm |
| South | 980,000 | 910,000 | Jonas Weber |
| West | 2,100,000 | 2,350,000 | Aisha Khan |

Question: how did the regions do?"""

DOCS = """[doc-1] The Monarvik drill needs 510 watts and lasts 27 hours on one battery.
[doc-2] The Kasolan saw needs 657 watts. It bears the part number 284258.
[doc-3] The Kasolan saw was recalled in March 2023 because of a faulty switch.
[doc-4] Both tools may be returned within 30 days.
Question: what do you know about the Kasolan?"""

ROUTER = """To reset the router, hold the WPS button for ten seconds until the lamp blinks red.
All settings are deleted. Then open http://router.example/setup and enter the code on the label.
The default user is admin. Firmware 4.2.1 or later is needed for mesh mode. Mesh mode works with
at most six devices. If the lamp stays red, contact support at +49 30 5550 1234."""

KNOWN = [
    *pairs(
        KETTLE,
        (GOOD, "verbatim", "The Torardal kettle weighs 652 grams and holds 1.7 litres."),
        (GOOD, "paraphrase", "It takes 3 minutes and 20 seconds to boil a litre of water."),
        (GOOD, "paraphrase", "The kettle's weight is 652 g, and it is produced in Porto."),
        (GOOD, "two facts", "The Torardal costs 49.90 EUR; the Pirarmora is 79 EUR."),
        (GOOD, "words for digits", "It comes with a warranty of 2 years."),
        (
            GOOD,
            "meta and greeting",
            "Sure! Here is a summary:\n\n- The Torardal weighs 652 g.\n- It holds 1.7 l.\n\nLet me "
            "know if you need more.",
        ),
        (GOOD, "negation kept", "Do not immerse the kettle in water."),
        (GOOD, "address", "Write to parts@torardal.example for spare lids."),
        (NEW, "digit", "The Torardal kettle weighs 625 grams."),
        (SWAP, "swapped", "The Pirarmora kettle weighs 652 grams."),
        (NEW, "place", "The Torardal is made in Lyon."),
        (NEW, "added sentence", "The Torardal weighs 652 grams. It won the Red Dot award in 2019."),
        (SWAP, "negation lost", "It must be immersed in water."),
        (NEW, "address", "Spare lids can be ordered from spares@torardal.example."),
        (NEW, "duration", "The warranty is five years from the date of purchase."),
        (SWAP, "no facts, other topic", "The handle stays cool because it is made of beech wood."),
    ),
    *pairs(
        POLICY,
        (GOOD, "verbatim", "Employees receive 28 days of paid leave per calendar year."),
        (
            GOOD,
            "paraphrase",
            "You may carry over up to five unused days, until 31 March of the next year.",
        ),
        (GOOD, "paraphrase", "Requests go to the line manager two weeks in advance at least."),
        (
            GOOD,
            "conditional",
            "If you fall ill during leave, the days are credited again, "
            "provided that you present a medical certificate on the first day.",
        ),
        (GOOD, "date form", "The policy has been valid since 2025-01-01."),
        (GOOD, "negation", "Leave is not paid out unless employment ends."),
        (NEW, "number", "Employees receive 30 days of paid leave per calendar year."),
        (NEW, "date", "Up to 5 unused days may be carried over until 30 June."),
        (SWAP, "negation", "Leave is paid out, except when employment ends."),
        (SWAP, "invented rule", "Managers must answer a request within three working days."),
        (NEW, "invented number", "Requests are submitted at least 6 weeks in advance."),
        (SWAP, "swapped", "Up to 28 unused days may be carried over."),
    ),
    *pairs(
        NEWS,
        (
            GOOD,
            "summary",
            "Lisbon's city council approved a new tram line of 11.4 km with 21 stops.",
        ),
        (GOOD, "date form", "The decision was made on 14 May 2024."),
        (
            GOOD,
            "quote",
            'According to Mayor Moreira, "This line will take 12,000 cars off the road every day."',
        ),
        (
            GOOD,
            "amount form",
            "The cost is expected to be €160 million, and construction begins in 2026.",
        ),
        (GOOD, "funding", "The European Investment Bank and the city fund the line."),
        (NEW, "amount", "Construction is expected to cost 180 million euros."),
        (NEW, "name", "Mayor Carlos Pereira praised the line."),
        (NEW, "quote", 'The mayor said: "We are proud of this great day for Lisbon."'),
        (NEW, "scale", "Construction is expected to cost 160 billion euros."),
        (NEW, "place", "The line will run from Santa Apolonia to Oeiras."),
        (SWAP, "reversed", "The opposition praised that the northern districts get a connection."),
        (SWAP, "swapped numbers", "The line will have 12,000 stops."),
        (NEW, "year", "Construction is expected to begin in 2027."),
    ),
    *pairs(
        LEAFLET,
        (GOOD, "verbatim", "Adults take one tablet twice daily with food."),
        (GOOD, "paraphrase", "Never take more than 3 tablets within 24 hours."),
        (GOOD, "paraphrase", "Dorapan must not be taken during pregnancy or by children under 12."),
        (
            GOOD,
            "hedge",
            "I am not sure about alcohol; the leaflet does not say. Side effects are "
            "headache and nausea.",
        ),
        (NEW, "dose", "Adults take one 40 mg tablet twice daily with food."),
        (SWAP, "negation", "Take Dorapan during pregnancy."),
        (SWAP, "negation", "If you forget a dose, take a double dose."),
        (SWAP, "invented", "Dorapan also lowers blood pressure and helps you sleep."),
        (NEW, "temperature", "Store below 30 °C in the original package."),
        (NEW, "age", "Children under 24 years must not take Dorapan."),
    ),
    *pairs(
        RECHNUNG,
        (GOOD, "verbatim", "Der Gesamtbetrag beträgt 6.164,20 EUR."),
        (GOOD, "paraphrase", "Die Rechnung RE-2024-0817 wurde am 03.06.2024 ausgestellt."),
        (GOOD, "paraphrase", "Bei Zahlung innerhalb von 10 Tagen gibt es 2 % Skonto."),
        (GOOD, "english", "The invoice RE-2024-0817 totals 6,164.20 EUR."),
        (
            GOOD,
            "paraphrase",
            "Bis zur vollständigen Bezahlung bleibt die Ware Eigentum des Verkäufers.",
        ),
        (NEW, "digits", "Der Gesamtbetrag beträgt 6.146,20 EUR."),
        (NEW, "identifier", "Es geht um die Rechnung RE-2024-0871."),
        (NEW, "name", "Kunde ist das Möbelhaus Krüger GmbH in Leipzig."),
        (SWAP, "swapped", "Der Betrag ist innerhalb von 10 Tagen ohne Abzug zu zahlen."),
        (NEW, "percent", "Zuzüglich 16 % Mehrwertsteuer."),
    ),
    *pairs(
        MUSEE,
        (GOOD, "verbatim", "Le musée est fermé le lundi."),
        (GOOD, "paraphrase", "L'entrée est gratuite pour les enfants de moins de 7 ans."),
        (GOOD, "paraphrase", "Les étudiants paient 8 euros."),
        (GOOD, "date", "L'exposition d'Ingrid Solheim dure jusqu'au 30/09/2025."),
        (NEW, "price", "L'entrée coûte 15 euros."),
        (SWAP, "negation", "Les chiens sont admis."),
        (NEW, "name", "L'exposition présente 64 tableaux de la peintre Astrid Lunde."),
        (SWAP, "swapped", "L'entrée coûte 8 euros, 12 euros pour les étudiants."),
    ),
    *pairs(
        TABLE,
        (GOOD, "row", "Revenue in the North rose from 1,250,000 EUR to 1,400,000 EUR."),
        (GOOD, "row", "In the South, led by Jonas Weber, revenue fell to 910,000 EUR in 2024."),
        (GOOD, "form", "West, with Aisha Khan as head of sales, made 2.35 million EUR in 2024."),
        (NEW, "number", "Revenue in the North rose to 1,500,000 EUR."),
        (SWAP, "row", "Revenue in the North was 2,350,000 EUR in 2024."),
        (SWAP, "row", "Jonas Weber is head of sales in the West."),
    ),
    *pairs(
        DOCS,
        (
            GOOD,
            "cited",
            "The Kasolan needs 657 watts [doc-2] and was recalled in March 2023 [doc-3].",
        ),
        (
            GOOD,
            "two sentences",
            "The Kasolan saw bears the part number 284258. It may be returned "
            "within 30 days [doc-4].",
        ),
        (SWAP, "swapped", "The Kasolan saw needs 510 watts [doc-2]."),
        (NEW, "digit", "It bears the part number 284528 [doc-2]."),
        (SWAP, "swapped", "The Monarvik drill was recalled in March 2023 [doc-3]."),
        (
            NEW,
            "cause",
            "The Kasolan was recalled in March 2023 because its Hitachi battery caught fire.",
        ),
    ),
    *pairs(
        ROUTER,
        (
            GOOD,
            "steps",
            "1. Hold the WPS button for 10 seconds.\n2. Wait until the lamp blinks red.\n"
            "3. Open http://router.example/setup and enter the code on the label.",
        ),
        (
            GOOD,
            "paraphrase",
            "Mesh mode needs firmware 4.2.1 or later and supports up to 6 devices.",
        ),
        (GOOD, "phone", "If the lamp stays red, call support: 030 55501234."),
        (NEW, "url", "Open http://router.example/login and enter the code."),
        (NEW, "version", "Firmware 4.3.1 or later is needed for mesh mode."),
        (NEW, "phone", "Contact support at +49 30 5550 1243."),
        (SWAP, "swapped", "Hold the WPS button for six seconds."),
        (SWAP, "invented", "Your Wi-Fi password is kept after the reset."),
    ),
]
