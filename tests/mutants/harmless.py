# ruff: noqa: E501 - each is named by its line, before and after
"""Drawn mistakes that no test can notice, each with the reason why it changes nothing that anybody sees."""

from __future__ import annotations

HARMLESS: dict[str, str] = {
    "predictor/training/gamma_gamma.py: spent = (purchases > 0) & (mean_spend > 0) -> spent = (purchases >= 0) & (mean_spend > 0)": "who has no purchases has a mean of 0",
    "predictor/scoring.py: IN_FLIGHT = 4 # batches that are out with one worker -> IN_FLIGHT = 5 # batches that are out with one worker": "how many batches are out with a worker moves no result",
    "predictor/scoring.py: loads = dict.fromkeys(workers, 0) -> loads = dict.fromkeys(workers, 1)": "which worker is given the next batch moves no result",
    "predictor/scoring.py: loads[worker] -= 1 -> loads[worker] -= 2": "which worker is given the next batch moves no result",
    "pipeline/warehouse/history.py: return history > (all_rows or 0) - history -> return history > ((all_rows or 0) + history)": "as a file or row by row, the same history is copied",
    "api/store/details.py: PIECE = 1 << 15 # customers that are looked at, and at most in memory, at a time -> PIECE = 1 << 16 # customers that are looked at, and at most in memory, at a time": "a larger piece has the same rows",
    "api/store/changes.py: self._connection = snapshot.connect(previous, threads=1, memory_limit=MEMORY) -> self._connection = snapshot.connect(previous, memory_limit=MEMORY)": "more threads read the same rows",
    "api/store/snapshot.py: with self.connect(threads=1) as loading: # closed again, so that what DuckDB needed to load is given back -> with self.connect() as loading: # closed again, so that what DuckDB needed to load is given back": "more threads read the same rows in the same order",
    "api/store/columns.py: for column, values in zip(columns, batch.columns[-len(columns) :], strict=True): -> for column, values in zip(columns, batch.columns[-len(columns) :], strict=False):": "the two always have the same length",
    "dbt_project/tests/oddities/customer_ids_differ_in_more_than_case.sql: having count(*) > 1 -> having true or count(*) > 1": "the same condition stands twice: one finds few candidates fast, the other compares their text",
    "dbt_project/tests/oddities/as_of_date_is_not_before_the_last_builds.sql: where as_of.as_of_date < last_build.as_of_date -> where as_of.as_of_date <= last_build.as_of_date": "what fails is counted in days, and none of 0",
}
