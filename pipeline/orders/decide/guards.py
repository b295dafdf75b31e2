"""Columns that say that some lines are no purchases, or that money is in several currencies: to be asked about."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from pipeline.orders.mapping import NOT_EMPTY
from pipeline.orders.names import normalised
from pipeline.orders.numbers import MISSING, SIGNS, NumberEvidence, NumberFormat

_CURRENCY = re.compile(
    r"(.*currency(code|iso)?|cur|curr|ccy|wkz|waers|waerk|wahrung|waehrung|wahrg|devise|moneda|moeda|divisa|valuta)"
)
_CURRENCIES = {  # of ISO 4217
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF",
    "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC",
    "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS",
    "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK",
    "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD",
    "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN",
    "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON",
    "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC",
    "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS",
    "VES", "VND", "VUV", "WST", "XAF", "XCD", "XOF", "XPF", "YER", "ZAR", "ZMW", "ZWL",
}  # fmt: skip
_WORDS = {"ALL", "BAM", "BOB", "COP", "CUP", "GEL", "MAD", "MOP", "PEN", "RON", "SOS", "TOP", "TRY"}  # and names
_STATUS = re.compile(
    r".*(status|statut|eventtype|eventname|transactiontype|ordertype|invoicetype|orderstate|(?<!po)stage|zustand|belegart|documenttype)|status.*|state|type|kind|event|action|metric|activity|estado|estado(del?)?pedido|etat|etat(de)?(la)?commande|tipo|typ|stato.*|situacao.*|situacion.*|sh|sollhaben.*|drcr|crdr|debitcredit.*|creditdebit.*"
)
_SURE = re.compile(
    r"(order|payment|financial|transaction|sale|sales|invoice|bestell|auftrags)?(status|statut)|statut(de)?(la)?commande|orderstate|stato|statoordine|orderstatus|bestelstatus|estado|estado(del?)?pedido|etat(de)?(la)?commande|situacao|situacion|sh|sollhaben.*|drcr|crdr|debitcredit.*|creditdebit.*"
)
_NOT_ORDERS = re.compile(
    r"fulfil|ship|courier|carrier|deliver|versand|liefer|livraison|marital|envio|entrega|spedizione|consegna|lever|verzend|bezorg|stock|inventory|customer|member|loyal|product|item(type)|email|mail"
)
_FLAG = re.compile(
    r"istest|^test$|testorder|testmode|deleted|fraud|cancel|annul|stornier|storno|void|refund|erstattet|rembours|reembols|chargeback|returned|returnamount|returnvalue|isreturn|^returns?$|devuelto|devolvido|reso$|restituit|rimbors|terugbetaal|retour|unavailable"
)
_PAID = re.compile(
    r"(is|was|order)?(paid|captured|confirmed|completed|authori[sz]ed|approved|valid|live|livemode|bezahlt|paye|pagado|"
    r"pago|pagato|betaald)(flag)?"
)
_DEDUCTION = re.compile(
    r"(lineitem|line|item|order|total)?(discounts?|rabatt|remise|descuento|desconto|sconto|korting)(amount|betrag|value|total|percent|percentage|pct|rate)?"
)
_NOT_FLAG = re.compile(r"policy|reasoncode$|returning|window|deadline|allowed|ratio|rate$|count$")

_NO_PURCHASE = re.compile(
    r"cancel|annul|stornier|refund|erstatt|rembours|reembols|devol|devuel|return|retour|void|fail|fehlgeschl|declin|"
    r"denied|reject|pending|"
    r"offen|ausstehend|unpaid|unbezahlt|impay|en attente|pendient|pendente|rimbors|\breso\b|restituit|"
    r"fallit|in attesa|scadut|bozza|terugbetaald|terugbetaling|mislukt|"
    r"in afwachting|openstaand|vervallen|concept|on.?hold|holded|"
    r"draft|entwurf|trash|\btest|fraud|charge.?back|"
    r"credit.?(note|memo)|gutschrift|avoir|not[ae] d[ei] cr[eé]dito|creditnota|creditfactuur|reversal|"
    r"disput|expired|expirad|estorn|abandon|incomplete|unavailable|error|blocked|(\b|_)view|begin.?checkout|session.?start|first.?visit|\bscroll|\bcart\b|add.?to.?cart|remove|quot(e|ation)|angebot|\bdevis\b|presupuesto|cotizaci|orçamento|preventivo|offerte|requires_|abgebrochen|canceled|"
    r"\bopened\b|\bclick(?!.{0,5}collect)|"
    r"\b(un)?subscribed\b|\bbounced?\b|wish.?list|start(ed)? checkout|checkout started|"
    r"\blost\b|withdraw|\bpayout|^transfer$|\bfee$|not.?paid|awaiting.?payment|recusad|"
    r"anulowan|zwrot|zwróc|ptal( edildi)?$|^i\u0307?ade|отмен|возврат|"
    r"キャンセル|取消|返品|返金|关闭|退款|退货|취소|반품|환불|"
    r"avbrut|makuler|återbetal|kanseller|afbrudt|peruttu|palautettu|zrušen|stornov|töröl|visszatér|"
    r"ακυρ|επιστρ|huỷ|hủy|ยกเลิก|מבוטל|ملغ"
)  # fmt: skip
_TAKES_BACK = re.compile(
    r"refund|return|erstatt|rembours|reembols|rimbors|devol|devuel|retour|storno|"
    r"credit.?(note|memo)|gutschrift|avoir|not[ae] d[ei] cr[eé]dito|creditnota|creditfactuur|reversal"
)
# What hardly stands in a column for any other reason; in a column of any name. What can be refunded is not, and the
# bare Rembours and Reembolso are ways to pay.
_SAYS_SO = re.compile(
    r"(order |wc-|payment )?("
    r"cancel(l?ed|lation|ad[oa]s?)?|annul(l?ed|[ée]e?s?|lat[oa]|iert|leret|lert|lation)|stornier(t|te|ung)|"
    r"refund(ed|s)?|erstattet|erstattung|rembours[ée]e?s?|reembolsad[oa]s?|"
    r"devolvid[oa]s?|devoluci[oó]n(es)?|devolu[cç][aã]o|devuelt[oa]s?|rimborsat[oa]|rimborso|"
    r"terugbetaald|geannuleerd|anulowan\w|zwrócon\w|"
    r"отмена|отмен[её]н(а|о|ы|ный|ная|ное)?|возврат|возвращ[её]н(а|о|ы)?|"
    r"キャンセル(済み?)?|取消(済み?|订单|訂單)?|已取消|交易关闭|已退款|(주문 ?)?취소(됨|완료)?|환불(됨|완료)?|"
    r"avbrut(en|et|na|t)|makuler(ad|at|t)|återbetal(ad|d|t|ning)|kanseller(ad|t)|peruttu|zrušen\w?|stornov[aá]n\w?|"
    r"töröl(t|ve)|ακυρω(μέν\w{1,2}|ση)|ακυρώθηκε|ακύρωση|hủy)|"
    r"(i\u0307|ı|i)?ptal( edildi)?|i\u0307?ade( edildi)?"
)  # fmt: skip
_PURCHASE = re.compile(
    r"complete[d]?|paid|partially.?paid|partial|shipped|delivered|fulfilled|unfulfilled|closed|processing|processed|succeeded|success|successful|active|"
    r"approved|done|finished|finali[sz]ed|invoiced|confirmed|captured|settled|received|resolved|in.?process|authori[sz]ed|ok|sold|purchased?|"
    r"orders?|sales?|transactions?|click.{0,5}collect|(order|purchase) placed|placed order|"
    r"bezahlt|versendet|versandt|geliefert|abgeschlossen|erledigt|bezahlung.*|paye?e?|payee?|livree?|expediee?|terminee?|validee?|"
    r"completad[oa]|pagad[oa]|enviad[oa]|entregad[oa]|pago|entregue|concluid[oa]|finalizad[oa]|aprobad[oa]|aprovad[oa]|completat[oa]|"
    r"pagat[oa]|spedit[oa]|consegnat[oa]|evas[oa]|conclus[oa]|afgerond|voltooid|betaald|verzonden|geleverd|wc-completed|wc-processing|"
    r"created|new|open|sales orders?|locked"
)  # fmt: skip
_TRUE = {"true", "1", "yes", "y", "t", "ja", "j", "wahr", "oui", "o", "vrai", "si", "sí", "s", "sim", "x", "1.0"}
_FALSE = {"false", "0", "no", "n", "f", "nein", "falsch", "non", "faux", "nao", "não", "", "0.0"}
MOST_VALUES = 60
_NOTHING = {word.upper() for word in MISSING}
_SAYS_NO = "says that some lines are no purchases"


@dataclass(frozen=True)
class Guard:
    """A column of the file that has to be looked at: `kind` is currency, status, listed, paid, deduction or flag.

    One that is listed has values in a known export's list of those that are no purchases.

    Where it is looked at for what it holds only, `by_words`, its other words may say anything.
    """

    name: str
    position: int
    kind: str
    by_words: bool = False


@dataclass(frozen=True)
class Value:
    """A value of such a column, how many lines have it, and their money as far as it can be read."""

    text: str
    lines: int
    money: Decimal | None

    @property
    def shown(self) -> str:
        money = f", {self.money:,.2f}" if self.money is not None else ""
        return f"{self.text or '(empty)'}: {self.lines:,} line{'s' * (self.lines != 1)}{money}"


@dataclass(frozen=True)
class Doubt:
    """What has to be asked of a column: its values, and the settings that answer.

    Lines that take back what was paid, `takes_back`, are likelier to be counted than left out.
    """

    guard: Guard
    says: str
    values: tuple[Value, ...]
    answers: tuple[tuple[str, dict[str, Any]], ...]
    takes_back: bool = False


def find(
    names: Sequence[str], settled: Sequence[str], discounts: Sequence[str] = (), listed: Sequence[str] = ()
) -> list[Guard]:
    """The columns to look at, but for those that the mapping has settled already.

    `discounts` are known to be some, as are those that are `listed`.
    """
    found = []
    for position, name in enumerate(names):
        spelled = normalised(name)
        if name in settled or not spelled:
            continue
        if name in listed:
            found.append(Guard(name, position, "listed"))
        elif _PAID.fullmatch(spelled):
            found.append(Guard(name, position, "paid"))
        elif name in discounts or _DEDUCTION.fullmatch(spelled):
            found.append(Guard(name, position, "deduction"))
        elif _CURRENCY.fullmatch(spelled):
            found.append(Guard(name, position, "currency"))
        elif _FLAG.search(spelled) and not _NOT_FLAG.search(spelled):
            found.append(Guard(name, position, "flag"))
        elif _STATUS.fullmatch(spelled) and not _NOT_ORDERS.search(spelled):
            found.append(Guard(name, position, "status"))
    return found


def telling(names: Sequence[str], rows: Sequence[Sequence[str | None]], known: Collection[str]) -> list[Guard]:
    """Columns of other names, in whatever language, of few values that are currencies, or say what is no purchase."""
    found = []
    for position, name in enumerate(names):
        if not name or name in known or _NOT_ORDERS.search(normalised(name)):
            continue
        values: set[str] = set()
        for row in rows:
            values.add(row[position] or "")
            if len(values) > MOST_VALUES:
                break
        else:
            if any(_SAYS_SO.fullmatch(normal(value)) for value in values):
                found.append(Guard(name, position, "status", by_words=True))
            elif len(named := {value.strip().upper() for value in values} - _NOTHING) > 1 and _are_currencies(named):
                found.append(Guard(name, position, "currency"))
    return found


def _are_currencies(named: set[str]) -> bool:
    return named <= _CURRENCIES and not named <= _WORDS


def judge(guard: Guard, values: Sequence[Value], revenue: str) -> Doubt | None:
    """The doubt that these values give rise to, if any; `revenue` is the column of money as the mapping has it."""
    if guard.kind == "currency":
        return _currencies(guard, values)
    if guard.kind == "status":
        return _status(guard, values)
    if guard.kind == "deduction":
        return None
    if guard.kind == "paid":
        return _paid(guard, values)
    return _flag(guard, values, revenue)


def _currencies(guard: Guard, values: Sequence[Value]) -> Doubt | None:
    if len(currencies(values)) < 2:
        return None
    named = [value for value in values if value.text and value.text.upper() not in _NOTHING]
    most = max(named, key=lambda value: value.lines)
    return Doubt(
        guard,
        "names several currencies, which cannot be added up",
        tuple(values),
        tuple(("only", {guard.name: [value.text]}) for value in sorted(named, key=lambda v: v is not most)[:3]),
    )


def currencies(values: Sequence[Value]) -> set[str]:
    """What is named in a column of currencies: by letters, a sign or ISO's three digits; nothing where it is money."""
    named = {value.text.upper() for value in values} - _NOTHING
    is_money = not NumberEvidence.of(named).others and not all(re.fullmatch(r"\d{3}", text) for text in named)
    return set() if is_money else named


