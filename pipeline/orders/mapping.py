"""orders.yml: how a file's columns become ours, as a person or `make inspect` wrote it down."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from pipeline.orders.dates import EXCEL
from pipeline.orders.errors import NoMapping, NoSuchOrders, OrdersError, plain
from pipeline.orders.names import COLUMNS

EMPTY, NOT_EMPTY = "empty", "not empty"
Column = str | int


@dataclass(frozen=True)
class Mapping:
    """What is stated about the orders; what is not stated is None or empty, and found out."""

    columns: dict[str, Column | None] = field(default_factory=dict)
    dates: tuple[str, ...] = ()
    decimal: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    fill_down: tuple[Column, ...] = ()
    once: tuple[Column, ...] = ()
    leave_out: dict[Column, tuple[str, ...]] = field(default_factory=dict)
    only: dict[Column, tuple[str, ...]] = field(default_factory=dict)
    currency: str | None = None
    ignore: tuple[str, ...] = ()
    overlap: str | None = None
    silence: tuple[str, ...] = ()

    def ignoring(self, names: str) -> Mapping:
        """This one, and columns that are not looked at, by their names with commas between."""
        return replace(self, ignore=(*self.ignore, *(name.strip() for name in names.split(",") if name.strip())))

    def over(self, other: Mapping) -> Mapping:
        """This one, and what `other` states where this one is silent; what either ignores is ignored."""
        changes: dict[str, Any] = {}
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, dict):
                changes[each.name] = {**theirs, **mine}
            elif each.name == "ignore":
                changes[each.name] = (*mine, *theirs)
            else:
                changes[each.name] = mine or theirs
        return replace(self, **changes)


def load(path: Path) -> Mapping:
    """The mapping in a file. Raises OrdersError where a person has to mend it, NoSuchOrders where there is none."""
    try:
        if path.is_fifo():  # nobody may ever write into it
            raise NoSuchOrders(f"{path} is a pipe, not a file. Write the mapping into a file and name that.")
        content = _read(path)
    except FileNotFoundError:
        raise NoMapping(f"There is no mapping {path}.") from None
    except IsADirectoryError:
        raise NoSuchOrders(f"{path} is a folder, not a mapping. Name the file in it.") from None
    except PermissionError:
        raise NoSuchOrders(f"{path} cannot be read: permission denied. See who may: ls -l {path}") from None
    except UnicodeDecodeError:
        raise OrdersError(f"{path} is not UTF-8. Save it as UTF-8.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise OrdersError(f"{path}{line}: {problem}. A text with : or # in it has to stand in quotes.") from None
    except (ValueError, TypeError, RecursionError):  # a 13th month, a list for a name, a thousand brackets
        raise OrdersError(
            f"{path} holds a value that YAML cannot take for what it looks like. Put it in quotes if it is a text."
        ) from None
    return parse(content, str(path))


def _read(path: Path) -> object:
    """The content, where a setting may stand several times: so do the answers to a build's questions, as pasted."""
    with path.open(encoding="utf-8") as file:
        loader = yaml.SafeLoader(file)
        try:
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                return None if node is None else loader.construct_document(node)
            content: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                key = loader.construct_object(key_node, deep=True)
                value = loader.construct_object(value_node, deep=True)
                before = content.get(key)
                if isinstance(before, dict) and isinstance(value, dict):
                    content[key] = {**before, **value}
                elif isinstance(before, list) and isinstance(value, list):
                    content[key] = [*before, *value]
                elif before is None or before == value:
                    content[key] = value
                else:
                    raise OrdersError(f"{path}: {plain(key)} stands there twice, with two values. Keep the right one.")
            return content
        finally:
            loader.dispose()


def parse(content: object, where: str) -> Mapping:
    """Checks every key and value. Raises OrdersError that names the line's key and what may stand there."""
    if content is None:
        return Mapping()
    if not isinstance(content, dict):
        raise OrdersError(f"{where} has to hold lines such as `columns:` or `dates:`, each with its value.")
    known = [each.name for each in fields(Mapping)]
    given: dict[str, Any] = {}
    for key, value in content.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f" Is {near[0]} meant?" if near else f" What may stand there: {', '.join(known)}."
            raise OrdersError(f"{where}: there is no setting {plain(key)}.{hint}")
        if value is not None:
            given[key] = _checked(key, value, where)
    return Mapping(**given)


