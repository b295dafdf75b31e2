"""What stands around the one contract: details, history, pages, lookups, CSV, summary, caching, metrics, docs."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from werkzeug.exceptions import HTTPException

from api import create_app
from api.routes import docs, page, training_report
from api.settings import Settings
from tests.api.conftest import VALUES, Server, publish, serving

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


def test_the_report_is_given_only_where_it_is_on_the_model_that_is_served(tmp_path: Path) -> None:
    publish(tmp_path / "warehouse", "one", {"a": 1.0})
    described, report = (tmp_path / "warehouse" / f"training_report.{kind}" for kind in ("json", "html"))
    report.write_text("<h1>How good?</h1>")
    with serving(tmp_path / "warehouse") as server:
        for content, status in (
            ('{"model_id": "another"}', 404),
            ("[]", 404),
            ("not JSON", 404),
            ('{"model_id": "abcdef012345"}', 200),
        ):
            described.write_text(content)
            assert server.get("/training-report").status == status
        assert server.get("/summary").json["training_report"] == "training-report"
        assert "sandbox" in server.get("/training-report").headers["content-security-policy"]
        described.unlink()
        assert "make train" in server.get("/training-report").json["detail"]


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
        assert len(page["predictions"]) <= 7 and page["next_cursor"] != cursor
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


@pytest.mark.parametrize(
    ("body", "content_type", "status", "says"),
    [
        (b'{"user_ids": ["c001"]}', None, 415, "Content-Type is missing"),
        (b'{"user_ids": ["c001"]}', "text/plain", 415, "Content-Type is text/plain"),
        (b"user_ids=c001", "application/x-www-form-urlencoded", 415, "is application/x-www-form-urlencoded"),
        (b'{"user_ids": [\n"c001",]}', "application/json", 400, "not JSON: line 2, column 8"),
        (b'{"user_ids": ["\xff"]}', "application/json", 400, "not JSON in UTF-8"),
        (b"", "application/json", 400, "is empty"),
        (b'["c001"]', "application/json", 422, "is a list, not an object"),
        (b"null", "application/json", 422, "is null"),
        (b"17", "application/json", 422, "is a number"),
        (b'"c001"', "application/json", 422, "is a text"),
        (
            b'{"ids": ["c001"]}',
            "application/json",
            422,
            "user_ids: is missing; ids: is not known here; known are user_ids",
        ),
        (b'{"user_ids": "c001"}', "application/json", 422, "user_ids: has to be a list"),
        (b'{"user_ids": ["c001", 17]}', "application/json", 422, "user_ids.1: has to be a text"),
        (json.dumps({"user_ids": ["x"] * 10_001}).encode(), "application/json", 422, "at most 10000 of them"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_lookup_that_cannot_be_read_is_told_what_is_wrong_and_what_to_send(
    server: Server, body: bytes, content_type: str | None, status: int, says: str
) -> None:
    given = {"Content_Type": content_type} if content_type else {}
    answer = server.request("POST", "/predictions/lookup", body, **given)
    assert (answer.status, answer.json["status"]) == (status, status)
    assert says in answer.json["detail"]
    assert 'Send {"user_ids": ["…", "…"]} with the header Content-Type: application/json.' in answer.json["detail"]
    assert "c001" not in answer.json["detail"]
    sent = answer.json["detail"].partition("Send ")[2].partition(" with")[0]  # does what it says, when typed
    assert server.request("POST", "/predictions/lookup", sent.encode(), Content_Type="application/json").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/summary?tier=gold", 422, "tier: is not known here; this address takes no parameters"),
        ("GET", "/predictions?limits=5", 422, "limits: is not known here; known are min_clv, max_clv"),
        ("GET", "/customers?id=c001", 422, "id: is not known here; known are min_clv, max_clv, decile, tier"),
        ("GET", "/customers?order=value&changed_since=x", 422, "what changed comes by id. Leave order out."),
        ("GET", "/customers.csv?tier=top", 422, "tier: has to be one of 'high', 'medium' or 'low'"),
        ("GET", "/customers.csv?changed_since=x", 410, "Leave changed_since out, and take all customers."),
        ("GET", "/customers?changed_since=x", 410, "Leave changed_since out, and take all customers."),
        ("GET", "/customers.csv?changed_since=", 410, "Leave changed_since out, and take all customers."),
        ("GET", "/customers?changed_since=", 410, "Leave changed_since out, and take all customers."),
        ("GET", "/customers?tier=high&decile=1&tier=low", 422, "tier: is given 2 times; give it once."),
        ("GET", "/customers?customer_id=c001&tier=low", 422, "customer_id: goes alone, without tier."),
        ("GET", "/customers?customer_id=c001&changed_since=x", 422, "customer_id: goes alone, without changed_since."),
        ("GET", "/predictions?min_clv=0&decile=1&customer_id=c001", 422, "goes alone, without min_clv, decile."),
        ("GET", "/predictions/c001?tier=low", 422, "tier: is not known here; this address takes no parameters"),
        ("GET", "/predictions?limit=0", 422, "limit: has to be at least 1"),
        ("GET", "/predictions?limit=1001", 422, "limit: has to be at most 1000"),
        ("GET", "/predictions?limit=ten", 422, "limit: has to be a whole number"),
        ("GET", "/predictions?decile=11", 422, "decile: has to be at most 10"),
        ("GET", "/predictions?min_clv=much", 422, "min_clv: has to be a number"),
        ("GET", "/predictions?max_clv=inf", 422, "max_clv: has to be a finite number"),
        ("GET", "/predictions?order=name", 422, "order: has to be one of 'value' or 'id'"),
        ("GET", "/predictions?cursor=x", 422, "Leave it out to begin with the first page."),
        ("GET", "/nothing", 404, "/docs lists what there is"),
        ("GET", "/customers/nobody", 404, "No customer has this id."),
        ("DELETE", "/summary", 405, "GET"),
        ("POST", "/predictions", 405, "not POST"),
    ],
)
def test_a_refusal_says_in_plain_words_what_is_wrong(
    server: Server, method: str, path: str, status: int, says: str
) -> None:
    answer = server.request(method, path)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert says in answer.json["detail"]
    assert not re.search("URL|Input|werkzeug|pydantic|instance|manually", answer.json["detail"])


def test_the_csv_is_the_whole_table(server: Server) -> None:
    answer = server.get("/predictions.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(answer.body.decode()))
    assert header == ["customer_id", "predicted_clv"]
    assert [(name, float(value)) for name, value in rows] == [(n, VALUES[n]) for n in sorted(VALUES, key=str.encode)]


RISKY = ["=1+1", "+49", "-1", "@x", "\t=1", "\r=1"]


@pytest.mark.parametrize(("setting", "sign"), [("1", "'"), ("0", "")])
def test_with_safe_cells_no_spreadsheet_takes_an_id_for_a_formula(tmp_path: Path, setting: str, sign: str) -> None:
    values = dict.fromkeys([*RISKY, "a=1", "'quoted", "O'Brien", "plain"], -2.5)
    publish(tmp_path / "warehouse", "risky", values)
    with serving(tmp_path / "warehouse", SAFE_CELLS=setting) as server:
        rows = list(csv.reader(io.StringIO(server.get("/predictions.csv").body.decode(), newline="")))
        assert rows[1:] == [[(sign if name in RISKY else "") + name, "-2.5"] for name in sorted(values, key=str.encode)]


@pytest.mark.parametrize("path", ["/predictions.csv", "/predictions"])
def test_large_answers_are_gzipped_for_who_takes_it(server: Server, path: str) -> None:
    plain, packed = server.get(path), server.get(path, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/predictions.csv", "/predictions", "/static/page.js", "/openapi.json"])
@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip", True), ("br, gzip;q=0.5", True), ("*", True),
        ("", False), ("br", False), ("identity", False), ("gzip;q=0", False), ("gzip;q=0, *", False),
    ],
)  # fmt: skip
def test_an_answer_is_packed_for_callers_that_take_gzip_and_never_for_those_that_refuse_it(
    server: Server, path: str, accepted: str, is_packed: bool
) -> None:
    assert (server.get(path, Accept_Encoding=accepted).headers.get("content-encoding") == "gzip") is is_packed


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
    first = server.get(path, X_Request_Id="same")
    again = server.get(path, If_None_Match=f'"other", {first.headers["etag"]}', X_Request_Id="same")
    assert (again.status, again.body) == (304, b"")
    of_the_body = {"content-type", "content-length", "transfer-encoding", "date"}
    kept = {name: value for name, value in first.headers.items() if name not in of_the_body}
    assert {name: value for name, value in again.headers.items() if name not in of_the_body} == kept
    assert "content-type" not in again.headers
    assert server.get(path, If_None_Match='"other"').body == first.body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/customers/nobody", 404),
        ("GET", "/predictions/nobody", 404),
        ("GET", "/predictions?order=id&cursor=x", 422),
        ("POST", "/predictions/lookup", 200),
        ("POST", "/summary", 405),
        ("HEAD", "/predictions/c001", 304),
        ("HEAD", "/customers/c001", 304),
        ("GET", "/static/page.js", 200),
    ],
)
def test_only_a_200_to_get_and_head_is_a_304(server: Server, method: str, path: str, status: int) -> None:
    tag = server.get("/summary").headers["etag"]
    body = b'{"user_ids": ["c001"]}' if method == "POST" else None
    answer = server.request(method, path, body, Content_Type="application/json", If_None_Match=tag)
    assert answer.status == status
    assert bool(answer.body) is (method != "HEAD")


EVERY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
VALUE = EVERY | {"content-type": "application/json", "cache-control": "private, no-cache"}
PACKED = {"vary": "Accept-Encoding"}
CSV = VALUE | PACKED | {"content-type": "text/csv; charset=utf-8", "build-id": "first"}
REFUSAL = EVERY | {"content-type": "application/problem+json", "cache-control": "no-store"}
PAGE = {"content-type": "text/html; charset=utf-8", "cache-control": "private, no-cache"} | PACKED


HEADERS = [
    ("GET", "/predictions/c001", 200, VALUE, True),
    ("HEAD", "/predictions/c001", 200, VALUE, True),
    ("GET", "/predictions/nobody", 404, REFUSAL | {"cache-control": "private, no-cache"}, True),
    ("GET", "/predictions", 200, VALUE | PACKED | {"build-id": "first"}, True),
    ("GET", "/predictions.csv", 200, CSV, True),
    ("GET", "/customers.csv", 200, CSV, True),
    ("GET", "/customers", 200, VALUE | PACKED | {"build-id": "first"}, True),
    ("POST", "/predictions/lookup", 200, VALUE | PACKED, True),
    ("GET", "/customers/c001", 200, VALUE, True),
    ("GET", "/customers?customer_id=c001", 200, VALUE, True),
    ("GET", "/customers/c001/history", 200, VALUE, True),
    ("GET", "/history?customer_id=c001", 200, VALUE, True),
    ("GET", "/summary", 200, VALUE, True),
    ("GET", "/segments", 200, VALUE, True),
    ("GET", "/health", 200, VALUE | {"cache-control": "no-store"}, False),
    ("GET", "/metrics", 200, EVERY | {"cache-control": "no-store"}, False),
    ("GET", "/openapi.json", 200, VALUE | PACKED, True),
    ("GET", "/", 200, EVERY | PAGE | {"content-security-policy": page.POLICY}, True),
    ("GET", "/docs", 200, EVERY | PAGE | {"content-security-policy": docs.POLICY}, True),
    ("GET", "/static/page.js", 200, EVERY | PAGE | {"content-type": "text/javascript; charset=utf-8"}, True),
    ("GET", "/static/nothing", 404, REFUSAL, False),
    (
        "GET",
        "/docs/assets/css/swagger-ui.css",
        200,
        EVERY | PAGE | {"content-type": "text/css; charset=utf-8"},
        True,
    ),
    ("GET", "/nothing", 404, REFUSAL, False),
    ("GET", "/predictions?limit=x", 422, REFUSAL, False),
    ("DELETE", "/summary", 405, REFUSAL, False),
    ("GET", "/predictions/%ff", 400, REFUSAL, False),
    ("GET", "/training-report", 200, EVERY | PAGE | {"content-security-policy": training_report.POLICY}, True),
    ("GET", "/builds", 200, VALUE | {"cache-control": "no-store"}, False),
    ("GET", "/builds/none", 404, REFUSAL, False),
    ("DELETE", "/builds/none", 403, REFUSAL, False),
    ("POST", "/builds/none", 403, REFUSAL, False),
    ("PUT", "/builds/none/mapping", 403, REFUSAL, False),
    ("POST", "/orders", 403, REFUSAL, False),
    ("GET", "/customers.csv?changed_since=none", 410, REFUSAL | {"cache-control": "private, no-cache"}, True),
]


def test_the_table_of_headers_has_every_route(warehouse: Path) -> None:
    app = create_app(Settings(warehouse))
    routes = app.url_map.bind("localhost")
    found = set()
    for method, path, *_ in HEADERS:
        with suppress(HTTPException):
            found.add(routes.match(path.partition("?")[0], method)[0])
    assert found == {rule.endpoint for rule in app.url_map.iter_rules()}


@pytest.mark.parametrize(("method", "path", "status", "wanted", "tagged"), HEADERS)
def test_every_route_has_exactly_these_headers(
    server: Server, method: str, path: str, status: int, wanted: dict[str, str], tagged: bool
) -> None:
    body = b'{"user_ids": ["c001"]}' if method == "POST" else None
    answer = server.request(method, path, body, Content_Type="application/json")
    answer.headers.pop("allow", None)
    found = {name: value for name, value in answer.headers.items() if name not in SERVERS}
    if body:  # the connection is closed where an answer goes out before the last of a body has come in
        found.pop("connection", None)
    if path == "/metrics":
        assert found.pop("content-type").startswith("text/plain; version=")
    assert answer.status == status
    assert bool(found.pop("etag", None)) is tagged
    assert re.fullmatch("[0-9a-f]{16}", found.pop("x-request-id"))
    assert found == wanted


SERVERS = {"date", "server", "content-length", "transfer-encoding"}  # of HTTP, not of the answer


def test_head_has_the_headers_and_no_body(server: Server) -> None:
    get, head = server.get("/predictions/c001"), server.request("HEAD", "/predictions/c001")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_a_request_id_comes_back_and_stands_in_the_log_without_the_customer(server: Server) -> None:
    assert server.get("/predictions/c042", X_Request_Id="mine-1").headers["x-request-id"] == "mine-1"
    for bad in ('"} {', "mine 1", "x" * 65, "é", ""):
        assert re.fullmatch("[0-9a-f]{16}", server.get("/health", X_Request_Id=bad).headers["x-request-id"])
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
    operations = [operation for path in contract["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert {"get_prediction", "list_predictions", "get_customer", "get_summary", "list_builds"} <= set(names)
    assert all(re.match("(get|list|look_up|download|upload|start|map|cancel)_", name) for name in names)
    assert len(set(names)) == len(names)  # so that generated clients have one method for each
    fields = {
        f"{name}.{field}": schema
        for name, model in contract["components"]["schemas"].items()
        for field, schema in model.get("properties", {}).items()
    }
    fields |= {
        f"{operation['operationId']}({parameter['name']})": parameter
        for operation in operations
        for parameter in operation.get("parameters", ())
        if parameter.get("required")  # /docs fills examples in, and asks with those of optional ones too
    }
    bare = [name for name, schema in fields.items() if not {"example", "const", "enum"} & set(schema)]
    assert not [name for name in bare if "$ref" not in json.dumps(fields[name])], "each has an example, or a model has"
    wrong = [operation["responses"]["422"]["content"] for operation in operations]  # any can be asked a wrong parameter
    assert {kind for content in wrong for kind in content} == {"application/problem+json"}
    assert {tag for operation in operations for tag in operation["tags"]} == {
        "Predictions",
        "Customers",
        "Summary",
        "Builds",
        "Operations",
    }
    assert contract["servers"][0]["url"] == "/"
    assert contract["info"]["license"] == {"name": "MIT", "identifier": "MIT"}
    assert all(tag["description"] for tag in contract["tags"])
    for path in ("/", "/docs"):
        answer = server.get(path)
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert b"://" not in answer.body.replace(b"http://www.w3.org/2000/svg", b"")
