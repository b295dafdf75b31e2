"""Every command that a page shows is one: a known target with variables that it takes, options that exist, a route."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from api.app import create_app
from api.settings import Settings
from pipeline.settings import TAKES
from tests.docs.markdown import DOCS, PAGES, ROOT, blocks, code, commands, name, rows

SHOWN = {f"{name(page)}: {' '.join(words)}": words for page in PAGES for words in commands(page)}
METHODS = {"POST": "post", "PUT": "put", "DELETE": "delete"}
OF_OTHERS = {".", "dbt", "export", "pip", "pyenv", "spark-class", "start-connect-server.sh", "venv"}


@pytest.mark.parametrize("words", SHOWN.values(), ids=SHOWN.keys())
def test_a_command_that_is_shown_is_one(words: list[str]) -> None:
    given = list(takewhile(lambda word: re.match(r"[A-Z_]+=", word), words))
    words = words[len(given) :]
    program = words[0].rpartition("/")[2]
    if re.match(r"python3?(\.\d+)?$", program):
        check_module(words[2], words[3:])
    elif program == "make":
        check_target(words[1:] + given)
    elif program == "curl":
        address = next(word for word in words[1:] if re.match(r"(http://)?[\w.-]+:\d+/", word))
        asked = [METHODS[word] for word in words if word in METHODS]
        check_request(address, asked[0] if asked else "post" if "-F" in words else "get")
    elif words[0] == ".ci/run":
        assert os.access(ROOT / words[0], os.X_OK)
    else:
        assert program in OF_OTHERS, f"what is {program}?"


def test_what_the_examples_for_schedulers_run_is_a_build_that_there_is() -> None:
    crontab, python = (blocks(DOCS / "operations.md", language) for language in ("crontab", "python"))
    for example in python:
        ast.parse(example)
    started = re.findall(r"-m pipeline (\w+ .*)", "".join(crontab + python))
    assert len(started) == 2, "of cron and of Airflow; that of Dagster is loaded"
    for words in started:
        check_module("pipeline", re.findall(r"[\w-]+", words))
    assert set(re.findall(r"\bCLV_(\w+)", "".join(python))) <= set(TAKES["build"])


def check_target(words: list[str]) -> None:
    """Make is asked what it would do; it knows its targets and what they take."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    asked = subprocess.run(
        ["make", "--dry-run", *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert asked.returncode == 0, asked.stderr


def check_module(module: str, words: list[str]) -> None:
    if module == "pytest":
        assert all((ROOT / word).exists() for word in words if "/" in word)
    elif module not in OF_OTHERS:
        command = [word for word in words[:1] if not word.startswith("-")]
        known = re.findall(r"--[a-z][a-z-]*", helped(module, *command))
        shown = [re.split("=", word)[0] for word in words if word.startswith("--")]
        assert set(shown) <= set(known)


@cache
def helped(*command: str) -> str:
    asked = subprocess.run(
        [sys.executable, "-m", *command, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert asked.returncode == 0, asked.stderr
    return asked.stdout


def check_request(address: str, method: str = "get") -> None:
    """The contract has the path, and the parameters of the query."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if operation := operation_for(parts.path, method):
        known = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
        asked = {key for key, _ in parse_qsl(parts.query, keep_blank_values=True)}
        assert asked <= known, f"{address} asks with {asked - known}"
    else:
        assert parts.path in ("/", "/docs", "/openapi.json"), f"there is no {method.upper()} {parts.path}"


@cache
def contract(folder: Path = ROOT / "nothing-is-published-here") -> dict[str, Any]:
    return create_app(Settings(warehouse=folder)).test_client().get("/openapi.json").json


def operation_for(path: str, method: str) -> dict[str, Any] | None:
    """Of the routes that match, the one with the longest text of its own, as Flask takes it."""
    found = {
        template: operations[method]
        for template, operations in contract()["paths"].items()
        if method in operations and re.fullmatch(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(template)), path)
    }
    return found[max(found, key=lambda template: -template.count("{"))] if found else None


def test_the_page_on_the_api_has_every_route_and_no_other() -> None:
    page = (DOCS / "api.md").read_text("utf-8")
    listed = [text for row in rows(page) for text in code(row[0]) if re.match("(GET|POST|PUT|DELETE) /", text)]
    for request in listed:
        method, address = request.replace("\\|", "-").split(" ", 1)
        check_request("http://127.0.0.1" + re.sub("<.*?>", "x", address), method.lower())
    shown = {re.sub(r"\?.*", "", re.sub(r"<(.*?)>", r"{\1}", request)) for request in listed}
    known = {f"{method.upper()} {path}" for path, methods in contract()["paths"].items() for method in methods}
    in_the_query = {f"GET {path}" for path in re.findall(r"`(/\w+)\?customer_id=", page)}
    assert known - shown - in_the_query == set()
