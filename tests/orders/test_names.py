"""Which column of a file could be which of ours, by its name."""

from __future__ import annotations

import pytest

from pipeline.orders.names import candidates, synonyms


@pytest.mark.parametrize("column", synonyms())
def test_of_names_that_mean_the_same_the_better_one_comes_first_wherever_it_stands(column):
    for group in synonyms()[column]:
        best_last = sorted(group, key=group.__getitem__, reverse=True)
        assert [*reversed(range(len(group)))] in list(candidates(column, best_last))
