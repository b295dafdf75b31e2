"""Dates as shops write them: which readings fit all values, and how DuckDB reads the one that does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from pipeline.orders.date_words import MONTHS, in_english, in_english_sql
from pipeline.orders.sql import literal

ISO = re.compile(r"\d{4}-\d\d-\d\d")
EXCEL = "excel"
ORDERS = {"dmy": "day first", "mdy": "month first", "ymd": "year first", "epoch": "seconds or milliseconds since 1970",
          "excel": "days as a spreadsheet counts them"}  # fmt: skip
_NAMED = {name: i for i, name in enumerate(MONTHS, 1)} | {name[:3]: i for i, name in enumerate(MONTHS, 1)}
_TIME = re.compile(
    r"(?P<gap>,?[ T]+|,\s*)(?P<hour>\d{1,2})(?P<minute>:\d\d)(?P<second>:\d\d)?(?P<fraction>[.,]\d+)?"
    r"(?P<blank>\s?)(?P<ampm>[AaPp]\.?[Mm]\.?)?(?P<zone>\s*(?:Z|[+-]\d\d:?(?:\d\d)?|\(?(?![AP]M\b)[A-Z]{2,5}\)?(?:[+-]\d+)?|[A-Za-z]+(?:/[A-Za-z_]+)+))?"
)
_BEHIND_A_TIME = (  # a zone; AM and PM are none
    r"([0-9]\s?([AaPp][Mm])?)\s*"
    r"(Z|[+-][0-9]{2}:?([0-9]{2})?|\(?([B-OQ-Z][A-Z]{1,4}|[AP][A-LN-Z][A-Z]{0,3}|[AP]M[A-Z]{1,3})\)?([+-][0-9]+)?"
    r"|[A-Za-z]+(/[A-Za-z_]+)+)$"
)
_DATE = re.compile(
    r"(?:(?P<a>\d{1,4})(?P<s>[-/. ])(?P<b>\d{1,2})(?P=s)(?P<c>\d{1,4})(?P<dot>\.?)"
    r"|(?P<packed>\d{8})(?P<packed_time>\d{4}|\d{6})?(?!\d)"
    r"|(?P<d1>\d{1,2})(?P<s1>[-/. ]+)(?P<m1>[A-Za-z]{3,9})(?P<s2>[-/., ]+)(?P<y1>\d{4}|\d\d)"
    r"|(?P<m2>[A-Za-z]{3,9})(?P<s3>[-/. ]+)(?P<d2>\d{1,2})(?P<s4>,? +|[-/])(?P<y2>\d{4}|\d\d))"
)


@dataclass(frozen=True)
class DateFormat:
    """Formats as in strftime, all of one order of day, month and year; a zone's name behind a time is cut off."""

    formats: tuple[str, ...]
    order: str = ""
    zones: bool = False

    @property
    def spoken(self) -> str:
        return f"{' or '.join(self.formats)}{f' ({ORDERS[self.order]})' if self.order else ''}"


def date_readings(value: str) -> dict[str, tuple[str, date, bool]]:
    """Each way to read the text as a date: {order: (format as in strftime, the day, whether a zone stands behind)}."""
    text = re.sub(r"\s+", " ", value.strip())
    if re.fullmatch(r"[345]\d{4}([.,]\d+)?", text):
        return {"excel": (EXCEL, date(1899, 12, 30) + timedelta(int(text[:5])), False)}
    return _by_the_calendar(text) or _since_1970(text) or _by_the_calendar(in_english(text))


def _since_1970(text: str) -> dict[str, tuple[str, date, bool]]:
    counted = re.fullmatch(r"(\d{9,10}|\d{12,13}|\d{15,16}|\d{18,19})(\.\d+)?", text)
    if not counted:
        return {}
    seconds = int(counted[1]) // 1000 ** ((len(counted[1]) - 8) // 3)
    return {"epoch": ("%s", datetime.fromtimestamp(seconds, UTC).date(), False)}


