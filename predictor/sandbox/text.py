"""Words that come from a model's file or process, made fit to be shown."""

from __future__ import annotations


def plain(text: object, longest: int = 500) -> str:
    """One line with nothing in it that a terminal could take for a command."""
    line = " ".join(str(text).split())
    line = "".join(character if character.isprintable() else "?" for character in line)
    return line if len(line) <= longest else line[:longest] + "…"
