"""The short way to one prediction and Flask's are two ways to one answer."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from api import create_app
from api.middleware.one_prediction import OnePrediction
from api.settings import Settings
from tests.api.conftest import IDS, VALUES, Server, publish


def test_every_answer_is_the_one_that_flask_gives(tmp_path: Path, monkeypatch) -> None:
    publish(tmp_path, "one", VALUES)
    app = create_app(Settings(tmp_path))
    taken = []
    answer = OnePrediction._answer

    def ask(customer_id: str, method: str, query: str, tag: str, lane: bool) -> TestResponse:
        def spied(self, environ, text):
            if not lane:
                return None
            taken.append(answer(self, environ, text))
            return taken[-1]

        monkeypatch.setattr(OnePrediction, "_answer", spied)
        headers = {"X-Request-Id": "same"} | ({"If-None-Match": tag} if tag else {})
        path = f"/predictions/{quote(customer_id, safe='')}"
        return Client(app.wsgi_app).open(path, method=method, query_string=query, headers=headers)

    queries = st.sampled_from(["", "", "", "tier=low", "%"])

    @given(st.sampled_from(IDS) | st.text(), st.sampled_from(["GET", "HEAD", "POST"]), queries, st.booleans())
    def same(customer_id: str, method: str, query: str, known: bool) -> None:
        tag = ask("c001", "GET", "", "", True).headers["ETag"] if known else ""
        fast, slow = (ask(customer_id, method, query, tag, lane) for lane in (True, False))
        assert (fast.status, fast.data, list(fast.headers)) == (slow.status, slow.data, list(slow.headers))

    same()
    assert any(taken) and None in taken


@pytest.mark.parametrize("spelling", ["%{:02X}", "%{:02x}"])
@pytest.mark.parametrize("customer_id", [name for name in VALUES if "/" not in name][:12])
def test_a_served_answer_has_the_headers_that_flask_gives(server: Server, customer_id: str, spelling: str) -> None:
    path = "/predictions/" + "".join(map(spelling.format, customer_id.encode()))
    fast, slow = (server.request(method, path, X_Request_Id="same") for method in ("GET", "HEAD"))  # no lane for HEAD
    assert fast.json == {"user_id": customer_id, "clv": VALUES[customer_id]}
    for answer in (fast, slow):
        del answer.headers["date"]
    assert (fast.status, fast.headers) == (slow.status, slow.headers)
