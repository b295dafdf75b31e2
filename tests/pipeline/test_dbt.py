"""What dbt takes before its first model is not paid twice."""

from __future__ import annotations

from tests.pipeline.conftest import Shop


def test_a_build_of_another_date_has_dbt_parse_nothing_anew(built: Shop):
    log = (built.warehouse / "logs" / "dbt.log").read_text()
    assert log.count("Starting full parse") == 1
    assert log.count("no changes found, skipping parsing") == 1
    assert [str(day) for (day,) in built.query("select distinct as_of_date from prediction_history order by 1")] == [
        "2017-10-16", "2017-10-17",
    ]  # fmt: skip
