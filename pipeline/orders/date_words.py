"""Dates in the words of seven languages, as plain English: `Mo., 15. Mai 2024, 10.30 Uhr` is `15. may 2024, 10:30`.

The same steps in Python, which finds out how dates are written, and in SQL, which reads them: expressions that both of
their engines understand alike.
"""

from __future__ import annotations

import re
import unicodedata

from pipeline.orders.characters import INVISIBLE
from pipeline.orders.sql import literal

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
# German, French, Spanish, Portuguese, Italian and Dutch; where a name is English too it is the same month there.
_MONTHS_ABROAD = {
    name: month
    for month, names in zip(MONTHS, (
        "januar janner janvier janv enero ene janeiro gennaio gen januari",
        "februar fevrier fevr fev febrero fevereiro febbraio februari",
        "marz maerz mrz mars marzo marco maart mrt",
        "avril avr abril abr aprile", "mai mayo maio maggio mag mei", "juni juin junio junho giugno giu",
        "juli juillet juil julio julho luglio lug", "aout agosto ago augustus",
        "sept septembre septiembre setiembre setembro set settembre",
        "oktober okt octobre octubre outubro out ottobre ott", "novembre noviembre novembro",
        "dezember dez decembre diciembre dic dezembro dicembre",
    ), strict=True)
    for name in names.split()
}  # fmt: skip
_WEEKDAYS = (
    "monday mon tuesday tues tue wednesday wed thursday thurs thur thu friday fri saturday sat sunday sun "
    "montag mo dienstag di mittwoch mi donnerstag do freitag fr samstag sonnabend sa sonntag so "
    "lundi lun mardi mercredi mer jeudi jeu vendredi ven samedi sam dimanche dim "
    "lunes martes miercoles mie jueves jue viernes vie sabado sab domingo dom "
    "segunda-feira segunda seg terca-feira terca ter quarta-feira quarta qua quinta-feira quinta qui "
    "sexta-feira sexta sex "
    "lunedi martedi mercoledi giovedi gio venerdi domenica "
    "maandag ma dinsdag woensdag wo donderdag vrijdag vr zaterdag za zondag zo"
)
# A zone's name; AM and PM are none.
_ZONE = (
    r"(?:z|[b-oq-z][a-z]{1,4}|[ap][a-ln-z][a-z]{0,3}|[ap]m[a-z]{1,3}|(?:gmt|utc)?[+-]\d\d:?(?:\d\d)?"
    r"|[a-z]+(?:/[a-z_]+)+)"
)
_STEPS = (
    (rf"[{INVISIBLE}]", ""),
    (r"[\s\x{a0}\x{202f}]+", " "),
    (r"^(\d{4})[年년] ?(\d{1,2})[月월] ?(\d{1,2})[日일]", r"\1-\2-\3"),
    (rf"^(?:{'|'.join(_WEEKDAYS.split())})\.?,? ", ""),
    (r"^mar\.?,? (\d{1,2}\.? [a-z])", r"\1"),  # Tuesday in four languages; without a day behind it, March
    (r"^([a-z]{3}) (\d{1,2}) (\d\d:\d\d(?::\d\d)?)(?: [a-z]{3,5}| [+-]\d{4})? (\d{4})$", r"\1 \2 \4 \3"),
    (r"(\d)(?:st|nd|rd|th|er|º|°|ª|o)([ ,])", r"\1\2"),
    (r" del? ", " "),
    (r"^(\d\d)([a-z]{3})(\d{4}|\d\d)(?::|\b)", r"\1-\2-\3 "),  # as SAS writes it
    (r"^(\d\d-[a-z]{3}-\d\d) (\d\d)\.(\d\d)\.(\d\d)(?:[.,]\d+)?", r"\1 \2:\3:\4"),  # as Oracle does
    (r"'(\d\d)\b", r"\1"),
    (r",? (?:um|at|a las|as|alle|ore|om|kl\.?|a) (\d)", r" \1"),
    (r"(\d) ?([ap])\. ?m\.?", r"\1 \2m"),
    (r"(\d) ?h ?(\d\d)", r"\1:\2"),
    (r"(\d{4},? \d{1,2})\.(\d\d)\.(\d\d)( |$)", r"\1:\2:\3\4"),
    (r"(\d{4},? \d{1,2})\.(\d\d)( |$)", r"\1:\2\3"),
    (r"^(\d{1,4})([./-]) (\d{1,2})([./-]) (\d{1,4})", r"\1\2\3\4\5"),
    (r"^(\d\d/[a-z]{3}/\d{4}):", r"\1 "),
    (r"^(\d{4})(\d\d)(\d\d)[t ](\d\d):?(\d\d)(?::?\d\d)?", r"\1-\2-\3 \4:\5"),
    (r" ?\([^)]*\)$", ""),
    (r"\[[a-z_/]+\]$", ""),
    (rf"(:\d\d(?:[.,]\d+)?(?: ?[ap]m)?) ?{_ZONE}\.?$", r"\1"),
    # Clocks of 24 hours that say AM or PM all the same, and the end of a day.
    (r"((?:00|1[3-9]|2[0-3]):\d\d(?::\d\d)?) ?[ap]m$", r"\1"),
    (r"([ t])24:00(:00(?:[.,]0+)?)?$", r"\1 00:00"),
    (r" $", ""),
)
_COMPILED = tuple(
    (re.compile(re.sub(r"\\x\{(\w+)\}", lambda code: chr(int(code[1], 16)), pattern), re.ASCII), replacement)
    for pattern, replacement in _STEPS
)


def in_english(text: str) -> str:
    """The date in lower case, without accents, weekday and zone, its month by the English name."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text.strip().lower()) if not unicodedata.combining(c))
    for pattern, replacement in _COMPILED:
        bare = pattern.sub(replacement, bare)
    word = re.search("[a-z]{3,}", bare)
    return bare.replace(word[0], _MONTHS_ABROAD[word[0]]) if word and word[0] in _MONTHS_ABROAD else bare


def in_english_sql(text: str) -> str:
    """The same as SQL."""
    bare = f"strip_accents(lower(trim({text})))"
    for pattern, replacement in _STEPS:
        bare = f"regexp_replace({bare}, {literal(pattern)}, {literal(replacement)}, 'g')"
    word = "regexp_extract(x, '[a-z]{3,}')"
    months = ", ".join(f"{literal(name)}: {literal(month)}" for name, month in _MONTHS_ABROAD.items())
    # The bare text is needed more than once, and costs: a list of one makes it a name.
    return f"list_transform([{bare}], lambda x: coalesce(replace(x, {word}, map {{{months}}}[{word}]), x))[1]"
