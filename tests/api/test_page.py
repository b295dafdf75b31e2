"""The page, in a real browser, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from tests.api.browser import Page, browser
from tests.api.conftest import IDS, VALUES, Server, publish, serving

pytestmark = pytest.mark.slow

WAYS = ("new", "active", "slipping", "lapsed")

DOUBTS: list[dict[str, Any]] = [
    {"code": "similar_ids", "text": "213 ids differ only by case, such as Ann@x and ann@x.", "figures": {"ids": 213}},
    {"code": "other_orders", "text": "The model was trained on <b>other</b> orders.", "figures": {}},
]

COME_BACK = """
(async () => {
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    await fetch("summary");
    await new Promise((drawn) => setTimeout(drawn, 300));
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def show(page: Page, server: Server, hash_: str = "") -> None:
    page.open("about:blank")
    page.open(f"http://127.0.0.1:{server.port}/{hash_}")
    page.wait("document.getElementById('provenance')?.textContent")


FIT = """
[...document.querySelectorAll("#trend svg, #card svg")]
    .every((svg) => Number(svg.querySelector(".axis").getAttribute("x2")) + 46 === svg.clientWidth)
"""


@pytest.mark.parametrize(("width", "turned"), [(1200, 700), (400, 700)])
def test_the_page_draws_what_the_summary_says(page: Page, server: Server, width: int, turned: int) -> None:
    page.size(width, 1400)
    show(page, server, "#customer=c089")
    page.wait("document.querySelector('#card .spark')")
    summary, text = server.get("/summary").json, page.text()
    assert f"{summary['total']:,.2f}" in text
    assert "over the next 365 days" in text
    share = f"{summary['deciles'][0]['share'] * 100:.1f}".removesuffix(".0")
    assert f"holds {share}% of the value" in text
    assert page.run("document.querySelectorAll('.column').length") == 10
    assert all(f"{one['clv']:,.2f}" in page.text("#top") for one in summary["top"])
    assert "Order lines that could not be used\n1\nof 10" in page.text("#facts")
    assert "Order lines left out as asked\n2\nof 10" in page.text("#facts")
    assert f"{(datetime.now(UTC).date() - date(2017, 10, 17)).days:,} days ago" in page.text("#facts")
    tenths = page.run("[...document.querySelectorAll('#deciles .column .soft')].map((name) => name.textContent)")
    assert tenths == ["top tenth", *(f"{number}." for number in range(2, 10)), "last"]
    assert f"{VALUES['c089']:,.2f}" in page.text("#card")
    assert "Rank 11 of 100; 10% of them are worth more." in page.text("#card")
    known = ["First order\nJan 2, 2017", "Last order\nOct 1, 2017", "Since the last order\n12 days", "Orders\n2"]
    known += ["Revenue so far\n109.30", "Largest order\n92.60", "Most pieces in one order\n3", "Longest pause\n26 days"]
    assert [fact for fact in known if fact not in page.text("#card")] == []
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    page.size(turned, 1400)
    page.wait(FIT)


def test_links_and_back_lead_from_customer_to_customer_and_to_a_tenth(page: Page, server: Server) -> None:
    page.size(1200, 1400)
    show(page, server)
    first, second = sorted(VALUES, key=VALUES.get, reverse=True)[:2]
    assert page.text("#card") == ""
    page.run("document.querySelectorAll('#top a')[0].click()")
    page.wait(f"document.querySelector('#card .id')?.textContent === {first!r}")
    page.run("document.querySelectorAll('#top a')[1].click()")
    page.wait(f"document.querySelector('#card .id')?.textContent === {second!r}")
    page.run("history.back()")
    page.wait(f"document.querySelector('#card .id')?.textContent === {first!r}")
    page.run("document.querySelectorAll('#deciles .column')[2].dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    page.wait("document.querySelectorAll('#tenth li').length === 10")
    assert "Tenth 3: 10 customers" in page.text("#tenth")
    third = [one["user_id"] for one in server.get("/predictions?decile=3").json["predictions"]]
    assert page.run("[...document.querySelectorAll('#tenth .id')].map((id) => id.textContent)") == third


@pytest.mark.parametrize("customer_id", [*IDS[:8], "c&d=1+2"])
def test_any_id_can_be_typed_and_its_address_shared(page: Page, server: Server, customer_id: str) -> None:
    show(page, server)
    page.run("document.getElementById('customer').focus()")
    page.type(customer_id)
    page.press("Enter")
    page.wait("!document.getElementById('card').hidden")
    shown = page.text("#card")
    assert (customer_id in shown) if customer_id in VALUES else ("No customer has this id." in shown)
    show(page, server, f"#customer={quote(customer_id, safe='')}")
    page.wait("!document.getElementById('card').hidden")
    assert page.text("#card") == shown


def test_a_tenth_can_be_chosen_by_keyboard_and_says_what_it_is(page: Page, server: Server) -> None:
    show(page, server)
    page.run("document.querySelector('.column').focus()")
    assert page.run("document.activeElement.getAttribute('aria-label')").startswith("top tenth: 10 customers hold ")
    page.press("Enter")
    page.wait("document.querySelectorAll('#tenth li').length === 10")


def test_by_keyboard_the_first_stop_leads_past_all_lists_to_the_search(page: Page, server: Server) -> None:
    show(page, server)
    page.press("Tab")
    assert page.run("getComputedStyle(document.activeElement).clipPath") == "none"  # seen as soon as it has the focus
    page.press("Enter")
    page.wait("location.hash === '#lookup'")
    page.press("Tab")
    assert page.run("document.activeElement.id") == "customer"


def test_warnings_of_the_build_stand_on_the_page_and_in_health(page: Page, tmp_path: Path) -> None:
    publish(tmp_path / "warehouse", "doubtful", VALUES, DOUBTS)
    with serving(tmp_path / "warehouse") as server:
        assert server.get("/health").json["warnings"] == DOUBTS
        assert "clv_snapshot_warnings 2.0" in server.get("/metrics").body.decode()
        show(page, server)
        assert "2 things are doubtful about these numbers" in page.text("#warnings")
        for doubt in DOUBTS:
            assert doubt["text"] in page.text("#warnings")  # as text, whatever stands in it


def test_a_build_without_doubts_has_no_banner(page: Page, server: Server) -> None:
    show(page, server)
    assert page.text("#warnings") == ""


def test_a_new_build_redraws_page_and_card_and_keeps_the_focus_and_the_same_build_touches_nothing(
    page: Page, tmp_path: Path
) -> None:
    publish(tmp_path / "warehouse", "one", VALUES)
    with serving(tmp_path / "warehouse") as server:
        show(page, server, "#customer=c089")
        page.wait("document.querySelector('#card .value')")
        page.run("document.querySelector('#top a').focus(); kept = document.activeElement; undefined")
        page.run(COME_BACK)
        assert page.run("kept === document.activeElement && kept.isConnected")
        publish(tmp_path / "warehouse", "two", {name: value * 2 for name, value in VALUES.items()})
        server.wait(lambda: server.get("/health").json["build_id"] == "two")
        page.run(COME_BACK)
        page.wait(f"document.querySelector('#card .value').textContent === '{VALUES['c089'] * 2:,.2f}'")
        page.wait("document.activeElement.getAttribute('href') === kept.getAttribute('href')")
        assert page.run("document.activeElement.closest('ol').id") == "top"  # where it was, not in another list


def test_no_two_builds_are_mixed_on_the_page(page: Page, tmp_path: Path) -> None:
    publish(tmp_path / "warehouse", "one", VALUES)
    with serving(tmp_path / "warehouse") as server:
        show(page, server)
        publish(tmp_path / "warehouse", "two", {name: value * 2 for name, value in VALUES.items()})
        server.wait(lambda: server.get("/health").json["build_id"] == "two")
        assert "Build one" in page.text("#provenance")
        page.run("document.querySelector('.column').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
        page.wait("document.getElementById('provenance').textContent.includes('Build two')")
        page.wait(f"document.getElementById('total').textContent === '{sum(VALUES.values()) * 2:,.2f}'")
        page.wait("document.querySelectorAll('#tenth li').length === 10")


def test_a_token_that_is_wrong_is_told_and_the_right_one_opens(page: Page, warehouse: Path) -> None:
    with serving(warehouse, "page-with-token", API_TOKENS="the-one-token-that-may") as server:
        page.open(f"http://127.0.0.1:{server.port}/")
        page.wait("document.getElementById('access')?.hidden === false")
        assert page.text("#refused") == ""
        page.run("document.getElementById('token').focus()")
        page.type("not-the-token-that-may")
        page.press("Enter")
        page.wait("document.getElementById('refused').textContent")
        assert "not one that may ask" in page.text("#refused")
        page.run("document.getElementById('token').value = ''; document.getElementById('token').focus()")
        page.type("the-one-token-that-may")
        page.press("Enter")
        page.wait("!document.getElementById('content').hidden")
        assert page.text("#access") == ""
        # A link cannot send the token: the page fetches the file and hands it over.
        page.run("taken = 0; HTMLAnchorElement.prototype.click = function () { taken = [this.download, this.href]; }")
        click = "new MouseEvent('click', {bubbles: true, cancelable: true})"
        page.run(f"document.querySelector('footer a').dispatchEvent({click})")
        page.wait("taken")
        name, address = page.run("taken")
        assert name == "summary.json" and address.startswith("blob:")
        page.run("sessionStorage.clear()")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"a": 5.0}, ["is what 1 customer is predicted", "Each customer's part of the value", "100%"]),
        ({f"c{n}": float(n) for n in range(7)}, ["7 customers are", "Each customer's part of the value", "No. 7"]),
        ({f"c{n}": 5.0 - n for n in range(30)}, ["Value by tenth of customers", "-69.00"]),
        ({}, ["0 customers"]),
    ],
    ids=["one", "seven", "negative", "none"],
)
def test_few_customers_and_negative_values_are_shown_as_what_they_are(
    page: Page, tmp_path: Path, values: dict[str, float], says: list[str]
) -> None:
    publish(tmp_path / "warehouse", "few", values)
    with serving(tmp_path / "warehouse") as server:
        show(page, server)
        text = page.run("document.body.textContent")  # the pictures' too
        assert [words for words in says if words not in text] == []
        assert not page.run("document.querySelector('svg').outerHTML.includes('NaN')")
        bars = "[...document.querySelectorAll('.column rect:not(.touch)')]"
        below = page.run(f"{bars}.map((bar) => Number(bar.getAttribute('y')))")
        if min(values.values(), default=0) < 0:
            assert max(below) > min(below)
            assert below[-1] == max(below)  # hangs from the line that zero is


