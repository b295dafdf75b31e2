"""What the page's modules say of numbers that a test makes up: words and pictures, each told by a plain reading."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.browser import Page, browser
from tests.api.conftest import VALUES, Server, publish, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.open(f"http://127.0.0.1:{server.port}/")
        opened.wait("document.getElementById('provenance')?.textContent")
        yield opened


def call(page: Page, module: str, function: str, *arguments: Any) -> Any:
    """What a function of one of the page's modules gives."""
    return page.run(f"import('/static/{module}.js').then((m) => m.{function}(...{json.dumps(arguments)}))")


def rows(page: Page, place: str) -> list[list[str]]:
    cells = "[...row.children].map((cell) => cell.textContent)"
    return page.run(f"[...document.querySelectorAll('{place} tbody tr')].map((row) => {cells})")


def shares(page: Page, place: str) -> list[list[float]]:
    """How long each bar of a picture is, in percent of its place, row by row."""
    bars = "[...row.querySelectorAll('rect')].map((bar) => parseFloat(bar.getAttribute('width')))"
    return page.run(f"[...document.querySelectorAll('{place} tbody tr')].map((row) => {bars})")


def cohorts_of(months: int) -> list[dict[str, Any]]:
    """From a November on; those of the second month are worth most, who have spent less than those of the first."""
    found = []
    for n in range(months):
        year, month = divmod(10 + n, 12)
        spent, ahead = {0: (900, 10), 1: (800, 300)}.get(n, (100 + n, 50 - n % 7))
        first = date(2012 + year, month + 1, 1).isoformat()
        found.append({"month": first, "customers": 2 + n % 3, "repeat_customers": n % 3,
                      "revenue": spent * (2 + n % 3), "clv": ahead * (2 + n % 3)})  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("months", "grain"),
    [(2, "month"), (18, "month"), (19, "quarter"), (53, "quarter"), (54, "year"), (120, "year")],
)
def test_cohorts_are_of_months_as_long_as_they_fit_then_of_quarters_then_of_years(
    page: Page, months: int, grain: str
) -> None:
    cohorts = cohorts_of(months)
    call(page, "cohorts", "drawCohorts", {"cohorts": cohorts, "customers": 100})
    together: dict[str, list[float]] = {}
    for cohort in cohorts:
        day = date.fromisoformat(cohort["month"])
        name = {"month": f"{day:%b %Y}", "quarter": f"{day.year} Q{(day.month - 1) // 3 + 1}", "year": f"{day.year}"}[
            grain
        ]
        sums = together.setdefault(name, [0, 0, 0, 0])
        for i, figure in enumerate(("customers", "repeat_customers", "revenue", "clv")):
            sums[i] += cohort[figure]
    wanted = [
        [
            name,
            f"{n:,.0f}",
            f"{repeat / n * 100:.1f}".removesuffix(".0") + "%",
            f"{spent / n:,.2f}",
            f"{clv / n:,.2f}",
            "",
        ]
        for name, (n, repeat, spent, clv) in reversed(together.items())
    ]
    assert rows(page, "#cohort-table") == wanted
    assert f"Customers by the {grain} of their first order" in page.text("#came-in-sub")
    worth = {name: (spent + clv) / n for name, (n, _, spent, clv) in together.items()}
    best = max(reversed(worth), key=lambda name: worth[name])
    n, _, spent, clv = together[best]
    said = f"Who first came in {best} is worth most: {spent / n:,.2f} spent each, and {clv / n:,.2f} to come"
    assert page.text("#came-in") == said
    most = max(worth.values())
    bars = [[100 * spent / n / most, 100 * clv / n / most] for n, _, spent, clv in reversed(together.values())]
    assert shares(page, "#cohort-table") == [pytest.approx(bar) for bar in bars]


