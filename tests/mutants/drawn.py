"""Mistakes that nobody chose: each place where an operator, a number, a word or a step could be another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from tests.mutants.mutant import ROOT, Mutant

SEED = "20171017"
WHERE = {  # by what the rate is told for
    "predictor/training": "predictor/training/[!p]*.py",  # all but the pictures, plots.py
    "predictor/scoring": "predictor/scoring.py",
    "pipeline/history": "pipeline/warehouse/history.py",
    "pipeline/warehouse": "pipeline/warehouse/folder.py",
    "api/store": "api/store/*.py",
    "dbt_project/models": "dbt_project/models/**/*.sql",
    "dbt_project/tests": "dbt_project/tests/**/*.sql",
}

OPERATORS: dict[type[ast.AST], Any] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
NAMES = {"min": "max", "any": "all", "minimum": "maximum", "bisect_left": "bisect_right", "mean": "median"}
NAMES |= {after: before for before, after in NAMES.items()}
WORDS: list[tuple[str, Any]] = [
    *((rf" {before} ", f" {after} ") for before, after in [("<", "<="), ("<=", "<"), (">", ">="), (">=", ">")]),
    *((rf" {before} ", f" {after} ") for before, after in [("=", "<>"), ("<>", "="), ("and", "or"), ("or", "and")]),
    *(
        (rf" {before} ", f" {after} ")
        for before, after in [(r"\+", "-"), ("-", "+"), (r"(?<!select )\*", "/"), ("/", "*")]
    ),
    *((rf"\b{before}\(", f"{after}(") for before, after in [("min", "max"), ("max", "min"), ("sum", "max")]),
    (r"\binner join\b", "left join"),
    (r"\bleft join\b", "inner join"),
    (r"\bfull outer join\b", "inner join"),
    (r"\bis not null\b", "is null"),
    (r"\bis null\b", "is not null"),
    (r"\bunion all\b", "union"),
    (r"\b(where|having)\b", r"\1 true or"),
    (r"\brank\(\)", "row_number()"),
    (r"\bnot ", ""),
    (r" desc\b", ""),
    (r"\bpartition by [\w.]+", ""),
    (r"(?<=order by )[\w. ]+, ", ""),
    (r"(?<=[\w)]), (?:\w+\.)?customer_id$", ""),
    (r"(?<![\w.'])\d+(?![\w.'])", lambda found: str(int(found[0]) + 1)),
]
NO_SQL = re.compile(r"--[^\n]*|\{#.*?#\}|\{%.*?%\}|\{\{\s*config\(.*?\n\}\}|'[^'\n]*'", re.DOTALL)


def all_of(area: str) -> list[Mutant]:
    """Every mistake that this file knows to make there, in an order that a change of the code leaves as it is."""
    found = []
    for path in sorted(ROOT.glob(WHERE[area])):
        name, text = str(path.relative_to(ROOT)), path.read_text("utf-8")
        places = _python(text) if path.suffix == ".py" else _sql(text)
        found += [Mutant(name, *place) for place in places]
    return sorted(found, key=lambda each: sha256(f"{SEED} {each}".encode()).digest())


def _python(text: str) -> Iterator[tuple[int, int, str]]:
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line.encode()))
    coded = text.encode()
    tree = ast.parse(text)
    inside_text = {part for each in ast.walk(tree) if isinstance(each, ast.JoinedStr) for part in ast.walk(each)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.expr, ast.stmt)) and node not in inside_text:
            start, end = lines[node.lineno - 1] + node.col_offset, lines[node.end_lineno - 1] + node.end_col_offset
            for after in _otherwise(node):
                yield len(coded[:start].decode()), len(coded[:end].decode()), after


def _otherwise(node: ast.AST) -> Iterator[str]:
    """What could stand in the place of this expression or statement."""
    match node:
        case ast.Compare(left, [operator], [right]) if type(operator) in OPERATORS:
            yield ast.unparse(ast.Compare(left, [OPERATORS[type(operator)]()], [right]))
        case ast.BinOp(_, ast.Div(), ast.Constant(str()) | ast.JoinedStr()):  # of paths
            return
        case ast.BinOp(left, operator, right) if type(operator) in OPERATORS:
            yield f"({ast.unparse(ast.BinOp(left, OPERATORS[type(operator)](), right))})"
        case ast.AugAssign(target, operator, value) if type(operator) in OPERATORS:
            yield ast.unparse(ast.AugAssign(target, OPERATORS[type(operator)](), value))
        case ast.BoolOp(operator, values):
            yield f"({ast.unparse(ast.BoolOp(OPERATORS[type(operator)](), values))})"
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield f"({ast.unparse(operand)})"
        case ast.IfExp(test, body, orelse):
            yield f"({ast.unparse(ast.IfExp(test, orelse, body))})"
        case ast.Constant(bool(value)):
            yield str(not value)
        case ast.Constant(int(value) | float(value)):
            yield repr(value + 1)
        case ast.Call(function, arguments, keywords):
            if isinstance(function, ast.Name) and function.id in NAMES:
                yield ast.unparse(ast.Call(ast.Name(NAMES[function.id]), arguments, keywords))
            if isinstance(function, ast.Attribute) and function.attr in NAMES:
                yield ast.unparse(ast.Call(ast.Attribute(function.value, NAMES[function.attr]), arguments, keywords))
            for left_out in keywords:
                yield ast.unparse(ast.Call(function, arguments, [each for each in keywords if each is not left_out]))
        case ast.Expr(ast.Call()) | ast.Raise():
            yield "pass"
        case ast.Break():
            yield "continue"


def _sql(text: str) -> Iterator[tuple[int, int, str]]:
    code = NO_SQL.sub(lambda found: "\0" * len(found[0]), text)
    for before, after in WORDS:
        for found in re.finditer(before, code, re.MULTILINE):
            yield found.start(), found.end(), after(found) if callable(after) else found.expand(after)
