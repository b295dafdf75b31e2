"""The tables of settings name what the commands take, all of it, with the defaults that they have."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from api.__main__ import serve
from pipeline.cli import commands
from tests.docs.markdown import DOCS, code, rows, section

BY_PAGE = [
    ("build", DOCS / "own-orders.md", "Settings"),
    ("build", DOCS / "models-and-the-box.md", "Settings"),
    ("build", DOCS / "delivery.md", "Settings"),
    ("build", DOCS / "spark.md", "Settings"),
    ("deliver", DOCS / "delivery.md", "Settings"),
    ("train", DOCS / "training.md", "Settings"),
    ("work", DOCS / "operations.md", "Uploads and the worker"),
    ("serve", DOCS / "operations.md", "Serving it to others"),
]


def taken(command: click.Command) -> dict[str, str]:
    """The variables of a command, with the default that its help shows; no text where it has none."""
    found = {}
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar:
            name = option.envvar if isinstance(option.envvar, str) else option.envvar[-1]
            shown = re.search(r"default: (.*)\]", option.help or "")
            literal = "0" if option.is_flag else str(option.default) if isinstance(option.default, (str, int)) else ""
            found[name] = shown[1] if shown else literal
    return found


TAKEN = {name: taken(command) for name, command in commands.commands.items()} | {"serve": taken(serve)}


@pytest.mark.parametrize(("command", "page", "heading"), BY_PAGE)
def test_a_table_of_settings_is_true(command: str, page: Path, heading: str) -> None:
    for setting, _, default in rows(section(page, heading)):
        (name,) = code(setting)
        if name in ("API_TOKENS", "UPLOAD_TOKENS"):
            continue  # read from the environment only: a command line can be seen by everyone
        assert name in TAKEN[command], f"{command} takes no {name}"
        plain = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", default).replace("`", "")
        there = TAKEN[command][name]
        assert plain.startswith(there), f"the default of {name} is {there}"
        assert not (there and re.match(r"\.?\w", plain.removeprefix(there))), f"the default of {name} is {there} alone"


@pytest.mark.parametrize("command", sorted({command for command, _, _ in BY_PAGE}))
def test_every_setting_is_in_a_table(command: str) -> None:
    listed = {name for _, page, heading in BY_PAGE for row in rows(section(page, heading)) for name in code(row[0])}
    assert set(TAKEN[command]) - listed == set()
