"""Who may ask."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from werkzeug.test import Client

from api import __main__ as command
from api import create_app
from api.policy import DETAILS, FILES, LIMITS, LONG, UPLOADS, Policies, Undeclared
from api.settings import SHORTEST_TOKEN, Settings, SettingsError, is_loopback
from tests.api.conftest import ROOT, Server, serving

OLD, NEW = "an-old-token-0123456789", "a-new-token-9876543210"


@pytest.fixture(scope="module")
def guarded(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text(f"# rotated monthly\n{NEW}\n")
    with serving(warehouse, "guarded", API_TOKENS=OLD, API_TOKENS_FILE=str(file)) as running:
        yield running


@pytest.mark.parametrize("token", [OLD, NEW])
def test_each_of_several_tokens_may_ask(guarded: Server, token: str) -> None:
    for scheme in ("Bearer ", "bearer ", "BEARER   "):  # as RFC 9110 has it: in any case, blanks behind it
        assert guarded.get("/predictions/c001", Authorization=f"{scheme}{token}").status == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {OLD}", f"Bearer {OLD}x", "Bearer \xff"])
@pytest.mark.parametrize(
    "path", ["/predictions/c001", "/summary", "/predictions.csv", "/metrics", "/nothing", "/predictions/%ff"]
)
def test_nobody_else_may(guarded: Server, path: str, header: str) -> None:
    answer = guarded.get(path, Authorization=header)
    assert (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "etag" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/openapi.json"])
def test_what_says_nobody_s_value_is_open(guarded: Server, path: str) -> None:
    assert guarded.get(path).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/health", 405), ("DELETE", "/", 405), ("POST", "/summary", 401), ("PATCH", "/orders", 401)],
)
def test_who_may_ask_a_route_is_told_that_it_has_no_such_method(
    guarded: Server, method: str, path: str, status: int
) -> None:
    assert guarded.request(method, path).status == status
    assert guarded.request(method, path, Authorization=f"Bearer {OLD}").status == 405


def test_no_token_is_ever_logged(guarded: Server) -> None:
    guarded.get(f"/predictions?token={OLD}", Authorization=f"Bearer {OLD}")
    log = guarded.log.read_text()
    assert OLD not in log
    assert NEW not in log


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_without_tokens_a_foreign_name_for_this_machine_is_refused(server: Server, host: str) -> None:
    assert server.get("/predictions/c001", Host=host).status == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
@pytest.mark.parametrize("port", ["", ":5000"])
def test_without_tokens_this_machine_answers_to_each_name_of_its_own(server: Server, host: str, port: str) -> None:
    assert server.get("/predictions/c001", Host=host + port).status == 200


@pytest.mark.parametrize("length", [SHORTEST_TOKEN - 1, SHORTEST_TOKEN])
def test_a_token_is_long_enough_and_of_characters_that_a_header_takes(tmp_path: Path, length: int) -> None:
    for code in range(0x180):
        token = "x" * (length - 1) + chr(code)
        for who in range(2):
            try:
                Settings(tmp_path, tokens=(token,) * (1 - who), upload_tokens=(token,) * who)
            except SettingsError as error:
                assert f"at least {SHORTEST_TOKEN} printable ASCII characters and no spaces" in str(error)
                is_taken = False
            else:
                is_taken = True
            assert is_taken is (length == SHORTEST_TOKEN and 0x21 <= code <= 0x7E)


def test_a_route_that_does_not_say_who_may_ask_stops_the_app(warehouse: Path) -> None:
    app = create_app(Settings(warehouse))
    policies = Policies(app)
    app.add_url_rule("/forgotten", view_func=lambda: "")
    with pytest.raises(Undeclared, match="/forgotten"):
        policies.read(app)


# Every route, by a request that it answers: for whom, and the limit that it falls under.
ROUTES = {
    "/": ("anyone", None),
    "/docs": ("anyone", None),
    "/docs/assets/css/swagger-ui.css": ("anyone", FILES),
    "/health": ("anyone", None),
    "/openapi.json": ("anyone", None),
    "/static/page.js": ("anyone", None),
    "/customers/c001": ("token", DETAILS),
    "/customers": ("token", LONG),
    "/customers?customer_id=c001": ("token", LONG),
    "/customers.csv": ("token", LONG),
    "/customers/c001/history": ("token", LONG),
    "/history?customer_id=c001": ("token", LONG),
    "/metrics": ("token", DETAILS),
    "/predictions/c001": ("token", None),
    "/predictions": ("token", LONG),
    "/predictions.csv": ("token", LONG),
    "/segments": ("token", LONG),
    "/summary": ("token", LONG),
    "/training-report": ("token", LONG),
    "POST /predictions/lookup": ("token", LONG),
    "/builds": ("token", DETAILS),
    "/builds/20171017T030000-0f9a3c": ("token", DETAILS),
    "DELETE /builds/20171017T030000-0f9a3c": ("uploader", DETAILS),
    "POST /builds/20171017T030000-0f9a3c": ("uploader", DETAILS),
    "PUT /builds/20171017T030000-0f9a3c/mapping": ("uploader", DETAILS),
    "POST /orders?as_of=never": ("uploader", UPLOADS),
}
ANSWERED = {  # with no token asked for; the others with 200
    "/builds/20171017T030000-0f9a3c": 404,
    "DELETE /builds/20171017T030000-0f9a3c": 404,
    "POST /builds/20171017T030000-0f9a3c": 404,
    "PUT /builds/20171017T030000-0f9a3c/mapping": 400,
    "POST /orders?as_of=never": 422,
}


def test_the_table_of_routes_here_is_whole(warehouse: Path) -> None:
    app = create_app(Settings(warehouse))
    routes = app.url_map.bind("localhost")
    asked = [route.rpartition(" ") for route in ROUTES]
    tried = {routes.match(path.partition("?")[0], method or "GET")[0] for method, _, path in asked}
    assert tried == {rule.endpoint for rule in app.url_map.iter_rules()}


@pytest.mark.parametrize("route", ROUTES)
def test_each_route_is_open_to_whom_the_table_says_and_limited_as_it_says(
    warehouse: Path, guarded: Server, route: str
) -> None:
    method, _, path = route.rpartition(" ")
    who, limit = ROUTES[route]
    body = b'{"user_ids": []}' if method == "POST" else None
    status = guarded.request(method or "GET", path, body, Content_Type="application/json").status
    assert status == (200 if who == "anyone" else 401)
    client, places = Client((app := create_app(Settings(warehouse, uploads=True))).wsgi_app), app.extensions["places"]
    for kind in LIMITS:
        held = [places.take(kind) for _ in range(kind.at_once)]
        answer = client.open(path, method=method or "GET", data=body, content_type="application/json", buffered=True)
        assert answer.status_code == (503 if kind is limit else ANSWERED.get(route, 200))
        del held


def test_a_file_of_tokens_that_everyone_here_can_read_is_told(warehouse: Path, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(NEW)
    file.chmod(0o644)
    with serving(warehouse, "open-file", API_TOKENS_FILE=str(file)) as server:
        assert f"chmod 640 {file}" in server.log.read_text()
    file.chmod(0o640)
    with serving(warehouse, "closed-file", API_TOKENS_FILE=str(file)) as server:
        assert "chmod" not in server.log.read_text()


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("API_")}
    command = [sys.executable, "-m", "api", *arguments]
    return subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, timeout=30)


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The one line that the command says to arguments and variables that it does not start with, in this process."""

    def start(*arguments: str, **environment: str) -> str:
        for name in os.environ:
            if name.removeprefix("CLV_").startswith(("API_", "UPLOAD")):
                monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["api", *arguments])
        monkeypatch.setattr(command.server, "serve", lambda _: pytest.fail("it has started"))
        assert command.main() == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    return start


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"HOST": "0.0.0.0"}, "API_TOKENS"),
        ({"HOST": "::"}, "API_TOKENS"),
        ({"API_TOKENS": "short"}, "16"),
        ({"API_TOKENS_FILE": "no-such-file"}, "no-such-file"),
        ({"PORT": "x"}, "port"),
        ({"PORT": "70000"}, "port"),
        ({"PORT": "5000", "CLV_PORT": "x"}, "x is not a port"),
        ({"CLV_API_TOKENS": "short", "CLV_ORDERS": "of the builds"}, "16"),
        ({"CLV_PROT": "5000"}, "There is no variable CLV_PROT; the nearest is CLV_PORT."),
        ({"UPLOADS": "1", "HOST": "0.0.0.0", "API_TOKENS": OLD}, "UPLOADS=1 lets everybody on this machine upload"),
        ({"UPLOADS": "1", "API_TOKENS": OLD}, "UPLOADS=1 lets everybody on this machine upload"),
        ({"UPLOADS": "1", "HOST": "0.0.0.0", "UPLOAD_TOKENS": OLD}, "so a token is needed: set API_TOKENS"),
        ({"API_TOKENS": OLD, "UPLOAD_TOKENS": OLD}, "name it in UPLOAD_TOKENS only"),
        ({"UPLOAD_TOKENS": "short"}, "16"),
        ({"UPLOAD_TOKENS_FILE": "nowhere"}, "UPLOAD_TOKENS_FILE=nowhere cannot be read"),
        ({"UPLOAD_LIMIT": "much"}, "much is not a size; write one such as 500M or 5G"),
        ({"QUEUE": "localhost:6379"}, "is not the address of a Redis; write redis://host:6379/0"),
    ],
)
def test_it_refuses_to_start_with_one_plain_line(
    refusal: Callable[..., str], environment: dict[str, str], says: str
) -> None:
    assert says in refusal(**environment)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--prot", "5000"], "--port"),
        (["--port"], "--port"),
        (["5000"], "5000"),
        (["--api-tokens", OLD], "--api-tokens"),
        (["--log-customers=1"], "--log-customers"),
    ],
)
def test_an_option_that_does_not_exist_is_refused_and_help_named(
    refusal: Callable[..., str], arguments: list[str], says: str
) -> None:
    said = refusal(*arguments)
    assert says in said
    assert "python -m api --help" in said


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [
        (command.Port(), {"1": 1, "5000": 5000, "65535": 65535}, ["0", "65536", "-1", "1.5", "\u0661", "", " 80"]),
        (
            command.Size(),
            {"0": 0, "1024": 1024, "1K": 2**10, "500M": 500 * 2**20, "5G": 5 * 2**30, "2T": 2**41},
            ["", "M", "5g", "5GB", "1.5G", "-1", "\u0661", "9" * 16],
        ),
        (
            command.Queue(),
            {text: text for text in ("redis://h:6379/0", "rediss://h", "unix:///s")},
            ["h:6379", "http://h", "redis://"],
        ),
    ],
    ids=["port", "size", "queue"],
)
def test_a_setting_takes_what_it_says_to_its_very_limits_and_nothing_beyond(
    kind: click.ParamType, taken: dict[str, object], refused: list[str]
) -> None:
    assert {text: kind.convert(text, None, None) for text in taken} == taken
    for text in refused:
        with pytest.raises(click.UsageError, match="is not "):
            kind.convert(text, None, None)


