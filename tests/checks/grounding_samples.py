"""Contexts and answers, labelled by hand.

Each answer has two labels: is all that it claims supported by the context, and does it name a fact
(number, date, name, quotation ...) that stands nowhere in it? A swapped or negated fact is
unsupported, but not invented. KNOWN was written before the checks and used to make them. UNSEEN and
LAST are of other topics and were each written when the checks were finished; the figures in the
docs are those of the first time that they were judged. What they showed was mended afterwards.
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

BAKERY = """Our bakery opened in 1987 in the old station of Brennfeld. Every morning at 4:30 the
team of nine bakers starts with the rye loaves. On weekdays we sell about 1,100 rolls. The shop
closes at 18:00, on Saturdays at 13:00. Since 2019 all flour comes from the Ostertal mill, which
is 14 km away. We do not use any additives. Orders for wedding cakes are taken by Frau Lindner
at least three weeks ahead."""

FLIGHT = """Booking confirmation. Passenger: Ms Leila Haddad. Booking code K7PX2M. Flight LT 482
from Hamburg (HAM) to Lisbon (LIS), 9 September 2025, departure 06:45, arrival 09:20 local time.
Seat 14C. Checked baggage: one piece of up to 23 kg. Changes are possible until 24 hours before
departure for a fee of 60 EUR plus any fare difference. Refunds are not possible with this fare.
Online check-in opens 30 hours before departure."""

STUDY = """The trial included 412 patients with mild asthma at 17 clinics in Norway and Denmark.
Half of them received the new inhaler, the others a placebo. After 26 weeks, 31% of the treated
patients had at least one attack, compared with 44% in the placebo group. Two patients left the
trial because of a rash. The authors, led by Dr. Karin Solvang, conclude that larger trials are
needed before the inhaler can be recommended. The study was funded by the Norwegian Research
Council."""

CONTRACT = """Section 4. The tenant pays a monthly rent of 1,180 EUR, due on the third working
day of each month. Section 5. A deposit of 3,540 EUR is to be paid in three equal instalments.
Section 7. Pets other than small caged animals require the written consent of the landlord.
Section 9. Either party may terminate the contract with three months' notice. Section 11. The
tenant must not sublet the apartment without permission. Repairs of up to 120 EUR are borne by
the tenant."""

CIUDAD = """El ayuntamiento de Villarena aprobó ayer el presupuesto de 2025, que asciende a 84,6
millones de euros, un 3,2 % más que el año anterior. La mayor partida, 21 millones, se destina a
la limpieza y al transporte. La concejala Marta Quiroga anunció que se renovarán 36 autobuses.
La oposición votó en contra. El precio del billete sencillo no subirá y seguirá en 1,40 euros."""

GARANZIA = """La garanzia del tosaerba Verdino 400 dura 24 mesi dalla data di acquisto e copre i
difetti di fabbricazione. Non copre le lame e la batteria. Per una riparazione, il cliente
spedisce l'apparecchio con lo scontrino al centro assistenza di Parma. I tempi di riparazione
sono di circa 10 giorni lavorativi. Il numero verde è 800 555 019."""

HANDBUCH = """Die Pumpe Aquarel P3 fördert bis zu 3.600 Liter pro Stunde. Sie darf nur in
Süßwasser betrieben werden. Vor jeder Reinigung ist der Netzstecker zu ziehen. Der Filter muss
alle vier Wochen gereinigt werden. Die Pumpe darf nicht trocken laufen. Zulässig sind
Wassertemperaturen von 4 °C bis 35 °C. Ersatzfilter haben die Bestellnummer AQ-5521-F und kosten
12,90 Euro."""

API = """POST /v2/invoices creates an invoice. The field customer_id is required; due_date is
optional and defaults to 14 days after the request. The request limit is 120 requests per minute
and key. Invoices over 10,000 USD need the scope invoices:large. A created invoice cannot be
deleted, only voided. Errors are returned with the status 422 and a list of fields. Support:
api@ledgerly.example, documentation at https://docs.ledgerly.example/v2."""

