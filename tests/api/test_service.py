"""What stands around the one contract: details, history, pages, lookups, CSV, summary, caching, metrics, docs."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
from urllib.parse import quote

import pytest

from tests.api.conftest import VALUES, Server

BY_VALUE = sorted(VALUES, key=lambda name: (-VALUES[name], name.encode()))


def test_a_customer_has_features_value_rank_percentile_and_decile(server: Server) -> None:
    answer = server.get("/customers/c089")
    assert answer.status == 200
    assert answer.json["user_id"] == "c089"
    assert answer.json["clv"] == VALUES["c089"]
    assert answer.json["rank"] == BY_VALUE.index("c089") + 1
    assert answer.json["decile"] == BY_VALUE.index("c089") // 10 + 1
    assert math.isclose(answer.json["percentile"], (100 - BY_VALUE.index("c089")) / 100)
    features = {"max_num_items": 3, "max_revenue": 92.6, "total_orders": 2, "last_order_date": "2017-10-01"}
    assert features.items() <= answer.json.items()
    assert (answer.json["as_of_date"], answer.json["model_id"]) == ("2017-10-17", "abcdef012345")


def test_history_is_oldest_first(server: Server) -> None:
    answer = server.get("/customers/c010/history")
    assert answer.json["user_id"] == "c010"
    assert [(point["as_of_date"], point["clv"]) for point in answer.json["history"]] == [
        ("2017-10-10", VALUES["c010"] / 2),
        ("2017-10-17", VALUES["c010"]),
    ]


@pytest.mark.parametrize("customer_id", list(VALUES)[:10])
def test_any_id_at_all_has_a_way(server: Server, customer_id: str) -> None:
    asked = quote(customer_id, safe="")
    one = [{"user_id": customer_id, "clv": VALUES[customer_id]}]
    assert server.post("/predictions/lookup", {"user_ids": [customer_id]}).json == {"predictions": one, "unknown": []}
    assert server.get(f"/predictions?customer_id={asked}").json == {"predictions": one, "next_cursor": None}
    assert server.get(f"/customers?customer_id={asked}").json["user_id"] == customer_id
    assert server.get(f"/history?customer_id={asked}").json["user_id"] == customer_id


@pytest.mark.parametrize("path", ["/customers/nobody", "/customers/nobody/history", "/history?customer_id=nobody"])
def test_an_unknown_customer_is_a_404(server: Server, path: str) -> None:
    assert server.get(path).status == 404


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("order=value", BY_VALUE),
        ("order=id", sorted(VALUES, key=str.encode)),
        ("min_clv=2&max_clv=5", [name for name in BY_VALUE if 2 <= VALUES[name] <= 5]),
        ("min_clv=2&max_clv=5&order=id", sorted((n for n in VALUES if 2 <= VALUES[n] <= 5), key=str.encode)),
        ("decile=2", BY_VALUE[10:20]),
        ("decile=2&order=id", sorted(BY_VALUE[10:20], key=str.encode)),
        ("min_clv=1e9", []),
    ],
)
def test_pages_walk_through_every_match_once_in_order(server: Server, asked: str, wanted: list[str]) -> None:
    seen, cursor = [], ""
    while cursor is not None:
        page = server.get(f"/predictions?{asked}&limit=7" + (f"&cursor={cursor}" if cursor else "")).json
        assert len(page["predictions"]) <= 7
        seen += page["predictions"]
        cursor = page["next_cursor"]
    assert [found["user_id"] for found in seen] == wanted
    assert all(found["clv"] == VALUES[found["user_id"]] for found in seen)


def test_lookup_answers_in_the_order_asked_and_lists_the_unknown(server: Server) -> None:
    answer = server.post("/predictions/lookup", {"user_ids": ["c003", "x?", "a/b", "c003", "\ud800"]})
    assert [found["user_id"] for found in answer.json["predictions"]] == ["c003", "a/b", "c003"]
    assert answer.json["unknown"] == ["x?", "\ud800"]


@pytest.mark.parametrize("content", [{"user_ids": ["x"] * 10_001}, {"user_ids": [1]}, {"ids": []}, [], None, "x"])
def test_a_lookup_that_is_not_a_list_of_up_to_10000_texts_is_a_422(server: Server, content: object) -> None:
    answer = server.post("/predictions/lookup", content)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")


def test_the_csv_is_the_whole_table(server: Server) -> None:
    answer = server.get("/predictions.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(answer.body.decode()))
    assert header == ["customer_id", "predicted_clv"]
    assert [(name, float(value)) for name, value in rows] == [(n, VALUES[n]) for n in sorted(VALUES, key=str.encode)]


@pytest.mark.parametrize("path", ["/predictions.csv", "/predictions"])
def test_large_answers_are_gzipped_for_who_takes_it(server: Server, path: str) -> None:
    plain, packed = server.get(path), server.get(path, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"


def test_the_summary_adds_up(server: Server) -> None:
    summary = server.get("/summary").json
    assert summary["customers"] == 100
    assert math.isclose(summary["total"], sum(VALUES.values()))
    assert [tenth["customers"] for tenth in summary["deciles"]] == [10] * 10
    assert math.isclose(sum(tenth["share"] for tenth in summary["deciles"]), 1)
    assert math.isclose(summary["deciles"][1]["total"], sum(VALUES[name] for name in BY_VALUE[10:20]))
    assert [one["user_id"] for one in summary["top"]] == BY_VALUE[:10]
    assert [day["as_of_date"] for day in summary["history"]] == ["2017-10-10", "2017-10-17"]
    assert (summary["build"]["build_id"], summary["build"]["horizon_days"]) == ("first", 365)


@pytest.mark.parametrize(
    "path", ["/predictions/c001", "/customers/c001", "/predictions", "/summary", "/predictions.csv"]
)
def test_an_answer_that_the_client_has_is_a_304(server: Server, path: str) -> None:
    first = server.get(path)
    again = server.get(path, If_None_Match=f'"other", {first.headers["etag"]}')
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert server.get(path, If_None_Match='"other"').body == first.body


def test_head_has_the_headers_and_no_body(server: Server) -> None:
    get, head = server.get("/predictions/c001"), server.request("HEAD", "/predictions/c001")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_a_request_id_comes_back_and_stands_in_the_log_without_the_customer(server: Server) -> None:
    assert server.get("/predictions/c042", X_Request_Id="mine-1").headers["x-request-id"] == "mine-1"
    assert server.get("/predictions?customer_id=c042", X_Request_Id='"} {').headers["x-request-id"] != '"} {'
    [mine] = server.log_lines("mine-1")
    assert (mine["method"], mine["route"], mine["status"]) == ("GET", "/predictions/<customer_id>", 200)
    ids_of_requests = r'"request_id": "[0-9a-f]{16}"'  # one in hundreds has c042 among its digits
    assert "c042" not in re.sub(ids_of_requests, "", server.log.read_text())


def test_metrics_count_requests_by_route(server: Server) -> None:
    server.get("/predictions/c001")
    metrics = server.get("/metrics").body.decode()
    assert 'clv_request_seconds_count{method="GET",route="/predictions/<customer_id>",status="200"}' in metrics
    assert "clv_snapshot_customers 100.0" in metrics


def test_made_up_methods_do_not_fill_the_metrics(server: Server) -> None:
    for n in range(5):
        server.request(f"MADEUP{n}", "/predictions/c001")
    metrics = server.get("/metrics").body.decode()
    assert "MADEUP" not in metrics
    assert 'method="OTHER",route="none",status="405"' in metrics


def test_the_contract_and_both_pages_need_nothing_from_elsewhere(server: Server) -> None:
    contract = server.get("/openapi.json").json
    assert "/predictions/{customer_id}" in contract["paths"]
    for page in ("/", "/docs"):
        answer = server.get(page)
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert b"://" not in answer.body.replace(b"http://www.w3.org/2000/svg", b"")