def _by_the_calendar(text: str) -> dict[str, tuple[str, date, bool]]:
    found = _DATE.match(text)
    if not found:
        return {}
    rest = text[found.end() :]
    time = _TIME.fullmatch(rest) if rest else None
    if rest and not time:
        return {}
    behind, zones = "", False
    if time:
        behind = time["gap"] + ("%I" if time["ampm"] else "%H") + ":%M" + (":%S" if time["second"] else "")
        behind += f"{time['fraction'][0]}%f" if time["fraction"] else ""
        behind += f"{time['blank']}%p" if time["ampm"] else ""
        zones = bool(time["zone"])
        if int(time["hour"]) not in (range(1, 13) if time["ampm"] else range(24)):
            return {}
    readings = {}
    for order, (pattern, year, month, day) in _readings(found).items():
        if (read := _day(year, month, day)) is not None:
            readings[order] = (pattern + behind, read, zones)
    return readings


def _readings(found: re.Match[str]) -> dict[str, tuple[str, int, int, int]]:
    if found["packed"]:
        digits = found["packed"]
        year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
        time = {0: "", 4: "%H%M", 6: "%H%M%S"}[len(found["packed_time"] or "")]
        if time:  # other orders of so many digits are not known, and what is no such day may count since 1970
            hour, minute = int(found["packed_time"][:2]), int(found["packed_time"][2:4])
            is_one = 1990 <= year <= 2100 and hour < 24 and minute < 60
            return {"ymd": (f"%Y%m%d{time}", year, month, day)} if is_one else {}
        readings = {"ymd": ("%Y%m%d", year, month, day)}
        if not 1900 <= year <= 2100 or not _day(year, month, day):  # 20052024 is of the 20th of May
            d, m, y = int(digits[:2]), int(digits[2:4]), int(digits[4:])
            readings = {"dmy": ("%d%m%Y", y, m, d), "mdy": ("%m%d%Y", y, d, m)}
        return readings
    if found["a"]:
        a, b, c, s = found["a"], found["b"], found["c"], found["s"]
        dot = found["dot"]
        if len(a) >= 3:
            return {"ymd": (f"%Y{s}%m{s}%d{dot}", int(a), int(b), int(c))} if len(a) == 4 and len(c) <= 2 else {}
        if len(c) == 4:
            return {
                "dmy": (f"%d{s}%m{s}%Y{dot}", int(c), int(b), int(a)),
                "mdy": (f"%m{s}%d{s}%Y{dot}", int(c), int(a), int(b)),
            }
        if len(c) == 2:
            readings = {
                "dmy": (f"%d{s}%m{s}%y{dot}", _century(c), int(b), int(a)),
                "mdy": (f"%m{s}%d{s}%y{dot}", _century(c), int(a), int(b)),
            }
            if len(a) == 2 and _century(a) <= datetime.now(UTC).year:  # nothing is ordered in years to come
                readings["ymd"] = (f"%y{s}%m{s}%d{dot}", _century(a), int(b), int(c))
            return readings
        return {}
    word = found["m1"] or found["m2"]
    if word.lower() not in _NAMED:
        return {}
    month = _NAMED[word.lower()]
    name = "%b" if len(word) == 3 else "%B"
    if found["m1"]:
        is_long = len(found["y1"]) == 4
        year, sign = (int(found["y1"]), "%Y") if is_long else (_century(found["y1"]), "%y")
        return {"dmy": (f"%d{found['s1']}{name}{found['s2']}{sign}", year, month, int(found["d1"]))}
    is_long = len(found["y2"]) == 4
    year, sign = (int(found["y2"]), "%Y") if is_long else (_century(found["y2"]), "%y")
    return {"mdy": (f"{name}{found['s3']}%d{found['s4']}{sign}", year, month, int(found["d2"]))}


def _century(digits: str) -> int:
    return int(digits) + (2000 if int(digits) < 69 else 1900)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if year >= 1000 else None
    except ValueError:
        return None