UNSEEN = [
    *pairs(
        BAKERY,
        (GOOD, "paraphrase", "The bakery has been in the old Brennfeld station since 1987."),
        (GOOD, "paraphrase", "Baking begins at half past four with rye loaves."),
        (GOOD, "two", "The mill in Ostertal supplies all the flour. It lies 14 kilometres away."),
        (GOOD, "negation", "No additives are used."),
        (GOOD, "time form", "On Saturdays the shop closes at 1 pm."),
        (
            GOOD,
            "summary",
            "The bakery, which opened in 1987, employs nine bakers and sells roughly "
            "1,100 rolls on weekdays.",
        ),
        (NEW, "year", "The bakery opened in 1978."),
        (NEW, "name", "Wedding cakes are ordered from Frau Lindemann."),
        (NEW, "distance", "The flour comes from the Ostertal mill, which is 40 km away."),
        (SWAP, "swapped", "On weekdays the shop closes at 13:00."),
        (SWAP, "added", "The bakery is known for its croissants and its friendly service."),
        (SWAP, "negation", "We use additives in all loaves."),
        (NEW, "added", "Orders for wedding cakes are taken three weeks ahead. They cost 250 EUR."),
    ),
    *pairs(
        FLIGHT,
        (GOOD, "form", "Ms Haddad flies from Hamburg to Lisbon on 9/9/2025 with LT 482."),
        (GOOD, "time", "Departure is at 6:45 am and arrival at 9:20 am local time."),
        (
            GOOD,
            "paraphrase",
            "You can change the flight for 60 euros plus the fare difference, up to "
            "24 hours before departure.",
        ),
        (GOOD, "negation", "This fare cannot be refunded."),
        (GOOD, "list", "- Booking code: K7PX2M\n- Seat: 14C\n- Baggage: 1 piece, 23 kg"),
        (NEW, "code", "Your booking code is K7XP2M."),
        (NEW, "seat", "Your seat is 41C."),
        (SWAP, "swapped", "Online check-in opens 24 hours before departure."),
        (NEW, "weight", "You may check one piece of up to 32 kg."),
        (SWAP, "negation", "Refunds are possible with this fare."),
        (NEW, "place", "The flight goes to Porto on 9 September 2025."),
    ),
    *pairs(
        STUDY,
        (GOOD, "paraphrase", "412 patients at 17 clinics took part; they had mild asthma."),
        (
            GOOD,
            "numbers",
            "31 percent of the treated patients had an attack, against 44 percent with "
            "placebo, after 26 weeks.",
        ),
        (
            GOOD,
            "conclusion",
            "Dr. Solvang and her co-authors call for larger trials before recommending "
            "the inhaler.",
        ),
        (GOOD, "funding", "The Norwegian Research Council paid for the study."),
        (NEW, "percent", "13% of the treated patients had at least one attack."),
        (SWAP, "swapped", "After 26 weeks, 44% of the treated patients had at least one attack."),
        (NEW, "country", "The trial was run at 17 clinics in Norway and Sweden."),
        (SWAP, "reversed", "The authors conclude that the inhaler can be recommended."),
        (NEW, "count", "Five patients left the trial because of a rash and 3 because of fever."),
        (SWAP, "added", "The inhaler also improved the patients' sleep and mood."),
    ),
    *pairs(
        CONTRACT,
        (GOOD, "paraphrase", "The monthly rent is 1,180 EUR and is due on the third working day."),
        (GOOD, "paraphrase", "You need the landlord's written consent to keep a dog."),
        (
            GOOD,
            "paraphrase",
            "The contract can be terminated by either party with three months' notice.",
        ),
        (GOOD, "negation", "Subletting the apartment without permission is not allowed."),
        (GOOD, "amount", "The tenant bears repairs of up to 120 euros."),
        (NEW, "amount", "The deposit is 3,450 EUR."),
        (SWAP, "swapped", "The monthly rent is 3,540 EUR."),
        (SWAP, "negation", "The tenant may sublet the apartment without permission."),
        (NEW, "notice", "Either party may terminate the contract with six months' notice."),
        (SWAP, "who", "Repairs of up to 120 EUR are borne by the landlord."),
    ),
    *pairs(
        CIUDAD,
        (GOOD, "paraphrase", "El presupuesto de 2025 de Villarena es de 84,6 millones de euros."),
        (GOOD, "paraphrase", "El billete sencillo seguirá costando 1,40 euros."),
        (GOOD, "name", "Según la concejala Marta Quiroga, se renovarán 36 autobuses."),
        (NEW, "number", "El presupuesto asciende a 86,4 millones de euros."),
        (NEW, "name", "La concejala Laura Quintana anunció nuevos autobuses."),
        (SWAP, "negation", "El precio del billete sencillo subirá."),
        (NEW, "percent", "Es un 2,3 % más que el año anterior."),
    ),
    *pairs(
        GARANZIA,
        (GOOD, "paraphrase", "La garanzia dura 24 mesi e copre i difetti di fabbricazione."),
        (GOOD, "negation", "Le lame e la batteria non sono coperte."),
        (GOOD, "time", "La riparazione richiede circa 10 giorni lavorativi."),
        (NEW, "duration", "La garanzia dura 36 mesi dalla data di acquisto."),
        (SWAP, "negation", "La garanzia copre le lame e la batteria."),
        (NEW, "place", "L'apparecchio va spedito al centro assistenza di Modena."),
        (NEW, "phone", "Il numero verde è 800 555 091."),
    ),
    *pairs(
        HANDBUCH,
        (
            GOOD,
            "paraphrase",
            "Die Pumpe fördert 3600 Liter pro Stunde und ist nur für Süßwasser geeignet.",
        ),
        (GOOD, "paraphrase", "Reinigen Sie den Filter alle 4 Wochen."),
        (GOOD, "order", "Ersatzfilter (Bestellnummer AQ-5521-F) kosten 12,90 €."),
        (NEW, "number", "Die Pumpe fördert bis zu 6.300 Liter pro Stunde."),
        (SWAP, "negation", "Die Pumpe darf trocken laufen."),
        (NEW, "temperature", "Zulässig sind Wassertemperaturen von 4 °C bis 53 °C."),
        (NEW, "identifier", "Ersatzfilter haben die Bestellnummer AQ-5512-F."),
        (SWAP, "word", "Sie darf nur in Salzwasser betrieben werden."),
    ),
    *pairs(
        API,
        (GOOD, "paraphrase", "`due_date` is optional; by default it is 14 days after the request."),
        (GOOD, "limit", "Each key may send up to 120 requests per minute."),
        (GOOD, "negation", "You can't delete an invoice once it is created, but you can void it."),
        (GOOD, "address", "See https://docs.ledgerly.example/v2 or write to api@ledgerly.example."),
        (NEW, "limit", "The request limit is 210 requests per minute and key."),
        (NEW, "status", "Errors are returned with the status 400."),
        (NEW, "address", "See https://docs.ledgerly.example/v3."),
        (SWAP, "swapped", "The field due_date is required; customer_id is optional."),
        (SWAP, "negation", "A created invoice can be deleted."),
        (NEW, "amount", "Invoices over 1,000 USD need the scope invoices:large."),
    ),
]

