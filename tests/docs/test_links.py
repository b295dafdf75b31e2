"""Every page is found, and leads where it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import DOCS, PAGES, README, ROOT, anchors, name, prose


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = prose(page)
    targets = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'src="([^"]+)"', text)]
    for target in targets:
        if target.startswith(("https://", "http://127.0.0.1")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_relative_to(ROOT), f"{target} leads out of the repository"
        assert there.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in anchors(there), f"{name(there)} has no heading for #{anchor}"


def test_readme_is_a_front_door_that_names_every_page() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 130
    for page in DOCS.glob("*.md"):
        assert f"](docs/{page.name})" in text
    for other in ("CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"):
        assert f"]({other})" in text


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=name)
def test_a_page_of_the_docs_answers_a_question(page: Path) -> None:
    assert re.match(r"# .+\?\n", page.read_text("utf-8"))
