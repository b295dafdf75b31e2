"""The mistakes that `make test-mutants` makes still find their places in the code."""

from __future__ import annotations

from tests.mutants import MUTANTS, ROOT


def test_each_mistake_has_one_place_in_the_code_so_that_none_is_counted_that_was_not_made() -> None:
    places = {str(each): (ROOT / each.file).read_text("utf-8").count(each.before) for each in MUTANTS}
    assert {mistake: count for mistake, count in places.items() if count != 1} == {}
