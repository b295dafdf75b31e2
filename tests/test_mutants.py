"""The mistakes that `make test-mutants` makes still find their places in the code."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.chosen import all_chosen
from tests.mutants.drawn import WHERE, all_of
from tests.mutants.harmless import HARMLESS
from tests.mutants.mutant import Mutant


def readable(mutant: Mutant) -> bool:
    """Whether it is another text, which Python can read where it is Python: else any test would notice it."""
    if mutant.file.endswith(".py"):
        ast.parse(mutant.changed())
    return mutant.changed() != mutant.read()


def test_the_chosen_mistakes_have_kept_their_places_in_the_code() -> None:
    mutants, lost = all_chosen()
    assert lost == []
    assert all(map(readable, mutants))


@pytest.mark.slow
def test_each_drawn_mistake_changes_the_code_and_those_called_harmless_are_among_them() -> None:
    drawn = [each for area in WHERE for each in all_of(area)]
    assert all(map(readable, drawn))
    assert HARMLESS.keys() <= set(map(str, drawn))