CHANGED = """
update int_compared_dates set is_comparable = {comparable};
create or replace table value_changes as select * from (values {movements})
    as moved(movement, customers, predicted_before, predicted_now);
create or replace table movers as select * from (
        values ('c001', 1.0, 9.0, 8.0), ('c003', 1, 7, 6), ('c004', 1, 6, 5), ('c005', 1, 5, 4), ('c006', 1, 4, 3),
            ('c007', 1, 3, 2), ('c002', 7, 4, -3)
    ) as moved(customer_id, predicted_before, predicted_now, change) where {comparable};
update prediction_history set model_id = 'older' where not {comparable} and as_of_date = date '2017-10-10';
update value_by_date set model_id = 'older' where not {comparable} and as_of_date = date '2017-10-10';
"""


@pytest.mark.parametrize(
    ("comparable", "movements", "says", "lines"),
    [
        (
            True,
            "('joined', 2, 0, 10), ('risen', 1, 1, 9), ('fallen', 3, 30, 9.5), ('left', 1, 4, 0)",
            {
                "#change": "less than on Oct 10, 2017, down ",
                "#new": "Since Oct 10, 2017, 2 customers joined, worth 10.00, and 1 other rose by 8.00",
                "#movements": "−20.50\n3 customers",
                "#risers": "c001\n+8.00\n2\nc003\n+6.00",
                "#fallers": "c002\n−3.00",
            },
            1,
        ),
        (
            False,
            "('joined', 1, 0, 10), ('predicted anew', 99, 50, 90)",
            {
                "#change": "but by another model or over other days: the two are not to be compared.",
                "#new": "Since Oct 10, 2017, 1 customer joined, worth 10.00",
                "#news": "Another model predicted then",
                "#risers": "",
            },
            2,  # a line that breaks where the model did
        ),
    ],
    ids=["the same model", "another model"],
)
def test_what_is_new_is_said_and_leads_to_who_it_is(
    page: Page, tmp_path: Path, comparable: bool, movements: str, says: dict[str, str], lines: int
) -> None:
    build = publish(tmp_path / "warehouse", "one", VALUES)
    with duckdb.connect(build / "clv.duckdb") as db:
        db.execute("update value_by_date set predicted_clv = 2 * predicted_clv + 1e4 where as_of_date = '2017-10-10'")
        db.execute(CHANGED.format(comparable=comparable, movements=movements))
    with serving(tmp_path / "warehouse") as server:
        show(page, server)
        for place, words in says.items():
            found = page.text(place)
            assert (words in found) if words else found == "", (place, found)
        assert page.run("document.querySelector('#trend .spark').getAttribute('d')").count("M") == lines
        beside = page.run("[...document.querySelectorAll('#trend svg .soft')].map((text) => text.textContent)")
        assert beside == ["0", "12K", "Oct 10, 2017", "Oct 17, 2017"]
        if comparable:
            assert page.run("document.querySelectorAll('#risers li').length") == 5
            page.run("document.querySelector('#risers a').click()")
            page.wait("document.querySelector('#card .id')?.textContent === 'c001'")