@pytest.mark.parametrize(
    ("predicted", "actual", "said"),
    [
        (1004, 1000, "What was predicted on Oct 10, 2016 came, to the percent"),
        (996, 1000, "What was predicted on Oct 10, 2016 came, to the percent"),
        (1006, 1000, "The predictions of Oct 10, 2016 were 0.6% too high in total"),
        (994, 1000, "The predictions of Oct 10, 2016 were 0.6% too low in total"),
        (500, 1000, "The predictions of Oct 10, 2016 were 50% too low in total"),
        (3000, 1000, "The predictions of Oct 10, 2016 were 200% too high in total"),
        (10, 0, "Of what was predicted on Oct 10, 2016, nothing came"),
    ],
)
def test_what_came_is_held_against_what_was_predicted(page: Page, predicted: float, actual: float, said: str) -> None:
    tenths = [(1, 10, 6, 80.0, 90.0), (2, 9, 4, 20.0, 5.0), (3, 9, 0, 5.0, -3.0)]
    names = ("decile", "customers", "customers_who_ordered", "predicted", "actual")
    outcome = {"as_of_date": "2016-10-10", "until": "2017-10-10", "horizon_days": 365, "predicted": predicted,
               "actual": actual, "deciles": [dict(zip(names, tenth, strict=True)) for tenth in tenths]}  # fmt: skip
    summary = {"outcome": outcome, "history": [], "build": {"model_id": "m"}, "training_report": None}
    call(page, "outcome", "drawOutcome", summary)
    assert page.text("#came") == said
    assert f"{predicted:,.2f} was predicted for the 365 days to Oct 10, 2017, and {actual:,.2f} came" in page.text(
        "#came-sub"
    )
    assert rows(page, "#tenths-then") == [
        ["1", "80.00", "90.00", "60%", ""], ["2", "20.00", "5.00", "44.4%", ""], ["3", "5.00", "-3.00", "0%", ""]
    ]  # fmt: skip
    bars = [[80 / 90, 1], [20 / 90, 5 / 90], [5 / 90, 0]]
    assert shares(page, "#tenths-then") == [pytest.approx([100 * share for share in bar]) for bar in bars]


@pytest.mark.parametrize(
    ("before", "total", "said"),
    [
        (100.0, 80.0, "20.00 less than on Oct 10, 2017, down 20%."),
        (100.0, 125.0, "25.00 more than on Oct 10, 2017, up 25%."),
        (100.0, 100.0, "As much as on Oct 10, 2017."),
        (0.0, 5.0, "5.00 more than on Oct 10, 2017."),
        (-10.0, -20.0, "10.00 less than on Oct 10, 2017."),
    ],
)
def test_the_total_is_held_against_that_of_the_earlier_date(page: Page, before: float, total: float, said: str) -> None:
    changes = {"since": "2017-10-10", "comparable": True, "movements": [], "risers": [], "fallers": []}
    history = [{"as_of_date": "2017-10-03", "total": 1.0}, {"as_of_date": "2017-10-10", "total": before}]
    call(page, "changes", "drawChanges", {"changes": changes, "history": history, "total": total})
    assert page.run("document.getElementById('change').textContent") == said
    assert page.text("#new") == "Since Oct 10, 2017, nobody joined and nobody rose"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_a_day_is_that_of_the_orders_and_an_age_that_of_the_build_wherever_the_reader_is(page: Page, zone: str) -> None:
    page.call("Emulation.setTimezoneOverride", timezoneId=zone)
    try:
        for text in ("2017-10-10", "2017-01-01", "2016-12-31T00:00:00"):
            day = date.fromisoformat(text[:10])
            assert call(page, "format", "day", text) == f"{day:%b} {day.day}, {day.year}"
            assert call(page, "format", "month", text) == f"{day:%b %Y}"
        now = datetime.now(UTC)
        for ago, said in (
            (timedelta(minutes=30), "in the last hour"), (timedelta(minutes=70), "1 hour ago"),
            (timedelta(hours=8), "8 hours ago"), (timedelta(hours=47), "47 hours ago"),
            (timedelta(hours=50), "2 days ago"), (timedelta(days=30, hours=1), "30 days ago"),
        ):  # fmt: skip
            built_at = (now - ago).replace(tzinfo=None).isoformat(timespec="seconds")
            build = {"build_id": "b-1", "built_at": built_at, "model_id": "m-1", "orders_file": "orders.csv"}
            call(page, "overview", "drawProvenance", {"build": build})
            told = page.text("#provenance")
            assert told.startswith(f"Build b-1 · made {said}, ") and told.endswith(" · model m-1 · from orders.csv")
    finally:
        page.call("Emulation.setTimezoneOverride", timezoneId="")


