"""Numbers as shops write them: which readings fit all values, and how DuckDB reads the one that does."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from pipeline.orders.characters import BLANKS, INVISIBLE
from pipeline.orders.sql import literal

PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MISSING = ("", "na", "null", "none", "nan")

SIGNS = {"$": "$", "€": "EUR", "£": "GBP", "¥": "¥", "₹": "INR", "₽": "RUB", "₩": "KRW", "zł": "PLN", "R$": "BRL",
         "US$": "USD", "kr": "kr", "Fr.": "CHF", "₺": "TRY", "₴": "UAH", "₪": "ILS", "Kč": "CZK", "Ft": "HUF",
         "lei": "RON", "₫": "VND", "฿": "THB", "₱": "PHP", "₦": "NGN"}  # fmt: skip
# A sign, a code or a short word that names a currency or a unit, such as Stk; what changes the number's size is none.
_SIZES = r"(?!(?:e+|k|m|mm|mio|mn|mrd|tsd|bn|cr|dr|ct|cts|c|cent|p)(?![^\W\d_]))"
_MARK = rf"(?:[^\W\d_]{{0,3}}[$€£¥₹₽₩₺₴₪₫฿₱₦]|(?i:{_SIZES})[^\W\d_]{{1,4}}\.?)"
_BLANKS = str.maketrans(BLANKS, " " * len(BLANKS), INVISIBLE)
_BODY = re.compile(
    rf"(?P<outside>{_MARK}\s*(?=\())?(?P<open>\()?\s*(?P<sign>[-+−])?\s*(?P<before>{_MARK})?\s*(?P<sign2>[-+−])?\s*"
    r"(?P<digits>\d[\d.,'’ ]*|[.,]\d+)(?P<round>(?<=[.,])[-–—]{1,2})?\s*"
    rf"(?P<after>{_MARK})?\s*(?P<sign3>-)?\s*(?P<close>\))?"
)
_NOTHING = re.compile(r"([$€£¥₹₽₩₺₴₪]|zł|Kč|kr\.?|Fr\.|[A-Z]{3})\s*[-–—]+")  # as accounts write 0
_GROUPED = {
    ".": re.compile(r"(?:[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}|[1-9]\d{0,2}(?:[ '’]\d{3})+|\d+)(?:\.\d*)?|\.\d+"),
    ",": re.compile(r"(?:[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d{0,2}(?:[ '’]\d{3})+|\d+)(?:,\d*)?|,\d+"),
}
DECIMALS = {".": "a decimal point", ",": "a decimal comma"}


@dataclass(frozen=True)
class NumberFormat:
    """`decimal` is . or , and the other of the two groups thousands; `is_plain` where nothing has to be changed."""

    decimal: str = "."
    is_plain: bool = True
    marks: tuple[str, ...] = ()
    parentheses: bool = False

    @property
    def spoken(self) -> str:
        return DECIMALS[self.decimal]


@dataclass
class NumberEvidence:
    """What the values of the columns of numbers say about how they are written."""

    plain: int = 0
    others: int = 0
    numbers: int = 0
    fits: dict[str, int] = field(default_factory=lambda: {".": 0, ",": 0})
    whole: bool = True
    grouped_like: int = 0
    points: int = 0
    marks: dict[str, str] = field(default_factory=dict)
    units: set[str] = field(default_factory=set)
    parentheses: bool = False
    example: str = ""
    against: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, money: Iterable[str], pieces: Iterable[str] = ()) -> NumberEvidence:
        """`pieces` are written like the money, and what stands beside such a number is a unit and no currency."""
        evidence = cls()
        for values, is_money in ((money, True), (pieces, False)):
            for value in dict.fromkeys(values):
                evidence._add(value.translate(_BLANKS).strip(), is_money)
        return evidence

    def _add(self, value: str, is_money: bool) -> None:
        if value.lower() in MISSING:
            return
        if nothing := _NOTHING.fullmatch(value):
            self.marks.setdefault(nothing[1], value)
            return
        found = _BODY.fullmatch(value)
        if not found or sum(found[sign] is not None for sign in ("sign", "sign2", "sign3")) > 1:
            if PLAIN_NUMBER.fullmatch(value):
                self.plain += 1  # with an exponent
                self.fits["."] += 1
                self.numbers += 1
                self.against.setdefault(",", value)
            else:
                self.others += 1
            return
        digits = found["digits"].strip()
        fits = [decimal for decimal, pattern in _GROUPED.items() if pattern.fullmatch(digits)]
        if not fits:
            self.others += 1
            return
        self.numbers += 1
        for decimal in fits:
            self.fits[decimal] += 1
        for decimal in DECIMALS:
            if decimal not in fits:
                self.against.setdefault(decimal, value)
        for mark in (found["outside"], found["before"], found["after"]):
            if mark := (mark or "").strip():
                if is_money:
                    self.marks.setdefault(mark, value)
                else:
                    self.units.add(mark)
        self.parentheses |= bool(found["open"])
        if PLAIN_NUMBER.fullmatch(value):
            self.plain += 1
        if re.search("[.,]", digits) and len(fits) == 2 and not self.example:
            self.example = value

    @property
    def fitting(self) -> list[str]:
        return [decimal for decimal in DECIMALS if self.fits[decimal] == self.numbers]

    @property
    def is_plain(self) -> bool:
        return self.plain == self.numbers and not self.marks and not self.units

    @property
    def currencies(self) -> dict[str, str]:
        """Each currency that is named, with an example."""
        found: dict[str, str] = {}
        for mark, example in self.marks.items():
            found.setdefault(SIGNS.get(mark, mark.rstrip(".")), example)
        if "USD" in found:
            found.pop("$", None)
        return found

    def format(self, decimal: str) -> NumberFormat:
        return NumberFormat(
            decimal, self.is_plain and decimal == ".", (*self.marks, *sorted(self.units)), self.parentheses
        )


def number_sql(column: str, chosen: NumberFormat) -> str:
    """The number with a decimal point and nothing else where the text has the format.

    Text that has another form stays as it is, marked where it could be taken for a number of another value.
    """
    if chosen.is_plain:
        return column
    text = f"trim(translate({column}, {literal(BLANKS + INVISIBLE)}, {literal(' ' * len(BLANKS))}))"
    text = f"regexp_replace({text}, '([0-9][.,])[-–—]{{1,2}}([^0-9]*)$', '\\1\\2')"  # 20.- is 20.00
    marks = "|".join(re.escape(mark) for mark in sorted(chosen.marks, key=len, reverse=True))
    currency = f"({marks})?" if marks else ""
    other = "," if chosen.decimal == "." else r"\."
    groups = ",[0-9]{2,3}" if other == "," else r"\.[0-9]{3}"  # lakhs are grouped by two
    point = r"\." if chosen.decimal == "." else ","
    whole = rf"[1-9][0-9]{{0,2}}({groups})*{other}[0-9]{{3}}|[1-9][0-9]{{0,2}}([ '’][0-9]{{3}})+|[0-9]+"
    body = rf"({whole})({point}[0-9]*)?|{point}[0-9]+"
    easy = column if chosen.decimal == "." else f"replace({column}, ',', '.')"
    simple = f"try_cast({easy} as decimal(18, 6)) is not null and not contains({column}, '_')"
    if chosen.decimal == ",":
        simple = f"not contains({column}, '.') and {simple}"
    pattern = rf"{currency}\s*\(?\s*[-+−]?\s*{currency}\s*[-+−]?\s*({body})\s*{currency}\s*-?\s*\)?"
    two_signs = f"regexp_matches({text}, '[-+−].*[-+−]')"  # --1 is no number
    negative = f"regexp_matches({text}, '[-−(]')"
    bare = f"regexp_replace({text}, '{marks}', '', 'g')" if marks else text
    bare = f"regexp_replace({bare}, '[^0-9{chosen.decimal}]', '', 'g')"
    if chosen.decimal == ",":
        bare = f"replace({bare}, ',', '.')"
    other = f"case when try_cast({column} as double) is null then {column} else {column} || ' ?' end"
    nothing = f"when regexp_full_match({text}, {literal(f'({marks}) *[-–—]+')}) then '0' " if marks else ""
    return (
        f"case when {simple} then {easy} "
        f"when regexp_full_match({column}, {literal(_usual(chosen))}) then {_without_marks(column, chosen)} "
        f"{nothing}"
        f"when regexp_full_match({text}, {literal(pattern)}) and not {two_signs} "
        f"then case when {negative} then '-' else '' end || {bare} "
        f"else {other if chosen.decimal == ',' else column} end"
    )


def _usual(chosen: NumberFormat) -> str:
    """What most numbers that are not plain look like, $1,010.50 say: one look tells, where all forms take six."""
    group, point = (",", r"\.") if chosen.decimal == "." else (r"\.", ",")
    marks = "|".join(re.escape(mark) for mark in sorted(chosen.marks, key=len, reverse=True))
    before, after = (rf"(-?({marks})? ?|({marks}) ?-)", rf"( ?({marks}))?") if marks else ("-?", "")
    return rf"{before}([1-9][0-9]{{0,2}}({group}[0-9]{{3}})+|[0-9]+)({point}[0-9]+)?{after}"


def _without_marks(column: str, chosen: NumberFormat) -> str:
    bare = column
    for mark in (*sorted(chosen.marks, key=len, reverse=True), " ", "," if chosen.decimal == "." else "."):
        bare = f"replace({bare}, {literal(mark)}, '')"
    return bare if chosen.decimal == "." else f"replace({bare}, ',', '.')"


def computed_sql(
    operands: Sequence[str | Decimal], operators: Sequence[str], chosen: NumberFormat, typed: Collection[str]
) -> str:
    """What + - * of columns and numbers come to, as text; where a column holds no number, what stands there.

    A column that is `typed` as a number holds nothing that somebody wrote: there is one way to read it.
    """
    texts = [str(each) if each in typed else number_sql(str(each), chosen) for each in operands]
    if not operators:
        return texts[0]
    numbers = [
        str(each) if isinstance(each, Decimal) else f"try_cast({text} as decimal(18, 6))"
        for each, text in zip(operands, texts, strict=True)
    ]
    fields = [literal(str(each)) if isinstance(each, Decimal) else each for each in operands]
    terms = [numbers[0]]
    signs: list[str] = []
    following = [*operators[1:], ""]
    for operator, number, column, after in zip(operators, numbers[1:], fields[1:], following, strict=True):
        # Where there is no discount, nothing is taken off.
        nothing = f"coalesce(lower(trim({column})), '') in ({', '.join(map(literal, MISSING))})"
        or_nothing = f"case when {nothing} then 0 else {number} end"
        if operator == "*":
            terms[-1] = f"{terms[-1]} * {or_nothing if signs and signs[-1] == '-' else number}"
        else:
            signs.append(operator)
            terms.append(number if after == "*" else or_nothing)
    total = terms[0] + "".join(f" {sign} {term}" for sign, term in zip(signs, terms[1:], strict=True))
    exact = f"try_cast({total} as decimal(18, 6))"
    spelled = " || ' ' || ".join(
        x for pair in zip(fields, [*(literal(o) for o in operators), ""], strict=True) for x in pair if x
    )
    # Two decimals where two are enough, as money is mostly written.
    return (
        f"case when {exact} is null then {spelled} when {exact} = round({exact}, 2) "
        f"then cast(cast({exact} as decimal(18, 2)) as varchar) else cast({exact} as varchar) end"
    )