GLACIER = """The Hovden glacier lost 2.3 metres of thickness between 2010 and 2020. Measurements
are taken every September by the university of Tromsborg. The glacier feeds the Lysa river,
which supplies drinking water to 38,000 people. In 2022 a lake formed at its lower end. The
valley road is closed from November to April because of avalanches. Visitors may walk on the ice
only with a guide."""

SOFTWARE = """Release notes, Kestrelo 8.2 (12 February 2026). Export to CSV is now up to 40%
faster. The dark mode follows the system setting. Projects can have at most 250 members. The old
sync service is switched off on 30 June 2026; clients below version 7.9 will no longer connect.
Known issue: printing from the tablet app crops the right margin. Thanks to Oluwaseun Adeyemi
for the report."""

BANK = """Dear customer, your account DE12 5001 0517 0648 4898 90 was charged 39.00 EUR on 2 May
2025 for the card ending in 4417. The annual fee is charged once a year. If you close the card
before 31 May, the fee is refunded. Withdrawals at machines of other banks cost 1% of the
amount, at least 5 EUR. Payments in foreign currency cost 1.75%. Our hotline 069 5555 2200 is
open from 8 am to 10 pm."""

ECOLE = """L'école Jean-Vilar accueille 312 élèves dans 13 classes. Les cours commencent à 8 h
30 et finissent à 16 h. La cantine coûte 3,80 euros par repas. Les inscriptions se font en
mairie avant le 15 avril. La directrice, Mme Fontaine, reçoit les parents le jeudi. Les
téléphones portables sont interdits."""

VEREIN = """Der Ruderclub Elsterwehr wurde 1926 gegründet und hat 214 Mitglieder. Der
Jahresbeitrag beträgt 180 Euro, für Jugendliche 90 Euro. Das Training findet dienstags und
freitags um 18 Uhr statt. Anfänger brauchen ein Schwimmabzeichen in Bronze. Die Boote dürfen nur
nach einer Einweisung genutzt werden. Vorsitzende ist Frau Dr. Petra Hollmann."""