@pytest.mark.parametrize(
    ("days_ago", "age"), [(-1, None), (0, "today"), (1, "yesterday"), (2, "2 days ago"), (1500, "1,500 days ago")]
)
@pytest.mark.parametrize("customers", [0, 1, 10, 11])
def test_the_facts_are_those_of_the_summary_and_none_is_told_that_is_not_known(
    page: Page, days_ago: int, age: str | None, customers: int
) -> None:
    day = datetime.now(UTC).date() - timedelta(days_ago)
    horizon = {0: None, 1: 30, 10: 61, 11: 365}[customers]
    build = {"horizon_days": horizon, "as_of_date": day.isoformat(), "lines": 1234, "currency": None}
    summary = {
        "build": build, "customers": customers, "total": 50.5, "mean": 7.25 if customers else None, "median": 3.5,
        "warnings": [{"text": f"Doubt {n}"} for n in range(customers % 4)], "top": [],
        "lines_not_used": [{"reason": "left_out", "lines": 5}, {"reason": "invalid_date", "lines": 2},
                           {"reason": "malformed_line", "lines": 4}] if customers else [],
    }  # fmt: skip
    call(page, "overview", "drawOverview", summary)
    written = f"{day:%b} {day.day}, {day.year}"
    wanted = [
        ["Customers", str(customers)],
        ["Average", "7.25" if customers else "–"],
        *([["Half are worth more than", "3.50"]] if customers > 1 else []),
        ["Orders up to", written, *([age] if age else [])],
        *([["Order lines that could not be used", "6", "of 1,234"]] if customers else []),
        *([["Order lines left out as asked", "5", "of 1,234"]] if customers else []),
    ]
    facts = (
        "[...document.querySelectorAll('#facts > div')].map((one) => [...one.children].map((part) => part.textContent))"
    )
    assert page.run(facts) == wanted
    span = {None: "", 30: " over the next 30 days", 61: " over the next 61 days, about 2 months",
            365: " over the next 365 days, about 12 months"}[horizon]  # fmt: skip
    number = "1 customer is" if customers == 1 else f"{customers} customers are"
    assert page.text("#meaning") == f"is what {number} predicted to be worth{span}, seen from {written}."
    assert page.text("#best") == ("The ten most valuable" if customers > 10 else "From the most valuable down")
    doubts = customers % 4
    assert page.text("#warnings ul").split("\n") == ([f"Doubt {n}" for n in range(doubts)] or [""])
    assert page.text("#doubts") == {0: "", 1: "One thing is doubtful about these numbers"}.get(
        doubts, f"{doubts} things are doubtful about these numbers"
    )


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize(
    "totals", [[60.0, 30.0, 10.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.5, -15.5], [-1.0 - n for n in range(10)]]
)
def test_each_tenth_has_its_name_its_share_its_span_and_a_bar_as_long_as_what_it_holds(
    page: Page, width: int, totals: list[float]
) -> None:
    total = sum(totals)
    deciles = [
        {"decile": n, "customers": 1 if n == 1 else 7, "total": held, "share": held / total if total > 0 else None,
         "min_clv": held - 2, "max_clv": held + 2}
        for n, held in enumerate(totals, 1)
    ]  # fmt: skip
    page.size(width, 1400)
    call(page, "tenths", "drawTenths", {"deciles": deciles, "customers": 64})
    names = ["top tenth", *(f"{n}." for n in range(2, 10)), "last"]
    told = [
        f"{name}: {'1 customer holds' if n == 0 else '7 customers hold'} {held:,.2f}; "
        f"each is worth {held - 2:,.2f} to {held + 2:,.2f}"
        for n, (name, held) in enumerate(zip(names, totals, strict=True))
    ]
    columns = "[...document.querySelectorAll('#deciles .column')]"
    assert page.run(f"{columns}.map((one) => one.getAttribute('aria-label'))") == told
    assert page.run(f"{columns}.map((one) => one.getAttribute('href'))") == [f"#tenth={n}" for n in range(1, 11)]
    shares = [f"{held / total * 100:.1f}".removesuffix(".0") + "%" if total > 0 else f"{held:,.2f}" for held in totals]
    assert page.run(f"{columns}.map((one) => one.querySelector('.share').textContent)") == shares
    finding = (
        f"The top tenth of customers holds {shares[0]} of the value" if total > 0 else "Value by tenth of customers"
    )
    assert page.text("#finding") == finding
    side = "height" if width > 560 else "width"
    bars = page.run(f"{columns}.map((one) => Number(one.querySelectorAll('rect')[1].getAttribute('{side}')))")
    longest = max(map(abs, totals))
    a_pixel = [max(1, abs(held) / longest * max(bars)) for held in totals]
    assert bars == pytest.approx(a_pixel, abs=0.01)


