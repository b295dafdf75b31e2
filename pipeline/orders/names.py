"""Which column of a file is which of ours, by its name: exactly, or by what shops are known to call it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import yaml

COLUMNS = ("customer_id", "order_id", "order_item_id", "num_items", "revenue", "created_at_date")


_UNIT = re.compile(r"\s*[(\[](?!VAT|TAX|INC|EXC|NET)[A-Z]{3}[)\]]$")


def normalised(name: str) -> str:
    """The name without case, accents, what separates words, or a currency behind: `Kunden-Nr. (EUR)` is `kundennr`."""
    spelled = _UNIT.sub("", name.strip()).lower().replace("ß", "ss").replace("n°", "no ").replace("nº", "no ")
    bare = "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "", bare)


@cache
def synonyms() -> dict[str, list[dict[str, int]]]:
    """For each of our columns and `unit_price` its groups of names, each with the name's place in it."""
    content = yaml.safe_load((Path(__file__).parent / "synonyms.yml").read_text(encoding="utf-8"))
    return {
        column: [{normalised(name): place for place, name in enumerate(group)} for group in groups]
        for column, groups in content.items()
    }


def candidates(column: str, names: Sequence[str]) -> list[int]:
    """The positions of the columns that could be `column`, all of the best group that has any; best names first."""
    spelled = [normalised(name) for name in names]
    for group in synonyms()[column]:
        found = [i for i, name in enumerate(spelled) if name in group]
        if found:
            return sorted(found, key=lambda i: (group[spelled[i]], i))
    return []


def known(names: Sequence[str]) -> int:
    """How many of the names are known to mean something: what tells a line of names from a title or from data."""
    every = {name for groups in synonyms().values() for group in groups for name in group}
    return sum(normalised(name) in every for name in names)
