"""The parts of a page that can be held to something: links, headings, tables, code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def section(page: Path, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    pattern = rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,2}} |^\1 |\Z)"
    found = re.search(pattern, page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found, f"{name(page)} has no heading {heading!r}"
    return found[2]


def rows(text: str) -> list[list[str]]:
    """The cells of every table, without the rows of their heads."""
    tables = (
        list(lines) for is_table, lines in groupby(text.splitlines(), lambda line: line.startswith("|")) if is_table
    )
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for table in tables for line in table[2:]]


def code(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command that a page shows, in a block of shell or in a line of text."""
    for line in "".join(blocks(page, "sh")).splitlines():
        if words := shlex.split(line, comments=True):
            yield words
    for text in code(prose(page)):
        if re.match(r"([A-Z_]+=\S* )*(make|curl|(\.venv/bin/)?python3? -m) ", text):
            yield shlex.split(text)
