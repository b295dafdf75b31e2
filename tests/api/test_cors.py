"""Pages of other origins may ask where they are named, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.test import Client

from api import create_app
from api.settings import Settings, SettingsError

CRM, TOKEN = "https://crm.example.com", "a-token-0123456789"
PREFLIGHT = {"Origin": CRM, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


def client(warehouse: Path, *origins: str) -> Client:
    return Client(create_app(Settings(warehouse, tokens=(TOKEN,), cors_origins=origins)).wsgi_app)


def test_a_page_that_is_named_may_ask_and_read_and_another_one_may_not(warehouse: Path) -> None:
    named = client(warehouse, CRM, "http://localhost:3000")
    asked = named.options("/predictions/c001", headers=PREFLIGHT)
    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (204, CRM)
    assert {"Authorization", "Content-Type", "If-None-Match"} <= set(
        asked.headers["Access-Control-Allow-Headers"].split(", ")
    )
    ours = {method for rule in create_app(Settings(warehouse)).url_map.iter_rules() for method in rule.methods or ()}
    assert {*asked.headers["Access-Control-Allow-Methods"].split(", "), "OPTIONS"} == ours
    assert (asked.headers["Vary"], asked.data) == ("Origin", b"")
    headers = {"Origin": CRM, "Authorization": f"Bearer {TOKEN}"}
    assert named.options("/predictions/c001", headers={"Origin": CRM}).status_code == 401  # not a browser's question
    assert named.get("/predictions/c001", headers=PREFLIGHT).status_code == 401
    assert "GET" in named.options("/predictions/c001", headers=headers).headers["Allow"]
    for path, status in (("/predictions/c001", 200), ("/customers.csv", 200), ("/predictions/nobody", 404)):
        answer = named.get(path, headers=headers)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, CRM)
        assert "Origin" in answer.headers.getlist("Vary")
        exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
        ours = {"ETag", "Build-Id", "Cursor-Build-Id", "X-Request-Id", "Retry-After", "Location"}
        assert exposed == ours
    assert named.get("/summary", headers={"Origin": CRM}).headers["Access-Control-Allow-Origin"] == CRM  # so is a 401
    for other in ("https://crm.example.com.evil", "null", "https://crm.example.com:8443"):
        answer = named.get("/predictions/c001", headers=headers | {"Origin": other})
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]  # or a cache would give this one to an origin that may ask
        assert named.options("/predictions/c001", headers=PREFLIGHT | {"Origin": other}).status_code == 401


def test_nobody_is_named_where_nothing_is_set(warehouse: Path) -> None:
    answer = client(warehouse).get("/predictions/c001", headers={"Origin": CRM, "Authorization": f"Bearer {TOKEN}"})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    assert answer.headers.get("Vary") is None


@pytest.mark.parametrize("origin", ["*", "crm.example.com", "https://crm.example.com/", "null", "https://CRM.example"])
def test_what_no_browser_sends_is_refused_at_the_start(warehouse: Path, origin: str) -> None:
    with pytest.raises(SettingsError, match=r"CORS_ORIGINS=.* Write it like this"):
        Settings(warehouse, cors_origins=(origin,))