LAST = [
    *pairs(
        GLACIER,
        (GOOD, "paraphrase", "From 2010 to 2020 the Hovden glacier became 2.3 metres thinner."),
        (GOOD, "paraphrase", "The university of Tromsborg measures the glacier each September."),
        (GOOD, "paraphrase", "About 38,000 people get their drinking water from the Lysa river."),
        (GOOD, "negation", "Without a guide, visitors may not walk on the ice."),
        (
            GOOD,
            "meta",
            "Here's what the text says: the valley road is closed from November to April.",
        ),
        (NEW, "digit", "The glacier lost 3.2 metres of thickness between 2010 and 2020."),
        (NEW, "name", "The glacier feeds the Lyra river."),
        (NEW, "month", "Measurements are taken every August 2021."),
        (SWAP, "negation", "Visitors may walk on the ice only without a guide."),
        (SWAP, "added", "Scientists expect that the glacier will vanish within this century."),
        (SWAP, "swapped", "In 2020 a lake formed at its lower end."),
    ),
    *pairs(
        SOFTWARE,
        (GOOD, "paraphrase", "CSV export is up to 40 percent faster in Kestrelo 8.2."),
        (
            GOOD,
            "paraphrase",
            "The old sync service ends on 30/06/2026, and clients older than 7.9 won't "
            "connect any more.",
        ),
        (GOOD, "limit", "A project can have up to 250 members."),
        (GOOD, "thanks", "The printing issue was reported by Oluwaseun Adeyemi."),
        (NEW, "percent", "Export to CSV is now up to 60% faster."),
        (NEW, "version", "Clients below version 7.8 will no longer connect."),
        (NEW, "name", "Thanks to Oluwaseun Adeyami for the report."),
        (SWAP, "reversed", "The dark mode ignores the system setting."),
        (SWAP, "added", "Printing from the desktop app crops the left margin."),
        (NEW, "date", "The old sync service is switched off on 30 July 2026."),
    ),
    *pairs(
        BANK,
        (GOOD, "paraphrase", "39 EUR were charged on 2 May 2025; it is the annual card fee."),
        (GOOD, "condition", "The fee is refunded if the card is closed before 31 May."),
        (
            GOOD,
            "paraphrase",
            "Withdrawing cash elsewhere costs 1 percent, but not less than 5 euros.",
        ),
        (GOOD, "iban", "The account is DE12500105170648489890."),
        (GOOD, "hours", "You can call the hotline on 069 55552200 between 8:00 and 22:00."),
        (NEW, "iban", "The account is DE12 5001 0517 0648 4889 90."),
        (NEW, "card", "The card ends in 4471."),
        (SWAP, "swapped", "Payments in foreign currency cost 1% of the amount."),
        (SWAP, "negation", "If you close the card before 31 May, the fee is not refunded."),
        (NEW, "hours", "The hotline is open from 9 am to 6 pm."),
        (SWAP, "added", "You can also freeze the card in the mobile app."),
    ),
    *pairs(
        ECOLE,
        (GOOD, "paraphrase", "L'école compte 312 élèves répartis dans 13 classes."),
        (GOOD, "prix", "Un repas à la cantine coûte 3,80 €."),
        (GOOD, "date", "Inscriptions en mairie avant le 15/04."),
        (NEW, "nombre", "L'école accueille 321 élèves."),
        (NEW, "nom", "La directrice, Mme Lafontaine, reçoit les parents le jeudi."),
        (SWAP, "negation", "Les téléphones portables ne sont pas interdits."),
        (SWAP, "invente", "Les cours de natation sont gratuits pour tous."),
    ),
    *pairs(
        VEREIN,
        (
            GOOD,
            "paraphrase",
            "Der Ruderclub Elsterwehr besteht seit 1926 und zählt 214 Mitglieder.",
        ),
        (GOOD, "paraphrase", "Jugendliche zahlen 90 Euro Jahresbeitrag."),
        (GOOD, "paraphrase", "Trainiert wird dienstags und freitags um 18:00."),
        (NEW, "zahl", "Der Club hat 241 Mitglieder."),
        (SWAP, "tausch", "Der Jahresbeitrag beträgt 90 Euro, für Jugendliche 180 Euro."),
        (SWAP, "negation", "Anfänger brauchen kein Schwimmabzeichen in Bronze."),
        (NEW, "name", "Vorsitzende ist Frau Dr. Petra Hollfeld."),
    ),
]