def _status(guard: Guard, values: Sequence[Value]) -> Doubt | None:
    if len(values) > MOST_VALUES:
        return None
    named = [value for value in values if value.text]
    is_one_for_most = len(named) == 1 and named[0].lines * 2 > sum(value.lines for value in values)
    says_no = _SAYS_SO.fullmatch if guard.by_words else _NO_PURCHASE.search
    bad = [value for value in values if says_no(normal(value.text))]
    strange = [value for value in named if value not in bad and not _PURCHASE.fullmatch(normal(value.text))]
    if bad:
        says = _SAYS_NO
    elif strange and not is_one_for_most and _SURE.fullmatch(normalised(guard.name)):
        says = "may say that some lines are no purchases"
    else:
        return None
    # The most frequent is hardly no purchase where nothing is known of any.
    proposed = [value.text for value in bad or (strange if len(strange) < len(values) else strange[1:])]
    takes_back = bool(bad) and all(_TAKES_BACK.search(normal(v.text)) and v.money and v.money < 0 for v in bad)
    return Doubt(guard, says, tuple(values), (("leave_out", {guard.name: proposed}),), takes_back)


def unlisted(guard: Guard, values: Sequence[Value], listed: Sequence[str]) -> Doubt | None:
    """The doubt about values that a known export's list lacks; what was refunded in part was a purchase."""
    texts = [(value.text, normal(value.text)) for value in values]
    bad = [text for text, spelled in texts if _NO_PURCHASE.search(spelled) and not re.search("part|parc", spelled)]
    return Doubt(guard, _SAYS_NO, tuple(values), (("leave_out", {guard.name: [*listed, *bad]}),)) if bad else None


