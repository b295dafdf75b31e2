"""A date is the day that Python's own strptime reads in it, both when formats are found out and when DuckDB reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from pipeline.orders.dates import DateEvidence, DateFormat, date_readings, date_sql

MOMENTS = [datetime(1973, 6, 1) + timedelta(days=97.37 * n) for n in range(360)]  # all hours of all years to 2068
ORDERS = {"d": "dmy", "m": "mdy", "Y": "ymd", "y": "ymd", "b": "mdy", "B": "mdy"}
FORMATS = (
    "%d/%m/%Y", "%d.%m.%y", "%m/%d/%Y", "%m-%d-%y", "%Y/%m/%d", "%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%d%m%Y",
    "%d %b %Y", "%d-%b-%y", "%B %d, %Y", "%b %d, %y",
    "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%y %I:%M:%S%p", "%Y/%m/%d %H:%M:%S.%f",
)  # fmt: skip


def read(texts: list[str], form: DateFormat) -> list[str]:
    with duckdb.connect() as memory:
        memory.execute("create table written as select unnest($1::varchar[]) as text", [texts])
        return [day for (day,) in memory.execute(f"select {date_sql('text', form)} from written").fetchall()]


@pytest.mark.parametrize("written", FORMATS)
def test_a_day_in_any_format_is_that_of_strptime_for_every_year_and_hour(written):
    since = 1990 if "%Y%m%d%H" in written else 1973  # a number of so many digits may be another thing
    texts = [moment.strftime(written) for moment in MOMENTS if moment.year >= since]
    order = ORDERS[written[1]]
    for text in texts:
        found, day, zone = date_readings(text)[order]
        moment = datetime.strptime(text, written)
        assert (datetime.strptime(text, found), day, zone) == (moment, moment.date(), False)
    days = [datetime.strptime(text, written).date().isoformat() for text in texts]
    assert read(texts, DateFormat((written,), order)) == days


@pytest.mark.parametrize("long, short", [("%d/%m/%Y", "%d/%m/%y"), ("%b %d, %Y", "%b %d, %y")])
def test_years_of_four_and_of_two_digits_may_stand_in_one_column(long, short):
    texts = [moment.strftime(long if n % 2 else short) for n, moment in enumerate(MOMENTS)]
    form = DateEvidence.of(texts).format(ORDERS[long[1]])
    assert set(form.formats) == {long, short}
    assert read(texts, form) == [moment.date().isoformat() for moment in MOMENTS]


@pytest.mark.parametrize("a_second", [1, 1_000, 1_000_000, 1_000_000_000])
def test_what_counts_since_1970_is_of_its_day_in_any_unit(a_second):
    texts = [str(round(moment.replace(tzinfo=UTC).timestamp()) * a_second) for moment in MOMENTS]
    evidence = DateEvidence.of(texts)
    assert evidence.fitting == ["epoch"]
    assert [date_readings(text)["epoch"][1] for text in texts] == [moment.date() for moment in MOMENTS]
    assert read(texts, evidence.format("epoch")) == [moment.date().isoformat() for moment in MOMENTS]
