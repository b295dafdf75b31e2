"""The page, in a real browser, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from tests.api.browser import Page, browser
from tests.api.conftest import IDS, VALUES, Server, publish, serving

pytestmark = pytest.mark.slow

DOUBTS: list[dict[str, Any]] = [
    {"code": "similar_ids", "text": "213 ids differ only by case, such as Ann@x and ann@x.", "figures": {"ids": 213}},
    {"code": "other_orders", "text": "The model was trained on <b>other</b> orders.", "figures": {}},
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def show(page: Page, server: Server, hash_: str = "") -> None:
    page.open("about:blank")
    page.open(f"http://127.0.0.1:{server.port}/{hash_}")
    page.wait("document.getElementById('provenance')?.textContent")


@pytest.mark.parametrize("width", [1200, 400])
def test_the_page_draws_what_the_summary_says(page: Page, server: Server, width: int) -> None:
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
    assert "1 of 10" in page.text("#facts")  # order lines that were not used
    assert f"{VALUES['c089']:,.2f}" in page.text("#card")
    assert "Rank 11 of 100; ahead of 89% of them." in page.text("#card")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


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
    page.run("document.querySelectorAll('.column')[2].dispatchEvent(new MouseEvent('click', {bubbles: true}))")
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
        page.run("load()")
        assert page.run("kept === document.activeElement && kept.isConnected")
        publish(tmp_path / "warehouse", "two", {name: value * 2 for name, value in VALUES.items()})
        server.wait(lambda: server.get("/health").json["build_id"] == "two")
        page.run("load()")
        assert f"{VALUES['c089'] * 2:,.2f}" in page.text("#card")
        assert page.run("document.activeElement.getAttribute('href') === kept.getAttribute('href')")


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


@pytest.mark.parametrize(
    ("edit", "says", "lines"),
    [
        ("select 1", "10.00 more than on Oct 10, 2017, up 100%, with as many customers.", 1),
        (
            "delete from {before} and customer_id = 'a'",
            "15.00 more than on Oct 10, 2017, up 300%, with 1 customer more.",
            1,
        ),
        (
            "update {before_set} predicted_clv = 40",
            "60.00 less than on Oct 10, 2017, down 75%, with as many customers.",
            1,
        ),
        ("update {before_set} model_id = 'older'", "it was 10.00, but by another model: the two are not to be", 2),
        ("delete from {before}", "", 0),
    ],
    ids=["grown", "joined", "shrunk", "another model", "first build"],
)
def test_what_changed_since_the_build_before_is_said(
    page: Page, tmp_path: Path, edit: str, says: str, lines: int
) -> None:
    build = publish(tmp_path / "warehouse", "one", {"a": 10.0, "b": 10.0})
    where = "as_of_date = date '2017-10-10'"
    with duckdb.connect(build / "clv.duckdb") as db:
        if "before_set" in edit:
            edit = edit.format(before_set="prediction_history set") + f" where {where}"
        db.execute(edit.format(before=f"prediction_history where {where}"))
    with serving(tmp_path / "warehouse") as server:
        show(page, server)
        assert (says in page.text("#change")) if says else page.text("#change") == ""
        drawn = page.run("document.querySelector('#trend .spark')?.getAttribute('d') ?? ''")
        assert drawn.count("M") == lines  # a line that breaks where the model did


def test_an_imputed_pause_is_not_shown_as_a_fact(page: Page, tmp_path: Path) -> None:
    build = publish(tmp_path / "warehouse", "one", {"once": 1.0, "twice": 2.0})
    with duckdb.connect(build / "clv.duckdb") as db:
        db.execute("update customer_value set total_orders = 1 where customer_id = 'once'")
    with serving(tmp_path / "warehouse") as server:
        for customer, shown in (("once", False), ("twice", True)):
            show(page, server, f"#customer={customer}")
            page.wait("document.querySelector('#card dl')")
            assert ("Longest pause" in page.text("#card")) is shown


def test_without_a_build_the_page_says_so_and_names_no_path(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path / "warehouse") as server:
        page.open(f"http://127.0.0.1:{server.port}/")
        page.wait("document.getElementById('notice')?.textContent")
        assert "As soon as a build is published" in page.text("#notice")
        assert str(tmp_path) not in page.text()


def test_the_docs_page_shows_the_contract_without_a_network(page: Page, server: Server) -> None:
    page.open(f"http://127.0.0.1:{server.port}/docs")
    page.wait("document.body.textContent.includes('The predicted value of one customer')")
