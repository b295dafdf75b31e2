"""MEMORY is what DuckDB may hold, in every way that it is opened to build; too little of it says what to type."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from pipeline.engines.duckdb_settings import USUAL_MEMORY, building, read_memory
from tests.pipeline.conftest import ROOT, Shop


def test_dbt_opens_duckdb_as_the_pipeline_does():
    duckdb = yaml.safe_load((ROOT / "profiles.yml").read_text())["customer_lifetime_value"]["outputs"]["duckdb"]
    ours = building("{{ var('memory', env_var('MEMORY', '')) or '" + USUAL_MEMORY + "' }}")
    given = duckdb["config_options"] | duckdb["settings"]
    assert {name: given[name] for name in ours} == ours
    assert set(given) - set(ours) == {"preserve_insertion_order"}  # which matters where the orders are loaded


@pytest.mark.parametrize("text", ["0GB", "4 bytes", "-1GB", "101%", "lots", "4GB; drop table x", "٤GB"])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(ValueError, match="MEMORY=4GB"):
        read_memory(text)


@pytest.mark.slow
def test_a_build_with_too_little_memory_says_what_to_type_until_it_is_enough(shop: Shop):
    typed, given = "", "8MB"
    printed = shop.run(status=1, MEMORY=given)
    for _ in range(6):
        assert f"MEMORY={given} is too little" in printed
        (typed, given) = re.search(r"(make build .*MEMORY=(\w+))$", printed, re.MULTILINE).groups()
        ended = subprocess.run(["sh", "-c", typed], cwd=ROOT, capture_output=True, text=True, timeout=300)
        printed = ended.stdout + ended.stderr
        if ended.returncode == 0:
            break
    assert "3 read, 3 used, 0 rejected" in printed and typed
