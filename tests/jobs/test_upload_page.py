"""Orders are brought on the page, in a real browser, to the real server and worker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.api.browser import Page, browser
from tests.jobs.conftest import ORDERS, Desk

pytestmark = pytest.mark.slow

READER, UPLOADER = "a-token-that-reads-only", "a-token-that-uploads-too"
BAD = ORDERS + b"x,x1,1,one,5,2017-10-01\n"
# Two columns that may be the money, two readings of the dates, and a line twice.
ODD = b"""Kunde;Bestellnummer;Umsatz;Betrag;Datum
a;a1;10,50;1;03/04/2017
b;b1;20,50;2;05/06/2017
c;c1;30,50;3;07/08/2017
c;c1;30,50;3;07/08/2017
"""
DECIDE = "#reading button:not([hidden])"


@pytest.fixture
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.size(1200, 1000)
        yield page


def give_token(page: Page, token: str) -> None:
    page.wait("document.activeElement?.id === 'token'")
    page.run("document.activeElement.value = ''; document.getElementById('refused').textContent = ''")
    page.type(token)
    page.press("Enter")


def press(page: Page, selector: str) -> None:
    """As somebody without a mouse does."""
    page.run(f"document.querySelector({selector!r}).focus()")
    page.press("Enter")


def until_told(page: Page, text: str) -> None:
    page.wait(f"document.getElementById('uploaded').textContent.includes({json.dumps(text)})", 180)


def until_asked(page: Page, title: str) -> None:
    """Until it is shown how the file is read, under a title that has the focus."""
    page.wait(f"document.activeElement?.textContent === {json.dumps(title)}")


def choose(page: Page, answer: str) -> None:
    labels = "[...document.querySelectorAll('#questions label')]"
    page.run(f"{labels}.find((label) => label.textContent.endsWith({json.dumps(answer)})).click()")


def test_who_may_drops_a_file_and_sees_what_comes_of_it(
    page: Page, open_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    (good := tmp_path / "good.csv").write_bytes(ORDERS)
    (bad := tmp_path / "bad.csv").write_bytes(BAD)
    (large := tmp_path / "large.csv").write_bytes(bytes(1_600_000))
    desk = open_desk(UPLOADS="0", API_TOKENS=READER, UPLOAD_TOKENS=UPLOADER, UPLOAD_LIMIT="1M")

    def builds() -> list[dict]:
        return desk.server.get("/builds", Authorization=f"Bearer {UPLOADER}").json["builds"]

    page.open(f"http://127.0.0.1:{desk.server.port}/")
    give_token(page, READER)
    page.wait("document.getElementById('may-upload')?.checkVisibility()")
    assert page.text("#upload") == page.text("#access") == ""
    press(page, "#may-upload")
    give_token(page, "a-token-of-nobody-here")
    page.wait("document.getElementById('refused').textContent")
    give_token(page, READER)
    page.wait("!document.getElementById('access').checkVisibility()")
    page.wait("document.getElementById('may-upload').checkVisibility()")
    press(page, "#may-upload")
    give_token(page, READER)
    page.wait("document.getElementById('refused').textContent")
    assert "may not upload" in page.text("#refused")
    give_token(page, UPLOADER)
    page.wait("document.getElementById('upload').checkVisibility()")
    assert page.text("#access") == page.text("#may-upload") == ""

    page.drop(good, bad)
    until_told(page, "One file at a time")
    page.choose("#orders-file", large)
    press(page, "#orders button")
    until_told(page, "large.csv has 1.6 MB; a file may have 1 MB at most.")
    assert not builds(), "it is not even sent"
    page.drop(good)
    page.wait("document.activeElement?.textContent === 'Show how it is read'")
    page.press("Enter")
    until_told(page, "good.csv waits. No worker runs")
    assert page.run("document.activeElement.textContent") == "Cancel"
    page.press("Enter")
    until_told(page, "was cancelled")
    assert builds()[0]["state"] == "cancelled"
    assert page.run("document.activeElement.id") == "uploaded"

    page.choose("#orders-file", good)
    press(page, "#orders button")
    until_told(page, "good.csv waits. No worker runs")
    page.open("about:blank")
    build = f"/builds/{builds()[0]['id']}"
    assert desk.server.request("DELETE", build, Authorization=f"Bearer {UPLOADER}").json["state"] == "cancelled"
    page.open(f"http://127.0.0.1:{desk.server.port}/")
    until_told(page, "good.csv was cancelled")  # what came of it while the page was closed

    desk.work()
    page.choose("#orders-file", bad)
    press(page, "#orders button")
    until_asked(page, "bad.csv: 4 lines of 4 customers, 2017-10-01 to 2017-10-01")
    press(page, DECIDE)
    until_told(page, "bad.csv was not published")
    told = page.run("document.getElementById('uploaded').textContent")
    assert builds()[0]["message"] in told and "1 of 4 lines of bad.csv cannot be used" in told
    assert "invalid_num_items" in told and "make " not in told and str(desk.folder) not in told


def test_how_a_file_is_read_is_shown_and_asked_about_before_it_is_built(page: Page, desk: Desk, tmp_path: Path) -> None:
    (odd := tmp_path / "odd.csv").write_bytes(ODD)
    desk.work()
    page.open(f"http://127.0.0.1:{desk.server.port}/")
    page.wait("document.getElementById('upload').checkVisibility()")
    page.choose("#orders-file", odd)
    page.run("document.querySelector('[name=as_of]').value = '2017-10-17'")
    press(page, "#orders button")
    until_asked(page, "odd.csv: 2 things only you can say")
    page.call("Page.reload")  # what this tab has brought is still its own to decide on
    until_asked(page, "odd.csv: 2 things only you can say")
    assert "Two columns could be revenue: Umsatz and Betrag." in page.text("#questions")
    press(page, DECIDE)  # nothing is chosen, so nothing happens
    choose(page, "columns: {revenue: Umsatz}")
    choose(page, 'dates: "%d/%m/%Y"')
    press(page, DECIDE)
    until_asked(page, "odd.csv: 4 lines of 3 customers, 2017-04-03 to 2017-08-07")
    assert "revenue\tUmsatz\t10,50 · 20,50 · 30,50" in page.text("#read-columns")
    assert "not used: Betrag" in page.text("#read-notes")

    mapping = "document.querySelector('#reading textarea')"
    page.run(
        f"{mapping}.value = {mapping}.value.replace('%d/%m', '%m/%d'); {mapping}.dispatchEvent(new Event('input'))"
    )
    assert page.run(f"document.querySelector({DECIDE!r}).textContent") == "Read it so"
    press(page, DECIDE)
    until_asked(page, "odd.csv: 4 lines of 3 customers, 2017-03-04 to 2017-07-08")
    assert [build["state"] for build in desk.builds()] == ["held"], "nothing is built before somebody says so"

    before = desk.server.log.read_text().count('"GET", "route": "/builds/<build_id>"')
    started = time.monotonic()
    press(page, DECIDE)
    until_told(page, "odd.csv is being built: ")
    page.call("Page.reload")
    page.wait("document.querySelector('#building progress')?.value > 0", 180)  # it is followed again
    until_told(page, "odd.csv is published")
    looks = desk.server.log.read_text().count('"GET", "route": "/builds/<build_id>"') - before
    assert looks <= time.monotonic() - started + 3
    assert "3 customers, as of Oct 17, 2017." in page.text("#uploaded")
    assert desk.query("select sum(revenue), max(created_at_date)::text from stg_orders") == [
        (Decimal("92"), "2017-07-08")
    ]
    page.wait("document.getElementById('content').checkVisibility()")
    build = desk.build(desk.builds()[0]["id"])
    assert build["build"]["build_id"] in page.text("#provenance") and "from odd.csv" in page.text("#provenance")
    assert build["build"]["read_as"].splitlines()[0] in page.text("#uploaded")
    assert build["warnings"]
    for warning in build["warnings"]:
        assert str(desk.folder) not in warning["text"]
        for place in ("uploaded", "warnings"):
            assert warning["text"] in page.run(f"document.getElementById('{place}').textContent")
    page.run("document.querySelector('details').open = true; undefined")
    page.size(400, 1000)
    page.wait("document.documentElement.scrollWidth <= innerWidth")
