"""The commands as a person types them: what is not known is refused, a name is only a name, what is printed works."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import click
import pytest

from api.__main__ import serve
from pipeline.cli import commands, main
from pipeline.settings import ROOT, TAKES, Settings, command_line, in_their_words
from pipeline.variables import VARIABLES
from tests.pipeline.conftest import Shop

CLEAN = {
    name: value for name, value in os.environ.items() if name not in {n for names in TAKES.values() for n in names}
}


def run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=CLEAN | environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("build", "ORDER=mine.csv"), "ORDERS"),
        (("build", "MAX_REJECTD=0.5"), "MAX_REJECTED"),
        (("serve", "PROT=8080"), "PORT"),
        (("train", "HORIZONS=90"), "HORIZON"),
        (("bench", "LINE=1"), "LINES"),
        (("build", "PORT=8080"), None),  # another command's
    ],
)
def test_make_refuses_a_variable_that_the_command_does_not_take(arguments, nearest, tmp_path):
    ended = run("make", *arguments, f"WAREHOUSE={tmp_path / 'w'}" if arguments[0] != "bench" else "JSON=x")
    assert ended.returncode == 2
    assert f"has no variable {arguments[1].split('=')[0]}" in ended.stderr
    if nearest:
        assert f"the nearest is {nearest}." in ended.stderr
    assert ended.stdout == "" and not (tmp_path / "w").exists()


def test_unknown_options_commands_and_prefixed_variables_are_refused_with_the_nearest(typed):
    for arguments, environment, nearest in [
        (("build", "--order", "mine.csv"), {}, "--orders"),
        (("train", "--horizn", "9"), {}, "--horizon"),
        (("biuld",), {}, "build"),
        (("rollback",), {"CLV_WAREHOSE": "x"}, "CLV_WAREHOUSE"),
    ]:
        ended = typed(*arguments, **environment)
        assert ended.status == 2
        assert f"the nearest is {nearest}." in ended.stderr, ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_a_variable_may_carry_the_prefix_and_an_option_goes_before_both(typed, tmp_path):
    nothing = f"Nothing is published in {tmp_path}"
    other = {"WAREHOUSE": str(tmp_path / "other")}
    assert f"{nothing} yet" in typed("sql", CLV_WAREHOUSE=str(tmp_path), **other).stderr
    assert f"{nothing} yet" in typed("sql", "--warehouse", str(tmp_path), CLV_WAREHOUSE="x", **other).stderr
    assert f"{nothing} yet" in run("make", "sql", f"WAREHOUSE={tmp_path}", CLV_WAREHOUSE="x").stderr


def test_spark_is_not_asked_for_in_vain(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WAREHOUSE", str(tmp_path))
    table = "table:shop.lines"
    for command, variable, value, instead in [
        ("build", "SPARK_MASTER", "local[2]", f"make build WAREHOUSE={tmp_path} ENGINE=spark SPARK_MASTER='local[2]'"),
        ("build", "ORDERS", table, f"make build ORDERS={table} WAREHOUSE={tmp_path} ENGINE=spark"),
        ("inspect", "ORDERS", table, f"make inspect ORDERS={table} ENGINE=spark"),
        ("train", "ORDERS", table, f"make train ORDERS={table} WAREHOUSE={tmp_path} ENGINE=spark"),
        ("work", "ORDERS", table, f"make work ORDERS=order_lines WAREHOUSE={tmp_path}"),
        ("work", "CLV_ENGINE", "spark", "unset CLV_ENGINE"),
    ]:
        monkeypatch.setenv(variable, value)
        assert main([command]) == 2
        monkeypatch.delenv(variable)
        told = capsys.readouterr().err.strip()
        assert told.startswith(f"{variable}={value} ") and told.endswith(f": {instead}")
        assert run("sh", "-c", instead.replace("make", "make -n")).returncode == 0
    assert not list(tmp_path.iterdir())


def test_the_address_of_a_server_of_spark_connect_is_one_and_alone_and_holds_no_secret(typed, tmp_path):
    both = typed("build", ENGINE="spark", SPARK_MASTER="local[2]", SPARK_REMOTE="sc://x", WAREHOUSE=str(tmp_path))
    assert both.status == 2 and both.stderr.startswith("SPARK_MASTER=local[2] and SPARK_REMOTE=sc://x both say where")
    typed_next = f"make build WAREHOUSE={tmp_path} ENGINE=spark SPARK_MASTER='' SPARK_REMOTE=sc://x"
    assert both.stderr.strip().endswith(f": {typed_next}")
    for text in (
        "host:15002",
        "local[2]",
        "sc://",
        "sc://host/path",
        "sc://host:port",
        "sc://:15002",
        "sc://[::1",
        "sc://host:0",
    ):
        wrong = typed("build", ENGINE="spark", SPARK_REMOTE=text)
        assert wrong.status == 2 and wrong.stderr.strip().endswith("Write SPARK_REMOTE=sc://host:15002")
    secret = typed("build", ENGINE="spark", SPARK_REMOTE="sc://host:443/;use_ssl=true;token=hunter2")
    assert secret.status == 2 and "export SPARK_CONNECT_AUTHENTICATE_TOKEN=" in secret.stderr
    assert "hunter2" not in secret.stderr


def test_what_other_programs_are_told_of_a_server_of_spark_connect_concerns_no_command_without_spark(typed, tmp_path):
    orders, warehouse = tmp_path / "none.csv", tmp_path / "warehouse"
    given = {"ORDERS": str(orders), "WAREHOUSE": str(warehouse), "SPARK_REMOTE": "sc://host/;token=hunter2"}
    for command in ("build", "train", "inspect"):
        assert f"There is no file {orders}." in typed(command, **given).stderr
    ended = typed("build", SPARK_MASTER="local", **given).stderr.strip()
    assert ended.endswith(f" WAREHOUSE={warehouse} ENGINE=spark SPARK_MASTER=local SPARK_REMOTE=''")
    ended = typed("inspect", ORDERS="table:t", SPARK_REMOTE="sc://host").stderr.strip()
    assert ended.endswith(" ORDERS=table:t ENGINE=spark SPARK_REMOTE=sc://host")


@pytest.mark.parametrize("name", ["orders$(shell touch owned).csv", "pri$e.csv", "two  words.csv", 'it\'s "#1";\\.csv'])
def test_a_file_name_passes_make_as_it_is(name, tmp_path):
    """There is no such file, and the line that says so names it."""
    for how in ("argument", "environment"):
        orders = str(tmp_path / name)
        ended = run("make", "build", f"ORDERS={orders}") if how == "argument" else run("make", "build", ORDERS=orders)
        assert f"There is no file {orders}." in ended.stderr
    assert not (ROOT / "owned").exists() and not list(tmp_path.iterdir())


def options_of_people(command: click.Command) -> list[str]:
    """All but what the worker says to the processes that it starts."""
    return [param.name for param in command.params if isinstance(param, click.Option) and not param.hidden]


def test_makes_list_fits_a_terminal_and_names_each_commands_variables_as_the_command_itself_does():
    listed = run("make").stdout
    assert max(map(len, listed.splitlines())) <= 100
    shown: dict[str, list[str]] = {}
    for line in listed.splitlines():
        if found := re.match(r"  make (\S+)", line):
            names = shown.setdefault(found[1], [])
        elif line.startswith("      "):
            names += line.replace("=", "").split()
    for name, command in commands.commands.items():
        assert set(shown[name]) == set(options_of_people(command)) == set(TAKES[name]), name
    unseen = {"API_TOKENS", "UPLOAD_TOKENS"}  # no options, which everybody on the machine could see
    of_the_api = {option.name.upper() for option in serve.params} | unseen
    assert set(shown["serve"]) == of_the_api == set(TAKES["serve"])
    assert set(TAKES) == {*commands.commands, "serve"}


def test_every_option_is_explained_with_its_default(typed):
    listed = typed("--help").stdout
    assert all(f"  {name}  " in listed for name in commands.commands) and "..." not in listed.partition("Commands:")[2]
    for each in commands.commands.values():
        text = " ".join(typed(each.name, "--help").stdout.split())
        for name in options_of_people(each):
            assert re.search(rf"--{name.lower().replace('_', '-')} \S+ .*?\[{name}; default: .+?\]", text)


def test_the_command_that_is_printed_gives_the_same_settings_again(tmp_path, monkeypatch):
    """Through a shell and make, wherever one stands."""
    settings = Settings(
        orders=tmp_path / "it's $HOME; orders.csv",
        warehouse=ROOT / "warehouse two",
        as_of=date(2020, 2, 29),
        max_rejected=0.05,
        strict=True,
        json=tmp_path / "events.jsonl",  # holds what happened; the next command would write over it
        predictor=replace(Settings().predictor, timeout=7.0),
    )
    for folder in (ROOT, tmp_path):
        monkeypatch.chdir(folder)
        typed = command_line("build", settings, HISTORY_DAYS=3)
        assert shlex.split(typed)[-7:] == [
            f"ORDERS={settings.orders}",
            "AS_OF=2020-02-29",
            f"WAREHOUSE={settings.warehouse if folder != ROOT else 'warehouse two'}",
            "MAX_REJECTED=0.05",
            "HISTORY_DAYS=3",
            "STRICT=1",
            "MODEL_TIMEOUT=7.0",
        ]
        ended = run("sh", "-c", typed, cwd=folder)
        assert f"There is no file {settings.orders}." in ended.stderr
    monkeypatch.chdir(ROOT)
    assert command_line("train", Settings()) == "make train"


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("HISTORY_DAYS", ["1", "9999999"], ["0", "10000000", "-1", "1.5", "\u0661", ""]),
        ("HORIZON", ["1", "3650"], ["0", "3651", "-1", "1.5"]),
        ("KEEP_UPLOADS", ["1", "3650"], ["0", "3651"]),
        ("PORT", ["1", "65535"], ["0", "65536"]),
        ("MAX_REJECTED", ["0", "1", "0.005"], ["-0.001", "1.001", "nan", "inf", "1%"]),
        ("DISCOUNT_RATE", ["0", "10"], ["-0.01", "10.01", "nan"]),
        ("STRICT", ["0", "1"], ["2", "true", "yes"]),
        ("REQUIRE_BOX", ["0", "1"], ["2"]),
        ("CHECK", ["0", "1"], ["2"]),
        ("AS_OF", ["2020-02-29", "0001-01-01"], ["2019-02-29", "2020-2-1", "20200229", "2020-02-29T00:00"]),
        ("ENGINE", ["duckdb", "spark"], ["Spark", "sqlite"]),
    ],
)
def test_a_variable_takes_what_it_says_to_its_very_limits_and_nothing_beyond(name, taken, refused):
    for text in taken:
        value = VARIABLES[name].read(text)
        assert text == (
            f"{value:d}" if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
        )
    for text in refused:
        with pytest.raises(ValueError, match=f"{name}=|Leave it out for"):
            VARIABLES[name].read(text)


def test_who_has_uploaded_orders_is_told_nothing_of_this_machine_and_what_to_have_the_worker_do(tmp_path):
    places = {
        "orders": tmp_path / "jobs" / "1" / "orders.csv",
        "mapping": tmp_path / "m.yml",
        "warehouse": tmp_path / "w",
    }
    text = "{orders}, line 5: see {mapping}; {warehouse}/logs has more of {orders}."
    own, uploaded = Settings(**places), Settings(**places, uploaded_as="March.csv")
    here = text.format(**places)
    assert in_their_words(here, own) == here
    theirs = {"orders": "March.csv", "mapping": "the mapping", "warehouse": "the warehouse"}
    assert in_their_words(here, uploaded) == text.format(**theirs)
    assert command_line("build", uploaded, MAX_REJECTED=0.5) == "MAX_REJECTED=0.5 for the worker"
    assert command_line("build", uploaded) == "make build"
    assert command_line("inspect", uploaded, OUT="a b.yml") == "make inspect OUT='a b.yml'"


def test_where_there_is_no_makefile_as_in_the_container_python_is_to_be_typed(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.settings.MAKEFILE", tmp_path / "Makefile")
    settings = Settings(warehouse=tmp_path / "a $b")
    typed = command_line("sql", settings)
    assert command_line("serve", settings) == f"CLV_WAREHOUSE='{tmp_path / 'a $b'}' python -m api"
    ended = run("sh", "-c", typed, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", CLV_WAREHOUSE="x")
    assert f"Nothing is published in {settings.warehouse} yet. Build first: make build WAREHOUSE='" in ended.stderr


def test_documentation_on_a_port_in_use_names_another_one(built: Shop):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        printed = built.run("docs", status=1, PORT=str(port))
    assert f"127.0.0.1:{port} cannot be served on: Address already in use." in printed
    assert f"make docs PORT={port % 65_535 + 1} WAREHOUSE={built.warehouse}" in printed
    assert not (built.warehouse / "docs").exists()


@pytest.mark.slow
def test_what_a_build_says_to_type_next_is_about_what_it_built(shop: Shop):
    shop.orders = shop.orders.rename(shop.folder / "the orders.csv")
    printed = shop.run(AS_OF="2017-10-17")
    (following,) = re.findall(r"^Next +(.*)$", printed, re.MULTILINE)
    sql = next(command for command in following.split(" · ") if " sql" in command)
    asked = run("sh", "-c", f"{sql} Q='select customers, as_of_date from build_info'")
    assert "2017-10-17" in asked.stdout and "3" in asked.stdout, asked.stderr

    shop.write_orders({"a": 1, "b": 2}, more="c,1,1,1,money,2017-10-01")
    printed = shop.run(status=1, AS_OF="2017-10-18")
    (command,) = re.findall(r"(make build .*)$", printed, re.MULTILINE)
    again = run("sh", "-c", command)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "3 read, 2 used, 1 rejected" in again.stdout
    assert shop.query("select as_of_date from build_info")[0][0] == date(2017, 10, 18)
