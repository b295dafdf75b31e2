"""What is taken over HTTP, by whom, and what is refused without a trace."""

from __future__ import annotations

import gzip
import io
import json
import resource
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from werkzeug.test import EnvironBuilder

from pipeline.jobs.ledger import Ledger
from tests.api.conftest import Answer
from tests.jobs.conftest import ORDERS, Desk

READER, UPLOADER = "a-token-that-reads-only", "a-token-that-uploads-too"


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk without a worker, where each test leaves its builds cancelled."""
    desk = Desk(tmp_path_factory.mktemp("counter"), UPLOAD_LIMIT="1M")
    yield desk
    desk.close()


@pytest.fixture(autouse=True)
def _cancelled(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "counter" in request.fixturenames:
        desk = request.getfixturevalue("counter")
        for build in desk.builds():
            if build["state"] in ("held", "queued"):
                desk.server.request("DELETE", f"/builds/{build['id']}")


def folders(desk: Desk) -> set[str]:
    return {path.name for path in desk.jobs.iterdir() if path.is_dir()} if desk.jobs.exists() else set()


@pytest.mark.parametrize(
    ("content", "kept_as"),
    [
        (ORDERS, "orders.csv"),
        (gzip.compress(ORDERS), "orders.csv.gz"),
        (zipped(march_csv=ORDERS), "orders.zip"),
        (zipped(**{"xl/workbook_xml": b"<x/>"}), "orders.xlsx"),
        (b'{"customer_id": "a"}\n', "orders.jsonl"),
        (b'\xef\xbb\xbf\r\n \t{"customer_id": "a"}\n', "orders.jsonl"),
        (gzip.compress(b'\xef\xbb\xbf{"customer_id": "a"}\n'), "orders.jsonl.gz"),
        (b"PAR1" + bytes(100), "orders.parquet"),
    ],
    ids=["csv", "gzip", "zip", "excel", "json", "json behind blanks", "packed json", "parquet"],
)
def test_the_first_bytes_tell_what_kind_of_file_it_is(counter: Desk, content: bytes, kept_as: str) -> None:
    build_id = counter.queue(content, "?name=..%2F..%2Fetc%2Fpasswd")
    assert [path.name for path in (counter.jobs / build_id).iterdir()] == [kept_as]
    assert (counter.jobs / build_id / kept_as).read_bytes() == content
    assert counter.build(build_id)["name"] == "../../etc/passwd"


def test_a_form_may_bring_the_orders_and_how_they_are_read(counter: Desk) -> None:
    fields = {"mapping": "columns: {}\n", "as_of": "2017-10-17", "orders": (io.BytesIO(ORDERS), "March.csv")}
    form = EnvironBuilder(method="POST", data=fields).get_environ()
    body, kind = form["wsgi.input"].read(), form["CONTENT_TYPE"]
    build_id = counter.queue(body, "?as_of=2016-02-29&strict=true", Content_Type=kind)  # the form goes before it
    assert (counter.jobs / build_id / "orders.csv").read_bytes() == ORDERS
    (mapping,) = (counter.jobs / build_id).glob("mapping-*.yml")
    assert mapping.read_text() == "columns: {}\n"
    # The worker's own may name a database.
    assert Ledger(counter.jobs / "ledger.sqlite").get(build_id).variables == {
        "ORDERS": str(counter.jobs / build_id / "orders.csv"),
        "TABLE": "",
        "QUERY": "",
        "AS_OF": "2017-10-17",
        "STRICT": "1",
        "MAPPING": str(mapping),
    }
    assert counter.build(build_id)["name"] == "March.csv"
    assert "make work" in counter.build(build_id)["message"]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("", {}),
        ("?strict=true", {"STRICT": "1"}),
        ("?strict=0", {"STRICT": "0"}),  # what the worker is set to may be strict
        ("?as_of=2017-10-17&strict=no", {"AS_OF": "2017-10-17", "STRICT": "0"}),
    ],
)
def test_a_build_is_told_what_the_upload_says_and_nothing_that_it_does_not(
    counter: Desk, query: str, variables: dict[str, str]
) -> None:
    given = Ledger(counter.jobs / "ledger.sqlite").get(counter.queue(ORDERS, query)).variables
    assert {name: text for name, text in given.items() if name not in ("ORDERS", "TABLE", "QUERY")} == variables


def test_a_file_may_have_every_byte_that_is_allowed_however_it_is_sent(counter: Desk) -> None:
    whole = ORDERS + b"x" * ((1 << 20) - len(ORDERS))
    for content, status in ((whole, 202), (whole + b"x", 413)):
        assert counter.upload(content).status == status
        form = part(FILE, content) + part('; name="as_of"', b"2017-10-17") + END
        assert counter.upload(form, Content_Type="multipart/form-data; boundary=x").status == status


@pytest.mark.parametrize("filename", [None, "", "March.csv", "x" * 300])
@pytest.mark.parametrize("name", [None, "April", "y" * 200])
def test_orders_are_called_by_their_file_s_name_or_else_by_the_one_that_is_given_and_never_at_length(
    counter: Desk, filename: str | None, name: str | None
) -> None:
    query = f"?name={name}" if name else ""
    head = '; name="orders"' + (f'; filename="{filename}"' if filename is not None else "")
    build_id = counter.queue(part(head) + END, query, Content_Type="multipart/form-data; boundary=x")
    assert counter.build(build_id)["name"] == (filename or name or "orders")[:200]
    assert counter.build(counter.queue(ORDERS, query))["name"] == (name or "orders")


@pytest.mark.parametrize("inner", ["a.zip", "a.csv.gz", "A.XLSX", "in/a.7z", "a.rar", "a.csv", "zip.txt", "a.gz.csv"])
def test_an_archive_may_hold_files_and_no_archives(counter: Desk, inner: str) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("b.csv", ORDERS)
        archive.writestr(inner, ORDERS)
    answer = counter.upload(file.getvalue())
    is_taken = inner.endswith((".csv", ".txt"))
    assert answer.status == (202 if is_taken else 422)
    assert is_taken or "The archive holds other archives" in answer.json["detail"]


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl; the gate installs it")
@pytest.mark.parametrize(
    "options", [["-X", "POST", "-T", "orders.csv"], ["-F", "orders=@orders.csv", "-F", "mapping=@orders.yml"]]
)
def test_curl_uploads_as_the_docs_have_it(counter: Desk, options: list[str]) -> None:
    (counter.folder / "orders.csv").write_bytes(ORDERS * 1000)
    (counter.folder / "orders.yml").write_text("columns: {}\n")
    address = f"http://127.0.0.1:{counter.server.port}/orders"
    command = ["curl", "--silent", "--show-error", "--fail-with-body", *options, address]
    answer = subprocess.run(command, cwd=counter.folder, capture_output=True, timeout=60, check=True).stdout
    assert (counter.jobs / json.loads(answer)["id"] / "orders.csv").read_bytes() == ORDERS * 1000


@pytest.mark.parametrize(
    ("content", "query", "status", "said"),
    [
        (b"", "", 422, "no orders in it"),
        (gzip.compress(gzip.compress(ORDERS)), "", 422, "packed twice"),
        (gzip.compress(zipped(a_csv=ORDERS)), "", 422, "packed twice"),
        (zipped(a_zip=zipped(a_csv=ORDERS)), "", 422, "holds other archives"),
        (gzip.compress(ORDERS)[:20], "", 422, "damaged gzip"),
        (zipped(a_csv=ORDERS)[:40], "", 422, "damaged zip"),
        (b"x" * (1 << 20) + b"x", "", 413, "at most 1,048,576 bytes"),
        (b"x" * (20 << 20), "", 413, "at most 1,048,576 bytes"),
        (ORDERS, "?as_of=2017-13-01", 422, "as_of: has to be a day, YYYY-MM-DD"),
        (ORDERS, "?as_of=1508198400", 422, "as_of: has to be a day, YYYY-MM-DD"),
        (ORDERS, "?strickt=1", 422, "strickt: is not known here; known are as_of, strict, mapping, name, inspect"),
        (ORDERS, "?model=x.dill", 422, "model: is not known here"),
    ],
)
def test_what_cannot_be_built_is_refused_and_nothing_of_it_stays(
    counter: Desk, content: bytes, query: str, status: int, said: str
) -> None:
    before, known = folders(counter), counter.builds()
    answer = counter.upload(content, query)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json["detail"]
    assert folders(counter) == before
    assert counter.builds() == known


def part(head: str, content: bytes = ORDERS) -> bytes:
    return f"--x\r\nContent-Disposition: form-data{head}\r\n\r\n".encode() + content + b"\r\n"


FILE, END = '; name="orders"; filename="a.csv"', b"--x--\r\n"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (part(FILE) + part(FILE.replace("a.csv", "b.csv")) + END, "several parts named orders. Several files go into"),
        (part(FILE) + part('; name="as_of"', b"2017") * 2 + END, "several parts named as_of"),
        (part(FILE) + part("") + END, "cannot be read"),
        (part(FILE) + part('; name="mapping"', b"x" * 600_000) + END, "mapping may have at most 65,536 characters"),
        (b"".join(part(f'; name="{n}"', b"") for n in range(12)) + END, "has more in it than a file of orders"),
        (part(FILE), "cannot be read"),
    ],
    ids=["two files", "a field twice", "no name", "a long mapping", "many parts", "no end"],
)
def test_a_form_that_says_two_things_or_none_is_refused(counter: Desk, form: bytes, said: str) -> None:
    before = folders(counter)
    answer = counter.upload(form, Content_Type="multipart/form-data; boundary=x")
    assert answer.status == 422
    assert said in answer.json["detail"]
    assert folders(counter) == before


def test_a_body_that_stops_or_does_not_say_its_length_leaves_nothing(counter: Desk) -> None:
    before, known = folders(counter), counter.builds()
    with socket.create_connection(("127.0.0.1", counter.server.port)) as line:
        line.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + ORDERS)
        counter.server.wait(lambda: len(folders(counter)) == len(before) + 1)
        line.shutdown(socket.SHUT_WR)
        assert b" 400 " in line.recv(1000).splitlines()[0]
    counter.server.wait(lambda: folders(counter) == before)
    with socket.create_connection(("127.0.0.1", counter.server.port)) as line:
        line.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert b" 411 " in line.recv(1000).splitlines()[0]
    assert (folders(counter), counter.builds()) == (before, known)


def test_a_disk_that_is_full_or_becomes_so_is_told_and_nothing_of_the_upload_stays(counter: Desk) -> None:
    counter.queue()  # there is a ledger, which the last line has to leave as it is
    before, known = folders(counter), counter.builds()
    worker = counter.server.worker()
    unlimited, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    try:
        for most, content, said in (
            (1 << 19, b"x" * (1 << 20), "cannot be kept"),  # while it comes in
            (100, ORDERS, "cannot be kept"),  # at its end
            (4096, ORDERS, "cannot be queued"),  # there is room for the orders, and for nothing more
        ):
            resource.prlimit(worker, resource.RLIMIT_FSIZE, (most, hard))
            answer = counter.upload(content)
            assert (answer.status, answer.headers["content-type"]) == (507, "application/problem+json")
            assert said in answer.json["detail"]
            resource.prlimit(worker, resource.RLIMIT_FSIZE, (unlimited, hard))
            assert (folders(counter), counter.builds()) == (before, known)
    finally:
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (unlimited, hard))
    assert counter.upload().status == 202, "there is room again"


@pytest.mark.slow
def test_what_the_disk_has_no_room_for_is_refused_before_it_comes_in(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(UPLOAD_LIMIT="9000000G")
    with socket.create_connection(("127.0.0.1", desk.server.port)) as line:
        line.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000000000000\r\n\r\n")
        answer = line.makefile("rb").read()
    assert b" 507 " in answer.splitlines()[0] and b"The disk has no room for 8,999," in answer
    assert not folders(desk)


def test_what_is_only_looked_at_is_built_when_somebody_says_so_and_not_again(counter: Desk) -> None:
    held = counter.queue(ORDERS, "?inspect=true")
    build = counter.build(held)
    assert (build["state"], build["reading"], build["step"]) == ("held", None, None)
    assert "make work" in build["message"]

    def map_by(content: object) -> Answer:
        body = json.dumps(content).encode()
        return counter.server.request("PUT", f"/builds/{held}/mapping", body, Content_Type="application/json")

    for content, said in (({}, "mapping: is missing"), ([], "a list"), ({"mapping": 1}, "has to be a text")):
        refused = map_by(content)
        assert refused.status == 422 and said in refused.json["detail"]
        assert refused.json["detail"].endswith('Send {"mapping": "…"} with the header Content-Type: application/json.')
    assert map_by({"mapping": "columns: {}\n"}).status == 202
    (mapping,) = (counter.jobs / held).glob("mapping-*.yml")
    assert mapping.read_text() == "columns: {}\n"

    started = counter.server.request("POST", f"/builds/{held}")
    assert (started.status, started.json["state"]) == (202, "queued")
    for again in (counter.server.request("POST", f"/builds/{held}"), map_by({"mapping": ""})):
        assert (again.status, again.json["detail"].split(";")[0]) == (409, "This build is queued")
    assert counter.server.request("POST", "/builds/nothing").status == 404

    cancelled = counter.queue(ORDERS, "?inspect=true")
    assert counter.server.request("DELETE", f"/builds/{cancelled}").json["state"] == "cancelled"
    assert counter.server.request("POST", f"/builds/{cancelled}").status == 409


def test_eight_who_upload_at_once_are_all_answered_and_as_many_builds_wait_as_may(counter: Desk) -> None:
    before = {build["id"] for build in counter.builds()}

    def upload(number: int) -> tuple[int, str]:
        while True:
            answer = counter.upload(ORDERS + f"d{number},d,1,1,5,2017-10-01\n".encode(), f"?name=file-{number}")
            if answer.status != 503 or "builds wait" in answer.json["detail"]:
                return answer.status, answer.headers.get("location", "").removeprefix("/builds/")

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(upload, range(100)))
    taken = {number: build_id for number, (status, build_id) in enumerate(answers) if status == 202}
    assert len(taken) == len(set(taken.values())) == 50
    assert {status for status, _ in answers} == {202, 503}
    listed = {build["id"]: build["name"] for build in counter.builds() if build["id"] not in before}
    assert listed == {build_id: f"file-{number}" for number, build_id in taken.items()}
    for number, build_id in taken.items():
        assert f"d{number},".encode() in (counter.jobs / build_id / "orders.csv").read_bytes()
    assert not [name for name in folders(counter) if name.startswith("incoming-")]

    one = taken[min(taken)]
    cancelled = counter.server.request("DELETE", f"/builds/{one}")
    assert (cancelled.status, cancelled.json["state"]) == (202, "cancelled")
    assert counter.server.request("DELETE", f"/builds/{one}").status == 409
    assert counter.upload().status == 202, "a place is free again"
    refused = counter.upload()
    assert (refused.status, refused.headers["retry-after"]) == (503, "60")


def test_a_token_that_reads_does_not_upload_and_one_that_uploads_reads_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path, UPLOADS="0", API_TOKENS=READER, UPLOAD_TOKENS=UPLOADER)
    try:
        reader, uploader = f"Bearer {READER}", f"Bearer {UPLOADER}"
        assert [desk.upload(Authorization=who).status for who in ("", reader)] == [401, 401]
        build_id = desk.queue(Authorization=uploader)
        for who in (reader, uploader):
            assert desk.server.get("/builds", Authorization=who).status == 200
            assert desk.server.get(f"/builds/{build_id}", Authorization=who).json["state"] == "queued"
        assert desk.server.get("/builds").status == 401
        for who, status in ((reader, 401), (uploader, 202)):
            assert desk.server.request("DELETE", f"/builds/{build_id}", Authorization=who).status == status
    finally:
        desk.close()


def test_without_tokens_there_are_uploads_only_where_asked_for_and_never_for_a_page_from_elsewhere(
    counter: Desk, open_desk: Callable[..., Desk]
) -> None:
    closed = open_desk(UPLOADS="0")
    refused = closed.upload()
    assert refused.status == 403 and "UPLOADS=1" in refused.json["detail"]
    assert not closed.jobs.exists()

    own = f"http://127.0.0.1:{counter.server.port}"
    assert [counter.upload(Origin=page).status for page in ("https://evil.example", "null")] == [403, 403]
    assert counter.upload(Origin=own).status == 202
