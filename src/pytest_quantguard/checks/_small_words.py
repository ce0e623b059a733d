"""Words by which statements are told apart, in seven languages: de, en, es, fr, it, nl, pt.

Tables only, folded like those of `_lexicon`: function words, numbers that are written out,
negations, opposites.
"""

from __future__ import annotations

from pytest_quantguard.checks._lexicon import words

STOP = (
    words(
        "a an the and or but nor so yet if then else than as at by for from in into of off on "
        "onto out over per to up upon via with within about above after against along among "
        "around before behind below beside between beyond despite down during except inside "
        "near since through throughout toward towards under until while where when which who "
        "whom whose what why how this that these those there here it its it's he him his she "
        "her they them their we us our you your i me my be is am are was were been being do "
        "does did done doing have has had having will would shall should can could may might "
        "must need needs not no never without only also too very more most much many less "
        "least few any some all both each every either neither other another such own same "
        "just even still already again once else however therefore thus hence moreover "
        "furthermore according because unless though although use used uses using make made "
        "makes making get gets give given gives go goes include included includes contain "
        "contains provide provided provides call called whether like well don doesn didn isn "
        "aren wasn weren won wouldn shouldn mustn couldn hasn haven hadn ll ve re qu jusqu "
        "lorsqu puisqu aujourd please currently generally overall specifically respectively"
    )
    | words(
        "der die das den dem des ein eine einer einen einem eines und oder aber denn sondern "
        "nicht kein keine keinen keiner nie ohne ist sind war waren sein wird werden wurde "
        "wurden hat haben hatte kann konnen darf durfen muss mussen soll sollen will mochte es "
        "er sie wir ihr ich du man sich mich mir uns euch ihnen ihm ihn ihre ihren ihrer sein "
        "seine seinen zu zum zur von vom mit bei bis fur auf aus an am im in nach vor uber "
        "unter durch gegen um seit wahrend wenn weil dass ob als wie so auch nur noch schon "
        "sehr mehr dann da dort hier dieser diese dieses diesen diesem jeder jede jedes alle "
        "welche"
    )
    | words(
        "le la les l' un une des du de d' et ou mais ni ne pas plus jamais sans que qui quoi "
        "dont est sont etait etre a ont avait avoir fait faire peut peuvent doit doivent va "
        "vont il elle ils elles on nous vous je tu se sa son ses leur leurs ce cet cette ces "
        "mon ma mes au aux en dans par pour sur sous avec chez entre vers depuis jusqu jusqu'a "
        "jusqu'au comme si aussi tres bien tout tous toute toutes y"
    )
    | words(
        "el los las lo una unos unas y o pero sino no nunca sin que quien cual es son era ser "
        "esta estan estar ha han haber puede pueden debe deben al del con por para en entre "
        "hasta desde sobre su sus este esta estos estas ese esa como si tambien muy mas ya se "
        "le les me te nos"
    )
    | words(
        "il lo gli i uno e ed o ma non mai senza che chi cui e sono era essere ha hanno avere "
        "puo possono deve devono di da dal dalla del dello della dei degli delle nel nella nei "
        "nelle al alla ai alle con per su sul sulla tra fra fino questo questa questi queste "
        "si anche molto piu come se"
    )
    | words(
        "o os as um uma e ou mas nao nunca sem que quem sao era ser esta estao tem pode podem "
        "deve devem do da dos das no na nos nas ao aos pelo pela com por para em entre ate "
        "desde sobre seu sua seus suas este esta estes estas como se tambem muito mais ja"
    )
    | words(
        "het een en of maar niet geen nooit zonder dat wie wat is zijn was waren wordt worden "
        "heeft hebben kan kunnen mag mogen moet moeten zal van voor met bij tot op uit aan te "
        "naar over door tegen om sinds als ook nog al zeer meer dan er hier daar deze dit die "
        "u uw hij zij wij"
    )
)
"""Function words of the seven languages: no claim rests on them."""

NUMBER_WORDS: dict[str, int] = {
    word: number
    for number, spellings in {
        2: "two zwei deux dos dois twee",
        3: "three drei trois tres drie",
        4: "four vier quatre cuatro quattro quatro",
        5: "five funf cinq cinco cinque vijf",
        6: "six sechs seis zes",
        7: "seven sieben siete sette sete zeven",
        8: "eight acht huit ocho otto oito",
        9: "nine neun nueve nove negen",
        10: "ten zehn dix diez dieci dez tien",
        11: "eleven elf",
        12: "twelve zwolf douze doce dodici doze twaalf",
        14: "fourteen vierzehn quatorze catorce quattordici veertien",
        15: "fifteen funfzehn quinze quince quindici vijftien",
        20: "twenty zwanzig vingt veinte venti vinte twintig",
        24: "twenty-four vierundzwanzig",
        30: "thirty dreissig trente treinta trenta trinta dertig",
        40: "forty vierzig quarante cuarenta quaranta quarenta veertig",
        50: "fifty funfzig cinquante cincuenta cinquanta cinquenta vijftig",
        60: "sixty sechzig soixante sesenta sessanta sessenta zestig",
    }.items()
    for word in spellings.split()
}
"""Numbers that are written out, where the word means nothing else in another language."""

ONE = words("one ein eine einen einem einer un une uno una um uma een")

NEGATIONS = words(
    "not no never none nobody nothing neither without cannot can't don't doesn't didn't isn't "
    "aren't wasn't weren't won't wouldn't shouldn't mustn't couldn't hasn't haven't hadn't "
    "nicht kein keine keinen keiner keinem nie niemals ohne nichts pas jamais aucun aucune "
    "sans sin nunca ningun ninguna non mai nessun nessuna senza nao sem nenhum nenhuma niet "
    "geen nooit zonder"
)
NEGATION_IDIOMS = (
    "not only",
    "no later than",
    "no more than",
    "no less than",
    "no fewer than",
    "no longer",
    "not more than",
    "not less than",
    "not necessarily",
    "nicht nur",
    "pas seulement",
    "non solo",
    "no solo",
    "nao so",
    "niet alleen",
)
"""Negations that deny nothing."""

OPPOSITES = frozenset(
    (one, other)
    for pair in words(
        "increase/decrease increased/decreased increases/decreases rise/fall rose/fell "
        "rises/falls up/down higher/lower above/below before/after more/less more/fewer "
        "most/least minimum/maximum first/last allowed/forbidden allowed/prohibited "
        "permitted/prohibited accepted/rejected approved/rejected included/excluded "
        "includes/excludes open/closed enable/disable enabled/disabled always/never "
        "mandatory/optional required/optional with/without praised/criticised won/lost "
        "bought/sold left/right vor/nach erlaubt/verboten gestiegen/gesunken mehr/weniger "
        "hoher/niedriger geoffnet/geschlossen mit/ohne avant/apres ouvert/ferme "
        "autorise/interdit antes/despues abierto/cerrado permitido/prohibido mas/menos "
        "prima/dopo aperto/chiuso aberto/fechado voor/na"
    )
    for one, other in (pair.split("/"), pair.split("/")[::-1])
)
"""Pairs of words that turn a statement round, in both orders."""
