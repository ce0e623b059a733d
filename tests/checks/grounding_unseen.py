"""More contexts and answers, labelled by hand, of other topics.

UNSEEN and LAST were each written when the checks were finished; the figures in the docs are those
of the first time that they were judged. What they showed was mended afterwards.
"""

from __future__ import annotations

from grounding_samples import GOOD, NEW, SWAP, pairs

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
