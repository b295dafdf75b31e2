"""Which encoding with a byte a letter a Latin text is in: told by the letters that languages have.

In a wrong one, letters become others that the language lacks, or signs within words: Windows-1252 has `Dvoøák` for
`Dvořák`, and no language has both of those letters. charset-normalizer, which is asked about other alphabets, does not
tell these apart where there are a few names only.
"""

from __future__ import annotations

import re
from collections import Counter

from pipeline.orders import names

_WESTERN = (
    "àâæçèéêëîïôœùûüÿ",
    "äöüß",
    "áéíñóúü",
    "àáâãçéêíóôõúü",
    "àèéìíòóùú",
    "æøåéü",
    "åäöéü",
    "áéèëêïíóöúü",
    "áðéíóúýþæö",
)
_CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţșț")
_TURKISH = ("âçğîıöşü\u0307",)  # the last is what a small İ has above its i
_BALTIC = ("āčēģīķļņšūž", "ąčęėįšųūž", "äöüõšž")
_ENCODINGS = {  # the most usual first: it is taken where others fit as well
    "windows-1252": _WESTERN,
    "windows-1250": _CENTRAL,
    "windows-1254": _TURKISH,
    "windows-1257": _BALTIC,
    "iso-8859-2": _CENTRAL,
    "cp850": _WESTERN,
    "mac-roman": _WESTERN,
}
_SIGNS = set("€„“”‘’–—…«»°§\u00a0\u2022\u00ae\u2122")  # that may stand beside letters
_HIGH_WORD = re.compile(rb"[A-Za-z]+(?:[\x80-\xff]+[A-Za-z]*)+|[\x80-\xff]+(?:[A-Za-z]+[\x80-\xff]*)+")
_EURO = re.compile(rb"[0-9] ?\xa4|\xa4 ?[0-9]")  # in ISO 8859-15; elsewhere a sign for currencies that nobody writes
_ENOUGH = 0.9  # of the words, in one language, before a less usual encoding is taken


def latin(lines: bytes) -> str | None:
    """The encoding by which most words have the letters of one language; else of any. None where none has such words.

    Of those that fit alike it is the one by which more columns have a name that is known.
    """
    words = Counter(_HIGH_WORD.findall(lines))
    fits = {encoding: _shares_that_fit(words, encoding, languages) for encoding, languages in _ENCODINGS.items()}
    for shares in ({encoding: share for encoding, (share, _) in fits.items()},
                   {encoding: share for encoding, (_, share) in fits.items()}):  # fmt: skip
        fitting = [encoding for encoding, share in shares.items() if share >= max(_ENOUGH, *shares.values())]
        if fitting:
            best = max(fitting, key=lambda encoding: _known_names(lines, encoding))
            return "iso-8859-15" if best == "windows-1252" and _EURO.search(lines) else best
    return None


def _known_names(lines: bytes, encoding: str) -> int:
    text = lines[:10_000].decode(encoding, errors="replace")
    return max(names.known(re.split(r"[,;\t|\"']+", line)) for line in text.splitlines()[:10])


def _shares_that_fit(words: Counter[bytes], encoding: str, languages: tuple[str, ...]) -> tuple[float, float]:
    """The share of words that the best language has the letters of, and of those that any has."""
    fitting = dict.fromkeys(languages, 0)
    in_any = counted = 0
    for word, often in words.items():
        try:
            letters = {letter for letter in word.decode(encoding).lower() if letter > "\x7f"} - _SIGNS
        except UnicodeDecodeError:
            return 0.0, 0.0  # this byte means nothing there
        if not letters:
            continue
        counted += often
        fit = [language for language in languages if letters <= set(language)]
        in_any += often * bool(fit)
        for language in fit:
            fitting[language] += often
    return (max(fitting.values()) / counted, in_any / counted) if counted else (1.0, 1.0)