def test_a_line_has_its_days_at_their_distance_its_values_at_their_height_and_a_gap_where_the_model_changed(
    page: Page,
) -> None:
    days, values, models = ("2017-01-01", "2017-01-11", "2017-04-11"), (0.0, 50.0, 100.0), ("a", "a", "b")
    history = [
        {"as_of_date": day, "total": value, "model_id": model, "horizon_days": 180}
        for day, value, model in zip(days, values, models, strict=True)
    ]
    page.size(1200, 1400)
    call(page, "overview", "drawTrend", {"history": history})
    dots = "[...document.querySelectorAll('#trend .dot')]"
    x, y = (page.run(f"{dots}.map((dot) => Number(dot.getAttribute('{side}')))") for side in ("cx", "cy"))
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx(0.1, abs=0.01)
    assert (y[0] - y[1]) / (y[0] - y[2]) == pytest.approx(0.5, abs=0.01)
    assert y[0] == pytest.approx(page.run("Number(document.querySelector('#trend .axis').getAttribute('y1'))"), abs=0.1)
    path = page.run("document.querySelector('#trend .spark').getAttribute('d')")
    assert "".join(letter for letter in path if letter.isalpha()) == "MLM"
    told = [
        f"{date.fromisoformat(day):%b} {date.fromisoformat(day).day}, 2017: {value:,.2f}"
        for day, value in zip(days, values, strict=True)
    ]
    assert page.run(f"{dots}.map((dot) => dot.textContent)") == told


def test_while_a_file_is_sent_it_is_told_which_share_is_and_a_refusal_in_the_server_s_words(page: Page) -> None:
    shares, status, said = page.run("""
        import('/static/ask.js').then(async ({ send }) => {
            const shares = [], form = new FormData(), { signal } = new AbortController();
            form.append('orders', new Blob([new Uint8Array(3e6)]));
            const onShare = (share) => shares.push(share);
            const error = await send('orders', form, { onShare, signal }).catch((error) => error);
            return [shares, error.status, error.message];
        })
    """)
    assert shares == sorted(shares) and shares[0] > 0 and shares[-1] <= 1  # a refusal may come before its end
    assert status == 403 and "This API takes no uploads" in said


def test_two_values_are_compared_only_where_model_and_days_are_the_same(page: Page) -> None:
    one = {"model_id": "a", "horizon_days": 180}
    for other in (one, one | {"model_id": "b"}, one | {"horizon_days": 90}, one | {"horizon_days": None}):
        assert call(page, "charts", "comparable", one, other) is (other == one)


def test_numbers_and_days_are_written_as_they_are_read(page: Page) -> None:
    sizes = {0: "0 bytes", 999: "999 bytes", 1000: "1 KB", 999_949: "999.9 KB", 10**6: "1 MB", 1_550_000: "1.6 MB",
             10**9: "1 GB", 5 * 2**30: "5.4 GB"}  # fmt: skip
    assert {number: call(page, "format", "bytes", number) for number in sizes} == sizes
    money = {0: "0.00", 9_999.99: "9,999.99", 10_000: "10,000", -9_999.5: "-9,999.50", -10_000.4: "-10,000"}
    assert {value: call(page, "format", "money", value) for value in money} == money
    for number, said in ((0, "0 days"), (1, "1 day"), (2, "2 days"), (1500, "1,500 days")):
        assert call(page, "format", "count", number, "day", "days") == said
    for text, days in (("2024-02-28", 1), ("2023-12-31", 366), ("2017-10-17", 365), ("2017-03-25", 2)):
        assert call(page, "format", "later", text, days) == (date.fromisoformat(text) + timedelta(days)).isoformat()


def test_a_page_that_stays_open_asks_for_the_newest_build_each_minute(tmp_path: Path) -> None:
    publish(tmp_path / "warehouse", "one", VALUES)
    clock = "window.setInterval = (again, every) => Object.assign(window, { again, every });"
    with serving(tmp_path / "warehouse") as server, browser(tmp_path / "profile") as page:
        page.call("Page.enable")
        page.call("Page.addScriptToEvaluateOnNewDocument", source=clock)
        page.open(f"http://127.0.0.1:{server.port}/")
        page.wait("document.getElementById('provenance')?.textContent.includes('Build one')")
        publish(tmp_path / "warehouse", "two", {name: value * 2 for name, value in VALUES.items()})
        server.wait(lambda: server.get("/health").json["build_id"] == "two")
        assert page.run("window.every") == 60_000
        page.run("window.again()")
        page.wait("document.getElementById('provenance').textContent.includes('Build two')")