def _paid(guard: Guard, values: Sequence[Value]) -> Doubt | None:
    if not {normal(value.text) for value in values} <= _TRUE | _FALSE:
        return None
    false = [value.text for value in values if value.text and normal(value.text) in _FALSE]
    if not false:
        return None
    return Doubt(guard, _SAYS_NO, tuple(values), (("leave_out", {guard.name: false}),))


def _flag(guard: Guard, values: Sequence[Value], revenue: str) -> Doubt | None:
    filled = [
        value for value in values if value.text and value.text.upper() not in ("NA", "NULL", "NONE", "NAN", "NAT")
    ]
    lower = {value.text.strip().lower() for value in values}
    if lower <= _TRUE | _FALSE:
        true = [value.text for value in filled if value.text.strip().lower() in _TRUE]
        if not true:
            return None
        return Doubt(guard, "marks lines that are no purchases", tuple(values), (("leave_out", {guard.name: true}),))
    amounts = NumberEvidence.of(value.text for value in filled)
    if not amounts.others and amounts.marks.keys() <= SIGNS.keys() | _CURRENCIES:
        if not any(re.search("[1-9]", value.text) for value in filled):
            return None
        return Doubt(
            guard,
            "holds amounts that may have to be taken off",
            tuple(values),
            (("columns", {"revenue": f"{revenue} - {guard.name}"}),),
        )
    marked = [value for value in filled if not re.fullmatch(r"[0.,]+\s*%", value.text)]
    if not marked:
        return None
    says = f"is filled in for {'some' if len(marked) < len(values) else 'all'} lines, which may be no purchases"
    others = [value.text for value in values if value not in marked]
    if others and not any(others):
        return Doubt(guard, says, tuple(values), (("leave_out", {guard.name: NOT_EMPTY}),))
    usual = others or [value.text for value in filled if value.lines * 2 > sum(each.lines for each in filled)]
    answers = (("only", {guard.name: usual}),) if usual else ()
    return Doubt(guard, says, tuple(values), answers, takes_back=not others)


def normal(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip().lower())


def amount(values: Sequence[Value], numbers: NumberFormat) -> Decimal:
    """What a column of money holds in all; 0 where something in it is no number."""
    total = Decimal(0)
    for value in values:
        bare = re.sub(r"[^0-9.,-]", "", value.text)
        bare = bare.replace(".", "").replace(",", ".") if numbers.decimal == "," else bare.replace(",", "")
        if not bare:
            continue
        try:
            total += Decimal(bare) * value.lines
        except InvalidOperation:
            return Decimal(0)
    return total
