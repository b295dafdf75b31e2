"""Orders are brought on the page, in a real browser, to the real server and worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.browser import Page, browser
from tests.jobs.conftest import ORDERS, Desk

pytestmark = pytest.mark.slow

READER, UPLOADER = "a-token-that-reads-only", "a-token-that-uploads-too"
ODD = ORDERS + b"a,a1,1,1,10,2017-10-01\n"  # a line twice
BAD = ORDERS + b"x,x1,1,one,5,2017-10-01\n"


def give_token(page: Page, token: str) -> None:
    page.wait("document.activeElement?.id === 'token'")
    page.run("document.activeElement.value = ''; document.getElementById('refused').textContent = ''")
    page.type(token)
    page.press("Enter")


def press(page: Page, selector: str) -> None:
    """As somebody without a mouse does."""
    page.run(f"document.querySelector({selector!r}).focus()")
    page.press("Enter")


def test_who_may_drops_a_file_and_sees_what_comes_of_it(
    open_desk: Callable[..., Desk], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    odd, bad = tmp_path / "odd.csv", tmp_path / "bad.csv"
    odd.write_bytes(ODD.replace(b",", b";"))
    bad.write_bytes(BAD)
    desk = open_desk(UPLOADS="0", API_TOKENS=READER, UPLOAD_TOKENS=UPLOADER)
    authorization = f"Bearer {UPLOADER}"

    def newest() -> dict:
        return desk.server.get("/builds", Authorization=authorization).json["builds"][0]

    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.size(1200, 1000)
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

        page.drop(odd, bad)
        page.wait("document.getElementById('uploaded').textContent")
        assert "One file at a time" in page.text("#uploaded")
        page.drop(odd)
        page.wait("document.activeElement?.textContent === 'Build'")
        page.press("Enter")
        page.wait("document.getElementById('uploaded').textContent.includes('odd.csv waits. No worker runs')")
        assert page.run("document.activeElement.textContent") == "Cancel"
        page.press("Enter")
        page.wait("document.getElementById('uploaded').textContent.includes('was cancelled')")
        assert newest()["state"] == "cancelled"
        assert page.run("document.activeElement.id") == "uploaded"

        desk.work()
        page.choose("#orders-file", bad)
        press(page, "#orders button")
        page.wait("document.getElementById('uploaded').textContent.includes('bad.csv was not published')", 180)
        assert (failed := newest())["message"] in page.run("document.getElementById('uploaded').textContent")
        assert "invalid_num_items" in failed["message"]

        page.choose("#orders-file", odd)
        page.run("document.querySelector('[name=as_of]').value = '2017-10-17'")
        before = desk.server.log.read_text().count('"GET", "route": "/builds/<build_id>"')
        started = time.monotonic()
        press(page, "#orders button")
        page.wait("document.getElementById('uploaded').textContent.includes('odd.csv is being built: ')", 180)
        page.call("Page.reload")
        page.wait("document.querySelector('#building progress')?.value > 0", 180)  # it is followed again
        page.wait("document.getElementById('uploaded').textContent.includes('odd.csv is published')", 180)
        looks = desk.server.log.read_text().count('"GET", "route": "/builds/<build_id>"') - before
        assert looks <= time.monotonic() - started + 3
        assert "3 customers, as of Oct 17, 2017." in page.text("#uploaded")
        page.wait("document.getElementById('content').checkVisibility()")
        build = desk.server.get(f"/builds/{newest()['id']}", Authorization=authorization).json
        assert build["build"]["build_id"] in page.text("#provenance")
        assert build["build"]["read_as"].splitlines()[0] in page.text("#uploaded")
        assert build["warnings"]
        for warning in build["warnings"]:
            for place in ("uploaded", "warnings"):
                assert warning["text"] in page.run(f"document.getElementById('{place}').textContent")
        page.run("document.querySelector('details').open = true; undefined")
        page.size(400, 1000)
        page.wait("document.documentElement.scrollWidth <= innerWidth")
