"""The generator of order files, called as its users call it."""

import csv
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMO_DATA = ROOT / "dbt_project" / "seeds" / "orders.csv"


def generate(file: Path, *arguments: str) -> list[str]:
    """Run the command; return the lines of the file that it made, without the header."""
    command = [sys.executable, "-m", "benchmarks.generate_orders", "--out", str(file), *arguments]
    subprocess.run(command, cwd=ROOT, check=True)
    return file.read_text("latin-1").splitlines()[1:]


def customers_with_their_lines(lines: list[str]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for line in lines:
        found[line.split(",")[0]].append(line)
    return found


def test_the_documented_command_makes_the_demo_data_byte_for_byte(tmp_path):
    made = tmp_path / "orders.csv"

    generate(made)

    assert made.read_bytes() == DEMO_DATA.read_bytes()


def test_a_larger_file_holds_the_same_customers_with_the_same_orders(tmp_path):
    smaller = customers_with_their_lines(generate(tmp_path / "smaller.csv", "--customers", "9000", "--clean"))
    # Across the border between two blocks, of 10,000 customers each.
    larger = customers_with_their_lines(generate(tmp_path / "larger.csv", "--customers", "10500", "--clean"))

    assert (len(smaller), len(larger)) == (9000, 10500)
    assert smaller == {customer: larger[customer] for customer in smaller}


def test_another_seed_makes_other_customers(tmp_path):
    one = customers_with_their_lines(generate(tmp_path / "one.csv", "--seed", "1", "--customers", "500"))
    two = customers_with_their_lines(generate(tmp_path / "two.csv", "--seed", "2", "--customers", "500"))

    assert one.keys() & two.keys() <= {""}


def test_clean_lines_are_sorted_by_date_and_have_nothing_to_clean(tmp_path):
    rows = list(csv.reader(generate(tmp_path / "orders.csv", "--clean")))

    for customer, order, item, num_items, revenue, day in rows:
        assert len(customer) == 32
        assert int(customer, 16) >= 0
        assert customer == customer.lower()
        assert len(order) == 9
        assert min(int(order), int(item), int(num_items)) > 0
        assert revenue == f"{float(revenue):.2f}" > "0.00"
        assert date(2016, 10, 17) <= date.fromisoformat(day) <= date(2017, 10, 16)
    assert [row[5] for row in rows] == sorted(row[5] for row in rows)
    assert len({tuple(row[:3]) for row in rows}) == len(rows)


def test_the_demo_data_has_as_many_blemishes_as_its_documentation_says():
    lines = DEMO_DATA.read_bytes().splitlines()[1:]
    fields = [line.split(b",") for line in lines]

    assert len(lines) == 29_568
    # One line in 997 has one of these, in turn, unless it has the next kind of blemish ...
    tolerated = Counter(
        name
        for row in fields
        for name, column, blemish in (
            ("no item", 2, b"NA"),
            ("no pieces", 3, b"NA"),
            ("no revenue", 4, b"NA"),
            ("a timestamp", 5, b"14:07:33"),
        )
        if len(row) > column and row[column].endswith(blemish)
    )
    assert tolerated == {"no pieces": 8, "no revenue": 7, "no item": 7, "a timestamp": 7}
    # ... one in 4,001, in turn, cannot be used ...
    assert sum(len(row) != 6 for row in fields) == 2
    assert sum(not row[0] or not row[1] for row in fields) == 2
    assert sum(row[-1] == b"2017-02-30" for row in fields) == 1
    assert sum("Gr\xf6\xdfe" in line.decode("latin-1") for line in lines) == 1  # not UTF-8, as other lines are
    assert sum(row[4:5] == [b"free"] for row in fields) == 1
    # ... and about 1 % take goods and money back, from an order that is in the file.
    returns = [row for row in fields if len(row) == 6 and row[3].startswith(b"-")]
    assert 0.005 < len(returns) / len(lines) < 0.015
    orders = {tuple(row[:3]) for row in fields if len(row) == 6 and not row[3].startswith(b"-")}
    assert sum(tuple(row[:3]) in orders for row in returns) > 0.99 * len(returns)


def test_the_simulated_shop_has_one_time_buyers_and_regulars_and_customers_who_left():
    days_of: dict[str, dict] = defaultdict(dict)
    for row in csv.reader(DEMO_DATA.read_text("latin-1").splitlines()[1:]):
        if len(row) == 6 and row[5][:4].isdecimal() and row[5] != "2017-02-30":
            days_of[row[0]].setdefault(row[1], date.fromisoformat(row[5][:10]))

    orders = [len(days) for customer, days in days_of.items() if customer]
    assert len(orders) == 5_000
    assert 0.4 < orders.count(1) / len(orders) < 0.6
    assert 2.5 < sum(orders) / len(orders) < 3.5

    def share_that_comes_back(last_seen_from: date, last_seen_to: date) -> float:
        """Of those with three orders or more by half a year before the end, by when they were last seen then."""
        half_way, come_back = date(2017, 4, 17), []
        for days in days_of.values():
            past = sorted(day for day in days.values() if day < half_way)
            if len(past) >= 3 and last_seen_from <= past[-1] < last_seen_to:
                come_back.append(len(days) > len(past))
        return sum(come_back) / len(come_back)

    assert share_that_comes_back(date(2017, 3, 17), date(2017, 4, 17)) > 0.7
    assert share_that_comes_back(date(2016, 10, 17), date(2017, 1, 17)) < 0.3
