"""What only a person knows about the orders, in words and with the lines that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml


@dataclass(frozen=True)
class Question:
    """What only a person knows, and the lines for the mapping of which one answers it, each with what it means."""

    text: str
    answers: tuple[tuple[str, str], ...]


def line(setting: str, value: object) -> str:
    """The line for the mapping, as it can be pasted."""
    if setting == "dates" and isinstance(value, tuple):
        shown = [f'"{each}"' for each in value]
        return f"dates: {shown[0] if len(shown) == 1 else '[' + ', '.join(shown) + ']'}"
    if setting == "decimal":
        return f'decimal: "{value}"'
    return yaml.safe_dump({setting: value}, default_flow_style=True, allow_unicode=True, width=10_000).strip()[1:-1]


def in_words(given: str, questions: Sequence[Question]) -> str:
    """All questions about the orders that are called `given`, one below the other, and what to do with the answers."""
    text = [f"{given}: what only you can say about these orders:"]
    for question in questions:
        text.append(f"- {question.text}")
        if question.answers:
            width = max(len(line) for line, _ in question.answers)
            text += [f"    {line:<{width}}{f'  # {why}' if why else ''}".rstrip() for line, why in question.answers]
    if any(question.answers for question in questions):
        text.append(
            "Write the lines that are right into your mapping; where you have none, into a new file, orders.yml, "
            "and add MAPPING=orders.yml to the command."
        )
    return "\n".join(text)
