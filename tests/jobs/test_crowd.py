"""A hundred uploads from eight clients at once: each is settled as it deserves, none is lost and none built twice.

FAULTS=full (make test-faults) has all of them built. Otherwise the clients think better of most, so that it takes less
time.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.jobs.conftest import ORDERS, Desk

UPLOADS, CLIENTS = 100, 8
EACH = 1 if os.environ.get("FAULTS") == "full" else 15  # of so many, one is built
KEPT = set(range(0, UPLOADS, EACH))
BAD = set(range(2 * EACH, UPLOADS, 3 * EACH))  # of those that are built


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_uploads_from_eight_clients_are_settled_truthfully_and_built_once_in_their_order(desk: Desk) -> None:
    desk.work()

    def upload(number: int) -> str:
        """One client's: what is refused because others were first comes again."""
        line = f"d{number},d,1,{'one' if number in BAD else 1},5,2017-10-01\n".encode()
        while (answer := desk.upload(ORDERS + line, f"?name=file-{number}.csv")).status == 503:
            time.sleep(0.1)
        assert answer.status == 202, answer.body
        if number not in KEPT:
            assert desk.server.request("DELETE", f"/builds/{answer.json['id']}").status in (202, 409)
        return answer.json["id"]

    with ThreadPoolExecutor(CLIENTS) as clients:
        ids = list(clients.map(upload, range(UPLOADS)))
    desk.until(lambda: not {build["state"] for build in desk.builds()} & {"queued", "running"}, 1500)

    settled = {build["id"]: build for build in desk.builds()}
    assert settled.keys() == set(ids) and len(ids) == UPLOADS
    for number, build_id in enumerate(ids):
        kept = "failed" if number in BAD else "published"
        may_be = {kept} if number in KEPT else {"cancelled", kept}  # it may have been built before the word came
        assert settled[build_id]["state"] in may_be and settled[build_id]["name"] == f"file-{number}.csv"
        begun = desk.log().count(f"{build_id}  file-{number}.csv: begun")
        assert begun == 1 if number in KEPT else begun <= 1
        if number in BAD:
            (reason,) = desk.build(build_id)["rejected"]
            assert reason["examples"] == [f"line 5: d{number},d,1,one,5,2017-10-01"], "of its own file"
    published = [build["id"] for build in settled.values() if build["state"] == "published"]
    assert len({desk.build(build_id)["build"]["build_id"] for build_id in published}) == len(published)
    moments = [settled[build_id]["started_at"] for build_id in published]
    assert moments == sorted(moments), "in the order in which they were queued"
    last = ids.index(published[-1])
    assert desk.query("select customer_id from predictions where customer_id like 'd%'") == [(f"d{last}",)]
    assert desk.assert_whole() == desk.build(published[-1])["build"]["build_id"]