def test_the_first_build_has_nothing_to_compare_with(page: Page, tmp_path: Path) -> None:
    build = publish(tmp_path / "warehouse", "one", VALUES)
    with duckdb.connect(build / "clv.duckdb") as db:
        db.execute("delete from value_by_date where as_of_date <> '2017-10-17'; delete from int_compared_dates;")
        db.execute("delete from predicted_and_actual")
    with serving(tmp_path / "warehouse") as server:
        show(page, server)
        assert page.text("#changes") == page.text("#change") == page.text("#trend") == ""
        assert "From Oct 17, 2018 on, what was predicted on Oct 17, 2017 can be held against" in page.text("#outcome")


def test_segments_lead_to_their_customers_and_files_and_the_valuable_who_slip_away_stand_first(
    page: Page, server: Server
) -> None:
    show(page, server)
    page.wait("document.querySelectorAll('#segment-table .cell').length")
    segments = {(one["tier"], one["lifecycle"]): one for one in server.get("/segments").json["segments"]}
    shown = page.run("[...document.querySelectorAll('#segment-table td')].map((cell) => parseInt(cell.innerText) || 0)")
    assert shown == [segments[tier, way]["customers"] for way in WAYS for tier in ("high", "medium", "low")]

    kept = sum(one["share"] for (_, way), one in segments.items() if way in ("new", "active"))
    assert page.text("#ways").startswith(f"{f'{kept * 100:.1f}'.removesuffix('.0')}% of the value is with customers")
    slipping = [segments[tier, "slipping"] for tier in ("high", "medium")]
    assert f"{sum(one['customers'] for one in slipping)} customers of value are slipping away" in page.text("#losing")
    wanted = [
        one["user_id"]
        for tier in ("high", "medium")
        for one in server.get(f"/predictions?tier={tier}&lifecycle=slipping").json["predictions"]
    ]
    assert page.run("[...document.querySelectorAll('#slipping .id')].map((id) => id.textContent)") == wanted[:10]

    page.run("document.querySelector('#segment-table [href*=\"low%20active\"]').focus()")
    assert "of low value, active, worth " in page.run("document.activeElement.getAttribute('aria-label')")
    page.press("Enter")
    page.wait("document.querySelectorAll('#segment li').length")
    active = server.get("/predictions?tier=low&lifecycle=active&limit=50").json["predictions"]
    ids = page.run("[...document.querySelectorAll('#segment .id')].map((id) => id.textContent)")
    assert ids == [one["user_id"] for one in active]
    assert page.run("document.querySelector('#segment .files a').getAttribute('href')") == (
        "customers.csv?tier=low&lifecycle=active"
    )


