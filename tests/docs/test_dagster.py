"""The example for Dagster is one that Dagster loads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import DOCS, ROOT, blocks

DAGSTER = shutil.which("dagster")
SHOW = """
graph = defs.resolve_asset_graph()
needs = {key.path[-1]: [each.path[-1] for each in graph.get(key).parent_keys] for key in graph.get_all_asset_keys()}
print(json.dumps([needs, [[each.name, each.cron_schedule] for each in defs.schedules]]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not DAGSTER, reason="needs dagster on PATH; the gate has it in a venv of its own")
def test_dagster_loads_the_example_with_every_table_and_what_it_is_made_of(tmp_path: Path) -> None:
    parse = [
        *(str(Path(sys.executable).with_name("dbt")), "parse"),
        *("--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(ROOT)),
        *("--target-path", str(tmp_path), "--log-path", str(tmp_path)),
    ]
    subprocess.run(parse, check=True, capture_output=True, timeout=120)
    (example,) = (block for block in blocks(DOCS / "operations.md", "python") if "dagster" in block)
    here = tmp_path / "example.py"
    here.write_text("import json\n" + example.replace("/opt/clv/dbt_project/target", str(tmp_path)) + SHOW)
    loaded = subprocess.run([str(Path(DAGSTER or "").with_name("python")), here], capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    needs, schedules = json.loads(loaded.stdout)
    models = [path for kind in ("sql", "py") for path in (ROOT / "dbt_project/models").rglob(f"*.{kind}")]
    assert set(needs) == {path.stem for path in models if path.parent.name != "training"} | {"orders"}
    assert set(needs["customer_value"]) == {"customer_features", "predictions", "segment_bounds"}
    assert schedules == [["daily_schedule", "0 9 * * *"]]
