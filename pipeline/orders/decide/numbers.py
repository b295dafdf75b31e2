"""How the numbers are written: the one way that all of them fit, or a question."""

from __future__ import annotations

from pipeline.orders.decide.questions import Question, line
from pipeline.orders.errors import plain
from pipeline.orders.mapping import Mapping
from pipeline.orders.numbers import DECIMALS, NumberEvidence, NumberFormat


def choose(money: list[str], pieces: list[str], stated: Mapping) -> tuple[NumberFormat, NumberEvidence, list[Question]]:
    """The one format of both, the likeliest where there is a question."""
    evidence = NumberEvidence.of(money, pieces)
    questions = []
    if len(evidence.currencies) > 1 and not stated.only:
        shown = ", ".join(f"{currency} ({plain(example)})" for currency, example in evidence.currencies.items())
        questions.append(
            Question(
                f"The money is in several currencies, which cannot be added up: {shown}. "
                "Convert it to one, or give each currency a file of its own.",
                (),
            )
        )
    if stated.decimal:
        return evidence.format(stated.decimal), evidence, questions
    if not evidence.numbers or (len(evidence.fitting) == 2 and not evidence.example):
        return evidence.format("."), evidence, questions
    if len(evidence.fitting) == 1:
        return evidence.format(evidence.fitting[0]), evidence, questions
    questions.append(_two_readings(evidence) if evidence.fitting else _no_reading(evidence))
    return evidence.format("."), evidence, questions


def _two_readings(evidence: NumberEvidence) -> Question:
    return Question(
        f"The numbers fit two readings: {plain(evidence.example)} is {_read(evidence.example, '.')} with a decimal "
        f"point or {_read(evidence.example, ',')} with a decimal comma.",
        tuple((line("decimal", decimal), spoken) for decimal, spoken in DECIMALS.items()),
    )


def _no_reading(evidence: NumberEvidence) -> Question:
    return Question(
        f"No one way to write numbers fits all: {plain(evidence.against[','])} has no decimal comma, and "
        f"{plain(evidence.against['.'])} no decimal point.",
        tuple(
            (line("decimal", decimal), f"{spoken}; other lines are rejected") for decimal, spoken in DECIMALS.items()
        ),
    )


def _read(value: str, decimal: str) -> str:
    other = "," if decimal == "." else "."
    return value.replace(other, "").replace(decimal, ".")