def test_of_a_large_group_the_rest_is_shown_page_by_page(page: Page, tmp_path: Path) -> None:
    publish(tmp_path / "warehouse", "one", {f"c{n:03}": -n * 0.01 for n in range(520)})
    with serving(tmp_path / "warehouse") as server:
        for box, chosen, asked in (
            ("#tenth", "#tenth=2", "decile=2"),
            ("#segment", "#segment=low%20active", "tier=low&lifecycle=active"),
        ):
            wanted = server.get(f"/predictions?limit=1000&{asked}").json["predictions"]
            show(page, server, chosen)
            for shown in range(50, len(wanted) + 50, 50):
                page.wait(f"document.querySelectorAll('{box} li').length === {min(shown, len(wanted))}")
                assert page.run(f"document.querySelector('{box} button').hidden") is (shown >= len(wanted))
                page.run(f"document.querySelector('{box} button').click()")
            ids = page.run(f"[...document.querySelectorAll('{box} .id')].map((id) => id.textContent)")
            assert ids == [one["user_id"] for one in wanted]


def test_cohorts_what_came_of_predictions_and_money_in_its_currency(page: Page, tmp_path: Path, server: Server) -> None:
    build = publish(tmp_path / "warehouse", "one", VALUES)
    with duckdb.connect(build / "clv.duckdb") as db:
        db.execute("alter table build_info add column currency varchar; update build_info set currency = 'EUR'")
        db.execute("insert into cohorts values (date '2016-12-01', 10, 4, 200, 50)")
        db.execute("alter table customer_value add column days_since_last_purchase bigint default 60")
        db.execute("alter table customer_value add column usual_gap double default 25.7")
        db.execute("alter table customer_value add column pace_kept double default 0.375")
        db.execute("update customer_value set pace_kept = null where clv_rank % 2 = 0")
    with serving(tmp_path / "warehouse") as euros:
        show(page, euros)
        assert "The predictions of Oct 10, 2016 were 11.1% too high in total" in page.text("#outcome")
        assert "for the 365 days to Oct 10, 2017" in page.text("#outcome")
        assert "1\t€100.00\t€90.00\t50%" in page.text("#tenths-then")
        assert "Who first came in Jan 2017 is worth most: €109.30 spent each" in page.text("#cohorts")
        assert "Dec 2016\t10\t40%\t€20.00\t€5.00" in page.text("#cohort-table")
        assert page.text("#total").startswith("€")
        silent = page.run("[...document.querySelectorAll('#slipping small')].map((why) => why.innerText)")
        assert set(silent) == {"60 days silent, usually 26 days", "38% of their pace, 60 days silent"}
        assert page.text("#report") == ""  # no training left one here
    show(page, server)
    assert page.text("#cohorts") == ""  # of one month there is nothing to compare
    assert "report of its training" in page.text("#report")


