"""Which column of a file is which of ours, by its name: exactly, or by what shops are known to call it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import yaml

COLUMNS = ("customer_id", "order_id", "order_item_id", "num_items", "revenue", "created_at_date")


_TAX = re.compile(
    r"[\s_-]*[(\[]?(inc|ex|ink|zzgl|with|without|con|sin|sem|com|ohne|mit)[a-z.]*[\s_]*"
    r"(tax|taxes|vat|gst|mwst|ust|iva|btw|tva)\.?[)\]]?$|[\s_-]+[(\[]?(incl?|excl?|netto|brutto|ht|ttc)[)\]]?$",
    re.IGNORECASE,
)
_CENTS = re.compile(
    r"[\s_-]*[(\[]?(in[\s_])?(cents?|pence|centimes|centavos|centesimi|minor([\s_]units?)?)[)\]]?$", re.IGNORECASE
)
_UNIT = re.compile(r"\s*[(\[](?!VAT|TAX|INC|EXC|NET)[A-Z]{3}[)\]]$")


def normalised(name: str) -> str:
    """The name without case, accents, what separates words, or a currency behind: `Kunden-Nr. (EUR)` is `kundennr`."""
    spelled = _UNIT.sub("", name.strip()).lower().replace("ß", "ss").replace("n°", "no ").replace("nº", "no ")
    bare = "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "", bare)


@cache
def synonyms() -> dict[str, list[dict[str, int]]]:
    """For each of our columns and `unit_price` its groups of names, each with the name's place in it."""
    content = yaml.safe_load((Path(__file__).parent / "synonyms.yml").read_text(encoding="utf-8"))
    return {
        column: [{normalised(name): place for place, name in enumerate(group)} for group in groups]
        for column, groups in content.items()
    }


def candidates(column: str, names: Sequence[str]) -> Iterator[list[int]]:
    """The positions of the columns that could be `column`: group by group, best names first.

    Groups of names with what a tax or cents are said of behind them, such as `Total (inc. VAT)`, come later, and last
    those that stand beside a name in another script.
    """
    for spelling in (normalised, _without_taxes, _in_latin):
        spelled = [spelling(name) for name in names]
        for group in synonyms()[column]:
            found = [i for i, name in enumerate(spelled) if name in group]
            if found:
                yield sorted(found, key=lambda i: (group[spelled[i]], i))


def bare(name: str) -> str:
    """The name without what it says of taxes or cents."""
    return _CENTS.sub("", _TAX.sub("", name))


def _without_taxes(name: str) -> str:
    return normalised(bare(name))


def _in_latin(name: str) -> str:
    """The Latin letters of a name in two scripts; nothing where the whole name is known."""
    return "" if known([name]) else re.sub("[^a-z0-9]", "", _without_taxes(name))


def is_in_cents(name: str) -> bool:
    """Whether the name says that its money is counted in cents."""
    return _CENTS.search(name) is not None


def ends_like(name: str) -> set[str]:
    """Which of our columns, and `unit_price`, have a name that this one ends in, as `Ticket price` does."""
    spelled = normalised(name)
    return {
        column
        for column, groups in synonyms().items()
        if any(spelled.endswith(known) for group in groups for known in group if len(known) > 3)
    }


def known(names: Sequence[str]) -> int:
    """How many of the names are known to mean something: what tells a line of names from a title or from data."""
    every = {name for groups in synonyms().values() for group in groups for name in group}
    return sum(normalised(name) in every for name in names)
