"""Known exports: one YAML file each in `exports/`, a mapping with the names of columns by which it is recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from pipeline.orders import mapping
from pipeline.orders.mapping import Mapping
from pipeline.orders.names import normalised

FOLDER = Path(__file__).parent / "exports"


@dataclass(frozen=True)
class Export:
    """`recognised_by` are columns that all have to be there; `choose` those that a person has to choose between;
    `discounts` hold money that stands in the revenue and was not paid."""

    name: str
    recognised_by: tuple[str, ...]
    mapping: Mapping
    choose: dict[str, dict[str, str]] = field(default_factory=dict)
    discounts: tuple[str, ...] = ()


@cache
def known() -> list[Export]:
    """Every export that is known, those with more columns to be recognised by first."""
    found = []
    for path in sorted(FOLDER.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        name, by, choose = content.pop("name"), content.pop("recognised_by"), content.pop("choose", {})
        discounts = tuple(content.pop("discounts", ()))
        found.append(Export(name, tuple(by), mapping.parse(content, str(path)), choose, discounts))
    return sorted(found, key=lambda export: -len(export.recognised_by))


def recognise(names: Sequence[str]) -> Export | None:
    """The export that these columns are of, with the names as this file spells them."""
    spelled = {normalised(name): name for name in reversed(names)}
    for export in known():
        if all(normalised(name) in spelled for name in export.recognised_by):
            return _as_spelled(export, spelled)
    return None


def _as_spelled(export: Export, spelled: dict[str, str]) -> Export:
    """The mapping in the file's own spelling; settings for columns that this file lacks fall away."""

    def own(column: mapping.Column) -> str:
        """Empty where the file lacks one of the columns."""
        parts, operators = mapping.pieces(str(column))
        found = [part if mapping.is_number(part) else spelled.get(normalised(part), "") for part in parts]
        return (
            " ".join(w for pair in zip(found, [*operators, ""], strict=True) for w in pair if w) if all(found) else ""
        )

    given = export.mapping
    return Export(
        export.name,
        export.recognised_by,
        Mapping(
            columns={ours: own(theirs) if theirs is not None else None for ours, theirs in given.columns.items()
                     if theirs is None or own(theirs)},
            dates=given.dates,
            decimal=given.decimal,
            fill_down=tuple(own(column) for column in given.fill_down if own(column)),
            once=tuple(own(column) for column in given.once if own(column)),
            leave_out={own(column): values for column, values in given.leave_out.items() if own(column)},
            only={own(column): values for column, values in given.only.items() if own(column)},
            ignore=tuple(own(column) for column in given.ignore if own(column)),
        ),
        {ours: {own(column): why for column, why in among.items()} for ours, among in export.choose.items()},
        tuple(own(column) for column in export.discounts if own(column)),
    )  # fmt: skip