def test_an_imputed_pause_is_not_shown_as_a_fact(page: Page, tmp_path: Path) -> None:
    build = publish(tmp_path / "warehouse", "one", {"once": 1.0, "twice": 2.0})
    with duckdb.connect(build / "clv.duckdb") as db:
        db.execute("update customer_value set total_orders = 1 where customer_id = 'once'")
    with serving(tmp_path / "warehouse") as server:
        for customer, shown in (("once", False), ("twice", True)):
            show(page, server, f"#customer={customer}")
            page.wait("document.querySelector('#card dl')")
            assert ("Longest pause" in page.text("#card")) is shown


def test_the_card_claims_no_more_than_is_known(page: Page, tmp_path: Path) -> None:
    build = publish(tmp_path / "warehouse", "one", {f"c{n:02}": 5.0 for n in range(12)})
    with duckdb.connect(build / "clv.duckdb") as db:
        db.execute("alter table customer_value add column clv_lower double")
        db.execute("alter table customer_value add column clv_upper double")
        for customer, low, high in (("c00", 2.0, 9.0), ("c01", 0.0, 9.0), ("c02", 0.0, 0.0)):
            db.execute(
                f"update customer_value set clv_lower = {low}, clv_upper = {high} where customer_id = '{customer}'"
            )
    said = {
        "c00": "Rank 1 of 12.\n\n90% sure to be at most 9.00, and 90% sure to be at least 2.00.",
        "c01": "Rank 1 of 12.\n\n90% sure to be at most 9.00.",
        "c02": "Rank 1 of 12.\n\n90% sure that nothing more comes.",
        "c03": "Rank 1 of 12.",
    }
    with serving(tmp_path / "warehouse") as server:
        for customer, words in said.items():
            show(page, server, f"#customer={customer}")
            page.wait("document.querySelector('#card dl')")
            assert (
                "\n\n".join(page.run("[...document.querySelectorAll('#card .sub')].map((p) => p.innerText)")) == words
            )


def test_without_a_build_the_page_says_so_and_names_no_path(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path / "warehouse") as server:
        page.open(f"http://127.0.0.1:{server.port}/")
        page.wait("document.getElementById('notice')?.textContent")
        assert "As soon as a build is published" in page.text("#notice")
        assert str(tmp_path) not in page.text()


def test_the_docs_page_shows_the_contract_without_a_network(page: Page, server: Server) -> None:
    page.open(f"http://127.0.0.1:{server.port}/docs")
    page.wait("document.body?.textContent.includes('The predicted value of one customer')")


def test_what_the_dark_turns_round_on_the_docs_page_has_the_colours_of_the_light(page: Page, server: Server) -> None:
    shown = []
    for scheme in ("light", "dark"):
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.open(f"http://127.0.0.1:{server.port}/docs")
        page.wait("document.querySelector('.models button')")
        shown.append(page.run("getComputedStyle(document.querySelector('.models button')).backgroundColor"))
    page.call("Emulation.setEmulatedMedia", features=[])
    assert shown[0] == shown[1]