def _checked(key: str, value: Any, where: str) -> Any:
    def wrong(what: str) -> OrdersError:
        return OrdersError(f"{where}: {key}: {plain(value)} is not {what}")

    if key == "columns":
        if not isinstance(value, dict):
            raise wrong("a list of our columns, such as `customer_id: CustomerID`, one a line.")
        for name, column in value.items():
            if name not in COLUMNS:
                near = difflib.get_close_matches(str(name), COLUMNS, 1)
                raise OrdersError(
                    f"{where}: columns: {plain(name)} is none of our columns. "
                    + (f"Is {near[0]} meant?" if near else f"They are {', '.join(COLUMNS)}.")
                )
            if isinstance(column, bool) or not isinstance(column, str | int | None):
                raise OrdersError(
                    f"{where}: columns: {name}: write a column's name, in quotes, or its position from 1."
                )
        return {name: column.strip() if isinstance(column, str) else column for name, column in value.items()}
    if key in ("leave_out", "only"):
        if not isinstance(value, dict):
            raise wrong("a column with its values, such as `status: [cancelled, refunded]`.")
        return {column: _texts(values) for column, values in value.items()}
    if key in ("fill_down", "once"):
        named = value if isinstance(value, list | tuple) else (value,)
        return tuple(each if type(each) is int else _texts(each)[0] for each in named)
    if key in ("dates", "ignore", "silence"):
        texts = _texts(value)
        if key == "dates" and texts != (EXCEL,) and not all(re.search("%[a-zA-Z]", text) for text in texts):
            raise wrong(
                'a format as in strftime, such as "%d/%m/%Y", or excel, for the days that a spreadsheet counts.'
            )
        return texts
    text = str(value)
    if not text.isprintable() and key != "delimiter":
        raise wrong("a text of one line.")
    if key == "decimal" and text not in (".", ","):
        raise wrong('"." or ",".')
    if key == "overlap" and text != "once":
        raise wrong("once, which is all that can be said of lines that stand in several files.")
    if key == "delimiter":
        text = {"tab": "\t", "\\t": "\t", "blanks": " "}.get(text, text)
        if len(text) != 1:
            raise wrong('one character in quotes, such as ";", or "tab".')
    if key == "encoding":
        try:
            "".encode(text)
        except LookupError:
            raise wrong("an encoding that is known, such as utf-8 or windows-1252.") from None
    return text


def _texts(value: Any) -> tuple[str, ...]:
    def text(each: Any) -> str:
        # YAML takes yes, no, true and 2024-01-01 for other things than text.
        words = {True: "true", False: "false", None: ""}
        return words[each] if each is None or isinstance(each, bool) else str(each)

    return tuple(map(text, value)) if isinstance(value, list | tuple) else (text(value),)


def dump(mapping: Mapping) -> str:
    """The mapping as YAML that `load` takes."""
    text = []
    for each in fields(Mapping):
        value = getattr(mapping, each.name)
        if value in (None, (), {}):
            continue
        if isinstance(value, dict):
            text.append(f"{each.name}:")
            text += [f"  {_yaml(key)}: {_yaml(inner)}" for key, inner in value.items()]
        elif each.name == "dates" and len(value) == 1:
            text.append(f"dates: {_yaml(value[0])}")
        else:
            text.append(f"{each.name}: {_yaml('tab' if value == chr(9) else value)}")
    return "".join(f"{line}\n" for line in text)


def _yaml(value: object) -> str:
    """One value on one line."""
    plainest = [*value] if isinstance(value, tuple) else value
    shown = yaml.safe_dump(plainest, default_flow_style=True, allow_unicode=True, width=1_000_000)
    return shown.removesuffix("\n").removesuffix("\n...").removesuffix("...").strip()


# ---- columns and what is made of them -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expression:
    """A column, or columns and numbers with + - * between them: a column's operand is its position in the file."""

    operands: tuple[int | Decimal, ...]
    operators: tuple[str, ...] = ()

    @property
    def positions(self) -> tuple[int, ...]:
        return tuple(each for each in self.operands if isinstance(each, int))

    @property
    def is_column(self) -> bool:
        return not self.operators

    def without(self, other: Expression) -> Expression:
        """Only to look at the values: without the columns that another one has too."""
        return replace(self, operands=tuple(each for each in self.operands if each not in other.operands))


def pieces(column: str) -> tuple[list[str], list[str]]:
    """The operands and the operators of an expression whose operators stand between blanks."""
    found = re.split(r"\s+([*+-])\s+", column)
    return found[::2], found[1::2]


def is_number(piece: str) -> bool:
    return re.fullmatch(r"\d+(\.\d{1,6})?", piece) is not None


def resolve(
    column: Column, names: Sequence[str], fields_in_line: int, where: str, named_by: str = "the mapping names."
) -> Expression:
    """Where in the file a column of the mapping is. Raises OrdersError where the file has none such."""
    if isinstance(column, int) or (not names and str(column).isdigit()):
        if not 1 <= int(column) <= fields_in_line:
            raise OrdersError(
                f"{where}: the mapping names number {column}, and the columns are numbered from 1 to {fields_in_line}."
            )
        return Expression((int(column) - 1,))
    if (one := _position(column, names, where)) is not None:
        return Expression((one,))

    def operand(piece: str) -> int | Decimal | None:
        position = _position(piece, names, where)
        return Decimal(piece) if position is None and is_number(piece) else position

    for spelled in (column, re.sub(r"([*+-])", r" \1 ", column)):
        parts, operators = pieces(spelled)
        operands = [operand(part) for part in parts]
        if operators and all(each is not None for each in operands):
            return Expression(tuple(each for each in operands if each is not None), tuple(operators))
    missing = next((part for part in pieces(column)[0] if operand(part) is None), column)
    near = difflib.get_close_matches(missing, names, 1, 0.7)
    raise OrdersError(
        f"{where} has no column {plain(missing)}, which {named_by} "
        + (f"Is {plain(near[0])} meant? " if near else "")
        + f"It has: {plain(', '.join(names) or f'{fields_in_line} columns without names', 400)}."
    )


def _position(name: str, names: Sequence[str], where: str) -> int | None:
    found = [i for i, each in enumerate(names) if each == name.strip()]
    if len(found) > 1:
        raise OrdersError(
            f"{where} has more than one column named {plain(name)}. Name its position instead: "
            + " or ".join(str(i + 1) for i in found)
            + "."
        )
    return found[0] if found else None