@dataclass
class DateEvidence:
    """What the values of a column say about the order of day, month and year in them."""

    iso: int = 0
    others: int = 0
    dates: int = 0
    fits: dict[str, int] = field(default_factory=dict)
    formats: dict[str, dict[str, None]] = field(default_factory=dict)
    zones: bool = False
    example: str = ""
    readings: dict[str, date] = field(default_factory=dict)
    against: dict[str, str] = field(default_factory=dict)
    short: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))

    @classmethod
    def of(cls, values: Iterable[str]) -> DateEvidence:
        evidence = cls()
        for value in dict.fromkeys(values):
            evidence._add(value)
        return evidence

    def _add(self, value: str) -> None:
        if ISO.match(value.strip()) and value.strip()[5:7] <= "12":
            self.iso += 1
            return
        readings = date_readings(value)
        if not readings:
            self.others += 1
            return
        years = [day.year for _, day, _ in readings.values()]
        if not any(1970 < year < 2100 for year in years):
            self.others += 1  # 31/12/9999 and 01/01/1900 stand for "none", and prove nothing
            return
        self.dates += 1
        for order, (pattern, _, zones) in readings.items():
            self.fits[order] = self.fits.get(order, 0) + 1
            self.formats.setdefault(order, {})[pattern] = None
            self.zones |= zones
            if pattern.startswith("%y"):
                self.short[0].add(value.strip()[:2])
                self.short[1].add(value.strip()[6:8])
        for order in ORDERS:
            if order not in readings:
                self.against.setdefault(order, value)
        if len(readings) > len(self.readings):
            self.example = value
            self.readings = {order: day for order, (_, day, _) in readings.items()}

    @cached_property
    def fitting(self) -> list[str]:
        """The orders that fit every value that is a date at all and is not ISO.

        Of two numbers of two digits that both could be the year, the year is the one that has fewer different values.
        """
        found = [order for order in ORDERS if self.fits.get(order, 0) == self.dates]
        first, last = self.short
        if len(found) > 1 and "ymd" in found and len(first) > len(last):
            found.remove("ymd")
        return found

    def format(self, order: str) -> DateFormat:
        return DateFormat(tuple(self.formats[order]), order, self.zones)


def date_sql(column: str, chosen: DateFormat) -> str:
    """The day as YYYY-MM-DD where the text has one of the formats; else the text as it is."""
    text = f"trim({column})"
    if chosen.formats == ("%s",):
        number = f"try_cast(floor(try_cast({text} as decimal(25, 6))) as bigint)"
        milli = " ".join(
            f"when {number} > {10**digits} then {number} {scale}"
            for digits, scale in ((17, "// 1000000"), (14, "// 1000"), (11, "* 1"))
        )
        day = f"cast(epoch_ms(case {milli} else {number} * 1000 end) as date)"
        return f"case when {day} is not null then cast({day} as varchar) else {column} end"
    if chosen.formats == (EXCEL,):
        number = f"try_cast(floor(try_cast(replace({text}, ',', '.') as decimal(20, 6))) as integer)"
        return (
            f"case when {number} between 30000 and 59999 "
            f"then cast(date '1899-12-30' + {number} as varchar) else {column} end"
        )
    # Years of two digits first: %Y takes 24 for the year 24.
    formats = ", ".join(literal(each) for each in sorted(chosen.formats, key=lambda each: "%Y" in each))
    formats = f"[{formats}]" if len(chosen.formats) > 1 else formats
    plain = f"regexp_replace({text}, {literal(_BEHIND_A_TIME)}, '\\1')" if chosen.zones else text
    # Words are looked at only where the text is not written so as it is.
    stripped = f"coalesce(try_strptime({plain}, {formats}), try_strptime({in_english_sql(column)}, {formats}))"
    day = f"cast({stripped} as date)"
    return f"case when {day} >= date '1000-01-01' then cast({day} as varchar) else {column} end"
