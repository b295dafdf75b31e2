"""GET /predictions/<customer_id>, as the design fixes it."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.api.conftest import IDS, VALUES, Server


@pytest.mark.parametrize("customer_id", [name for name in IDS if "/" not in name])
def test_any_id_that_fits_in_a_path_has_exactly_its_value(server: Server, customer_id: str) -> None:
    answer = server.get(f"/predictions/{quote(customer_id, safe='')}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"user_id": customer_id, "clv": VALUES[customer_id]}


@pytest.mark.parametrize("path", ["/predictions/nobody", "/predictions/", "/predictions//c001", "/nothing"])
def test_what_is_not_there_is_a_404_problem(server: Server, path: str) -> None:
    answer = server.get(path)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert (answer.json["status"], answer.json["title"]) == (404, "Not Found")


def test_a_wrong_method_is_a_405_problem_that_names_the_right_ones(server: Server) -> None:
    answer = server.request("DELETE", "/predictions/c001")
    assert (answer.status, answer.headers["content-type"]) == (405, "application/problem+json")
    assert "GET" in answer.headers["allow"]


def test_health_says_what_is_served(server: Server) -> None:
    answer = server.get("/health")
    assert answer.status == 200
    assert answer.json["status"] == "ok"
    assert {"build_id": "first", "customers": 100, "as_of_date": "2017-10-17"}.items() <= answer.json.items()