def test_the_command_itself_ends_with_that_line_and_the_status_of_arguments_that_cannot_be_used() -> None:
    ended = run(HOST="0.0.0.0")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "API_TOKENS" in ended.stderr


def test_help_names_every_option_with_its_default_and_starts_nothing() -> None:
    ended = run("--help", WAREHOUSE="", PORT="")
    assert ended.returncode == 0
    for text in ("--host", "--port", "--warehouse", "--api-tokens-file", "--log-customers", "--safe-cells", "5000"):
        assert text in ended.stdout
    assert "on http://" not in ended.stdout


def test_an_address_of_ipv6_is_told_as_it_is_typed_into_a_browser_and_serves_this_machine_alone(tmp_path: Path) -> None:
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("this system has no IPv6")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        ended = run("--host", "::1", "--port", str(port), "--warehouse", str(tmp_path))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert f"[::1]:{port} cannot be served on: Address already in use." in ended.stderr
    for host, is_ours in (("::1", True), ("127.0.0.1", True), ("localhost", True), ("::", False), ("10.0.0.1", False)):
        assert is_loopback(host) is is_ours


def test_a_port_in_use_is_one_plain_line(server: Server) -> None:
    ended = run("--port", str(server.port))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert f"127.0.0.1:{server.port} cannot be served on: Address already in use." in ended.stderr
    assert ended.stderr.endswith(f" PORT={server.port % 65_535 + 1}\n")
