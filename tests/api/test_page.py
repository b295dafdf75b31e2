"""The page, in a real browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api.conftest import VALUES, Server

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=8000", "--lang=en-US"),
)


def drawn(address: str, folder: Path, width: int) -> str:
    """The page as it stands after its script has run."""
    chromium = shutil.which("chromium")
    if not chromium:
        assert os.environ.get("CI") != "true", "CI has to have chromium on its PATH"
        pytest.skip("no chromium on PATH")
    command = [chromium, *QUIET, f"--user-data-dir={folder}", f"--window-size={width},1400", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 500])
def test_the_page_draws_what_the_summary_says(server: Server, tmp_path: Path, width: int) -> None:
    page = drawn(f"http://127.0.0.1:{server.port}/#c089", tmp_path, width)
    summary = server.get("/summary").json
    assert f"{summary['total']:,.2f}" in page
    assert "over the next 365 days" in page
    share = f"{summary['deciles'][0]['share'] * 100:.1f}".removesuffix(".0")
    assert f"holds {share}% of the value" in page
    assert page.count('class="column"') == 10
    assert all(f">{one['clv']:,.2f}<" in page for one in summary["top"])
    card = page[page.index('id="card"') :]
    assert f"{VALUES['c089']:,.2f}" in card
    assert "Rank" in card
    assert 'class="spark"' in card


@pytest.mark.slow
def test_the_docs_page_shows_the_contract_without_a_network(server: Server, tmp_path: Path) -> None:
    page = drawn(f"http://127.0.0.1:{server.port}/docs", tmp_path, 1200)
    assert "The predicted value of one customer" in page
