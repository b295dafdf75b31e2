"""What is printed for people: facts line by line, and text from files as it may stand on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape


def printable(text: object) -> str:
    """The text and its lines, with no control characters that could move a cursor or forge a line."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in str(text))


def as_it_is(text: object) -> str:
    """The text for `fact`, which stays what it is and on its line, whatever stands in it."""
    return escape(printable(text).replace("\n", "�"))


def fact(console: Console, name: str, text: str) -> None:
    """One line of a summary; `text` may have rich's markup. It can be copied: no line is broken, no word replaced."""
    console.print(f"[bold]{name:<12}[/bold]{text}", highlight=False, soft_wrap=True, emoji=False)


def warning(console: Console, text: str) -> None:
    console.print(f"[yellow]Warning[/yellow]     {as_it_is(text)}", highlight=False, soft_wrap=True, emoji=False)
