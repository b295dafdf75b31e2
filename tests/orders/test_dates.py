"""A date is the day that Python's own strptime reads in it, both when formats are found out and when DuckDB reads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

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


@pytest.mark.parametrize("behind", ["", ".0", ".75", ",25"])
def test_what_a_spreadsheet_counts_is_of_its_day_and_numbers_that_are_too_small_or_large_are_no_days(behind):
    first, last = 30_000, 59_999  # in 1982 and 2064: others are numbers of orders, or years
    numbers = [first, *range(first, last, 97), last]
    texts = [f"{number}{behind}" for number in numbers]
    days = [date(1899, 12, 30) + timedelta(number) for number in numbers]
    evidence = DateEvidence.of(texts)
    assert evidence.fitting == ["excel"]
    assert [date_readings(text)["excel"][1] for text in texts] == days
    assert read(texts, evidence.format("excel")) == [day.isoformat() for day in days]
    others = [f"{number}{behind}" for number in (first - 1, last + 1)]
    assert not any("excel" in date_readings(text) for text in others)
    assert read(others, evidence.format("excel")) == others


@pytest.mark.parametrize("written", ["%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M"])
def test_an_hour_that_such_a_clock_does_not_show_is_no_time_of_it(written):
    texts = [f"01/15/2024 {hour}:30{' PM' if '%p' in written else ''}" for hour in range(30)]
    shown = range(1, 13) if "%p" in written else range(24)
    found = [date_readings(text).get("mdy", ("",))[0] for text in texts]  # 13:30 PM is a clock of 24 hours all the same
    assert [form == written for form in found] == [hour in shown for hour in range(30)]
    assert not found[0] or "%p" not in written
    days = read(texts, DateFormat((written,), "mdy"))
    assert [day == "2024-01-15" for day in days] == [hour in shown for hour in range(30)]


@pytest.mark.parametrize(("first", "last", "may_begin_with_the_year"), [(2, 3, True), (3, 3, True), (3, 2, False)])
def test_of_two_numbers_that_could_be_the_year_it_is_the_one_with_fewer_values_and_of_as_many_either(
    first, last, may_begin_with_the_year
):
    texts = [f"{20 + n % first}-05-{10 + n % last}" for n in range(12)]
    assert ("ymd" in DateEvidence.of(texts).fitting) is may_begin_with_the_year
    assert "dmy" in DateEvidence.of(texts).fitting


@pytest.mark.parametrize("a_second", [1, 1_000, 1_000_000, 1_000_000_000])
def test_what_counts_since_1970_is_of_its_day_in_any_unit(a_second):
    texts = [str(round(moment.replace(tzinfo=UTC).timestamp()) * a_second) for moment in MOMENTS]
    evidence = DateEvidence.of(texts)
    assert evidence.fitting == ["epoch"]
    assert [date_readings(text)["epoch"][1] for text in texts] == [moment.date() for moment in MOMENTS]
    assert read(texts, evidence.format("epoch")) == [moment.date().isoformat() for moment in MOMENTS]
