"""The models of the dbt project on Spark, in one session: on files that nobody chose, and by their own unit tests."""

from __future__ import annotations

import itertools
import random
import re
import shutil
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from pipeline import orders
from pipeline.address import CatalogTable
from pipeline.dbt import run_dbt
from pipeline.errors import ClvError
from pipeline.runners.on_spark import OnSpark
from pipeline.runners.spark_tables import stop_unless_shared, write_sorted
from pipeline.settings import DEMO_ORDERS, Settings
from pipeline.training.snapshots import some_of
from pipeline.warehouse import parquet
from pipeline.warehouse.folder import Warehouse
from tests.dbt_project.conftest import Parsed, Project
from tests.dbt_project.test_features import agrees, fresh, order_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a session of Spark is slow to start on a busy machine

# To one row, or to one for each of what there are never many of; or to a few of each task.
OF_FEW = r"(magnitude|order_date|stretch)#\d+L?"
SUMMED_UP = rf"(Hash|ObjectHash|Sort)Aggregate\(keys=\[({OF_FEW}(, {OF_FEW})*)?\]|LocalLimit"


class OnOneSession(Project):
    """As in the tests of DuckDB: what Spark made is brought back and looked at there."""

    def __init__(self, folder: Path):
        super().__init__(folder, Parsed(folder))
        warehouse = Warehouse(folder)
        warehouse.logs.mkdir()
        self.engine = OnSpark(Settings(warehouse=folder, spark_master="local[2]"), warehouse)

    def run(self, orders_file: Path, as_of: str = "", what: tuple[str, ...] = Project.MODELS) -> Any:
        self.forget_last_run()
        self.settings = Settings(
            orders=orders_file,
            as_of=date.fromisoformat(as_of) if as_of else None,
            warehouse=self.folder,
            max_rejected=1,
        )
        self.engine.ask("drop schema if exists main cascade")
        self.engine.bring_orders(orders.find(str(orders_file)))
        result = run_dbt(
            "build",
            *what,
            settings=self.settings,
            target=self.parsed.target(self.settings),
            logs=self.folder / "logs",
            output="spark",
        )
        self.engine.take_back(result.result.results)
        return result


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnOneSession]:
    project = OnOneSession(tmp_path_factory.mktemp("project"))
    with project.engine.running():
        project.engine.ask("select 1")  # starts the session, where dbt would start one of its own
        yield project


@settings(fresh, max_examples=2)
@given(order_files())
def test_the_models_on_spark_agree_with_plain_python(project: OnOneSession, tmp_path: Path, drawn: Any) -> None:
    agrees(project, tmp_path, *drawn)


@pytest.fixture(scope="module")
def ended(project: OnOneSession) -> list[Any]:
    """What came of all models and unit tests on the demo orders.

    But for a training, whose views ask a session of DuckDB, and for what the environment says: it is not asked.
    """
    of_the_environment = ("without_settings_the_defaults_count", "the_environment_gives_settings")
    what = ("--exclude", "path:models/training", *of_the_environment, "--exclude-resource-type", "test")
    return project.run(DEMO_ORDERS, what=what).result.results


def test_every_unit_test_passes_on_spark(project: OnOneSession, ended: list[Any]) -> None:
    wrong = [(each.node.name, each.message) for each in ended if each.status not in ("success", "pass", "no-op")]
    assert not wrong
    assert [str(each.node.resource_type) for each in ended].count("unit_test") > 25
    assert project.engine.ask("set spark.sql.ansi.enabled") == [("spark.sql.ansi.enabled", "true")]


def test_a_table_of_a_catalog_is_read_with_its_types(project: OnOneSession) -> None:
    """Derby is a database that comes with Spark."""
    ask = project.engine.ask
    for key, value in (
        ("", "org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog"),
        (".url", "jdbc:derby:memory:lake;create=true"),
        (".driver", "org.apache.derby.iapi.jdbc.AutoloadedDriver"),
    ):
        ask(f"set `spark.sql.catalog.lake{key}` = `{value}`")
    ask("set `spark.sql.catalog.iceberg` = `no.such.Catalog`")
    ask("create schema lake.shop")
    ask("create table lake.shop.lines (customer string, paid timestamp, revenue decimal(12, 2), day date)")
    ask("insert into lake.shop.lines values ('007', timestamp '2017-01-01 23:59:59.5', 12.3, date '2017-01-02')")
    with project.engine.rows_of(CatalogTable("table:lake.shop.lines", "")) as rows:
        found = [tuple(row.values()) for row in rows.read_all().to_pylist()]
    assert found == [("007", datetime(2017, 1, 1, 23, 59, 59, 500_000), Decimal("12.30"), date(2017, 1, 2))]
    samples: list[list[int]] = []
    days = ("0001-01-01", "1600-01-01", "9999-12-31")
    values = ", ".join(f"(date '{day}')" for day in days)
    moments = (
        "(select cast(cast(day as timestamp_ntz) as timestamp_ltz) as moment, make_interval(1) as years "
        f"from values {values} as days(day) order by day)"
    )
    with project.engine.rows_of(CatalogTable(moments, "")) as rows:
        found = rows.read_all()
    assert found.column_names == ["moment"]
    assert [str(moment)[:10] for moment in found["moment"].cast(pa.date32()).to_pylist()] == [*days]
    large = "table:(select id, repeat(md5(cast(id as string)), 8) as text from range(900000))"
    many, few = (project.engine.sample_of(CatalogTable(text, text)) for text in (large, "table:range(9)"))
    assert (str(many), str(few)) == (f"a sample of {large}", "table:range(9)")
    for _ in range(2):
        with project.engine.rows_of(many) as rows:
            samples.append(sorted(rows.read_all()["id"].to_pylist()))
    assert samples[0] == samples[1]
    assert 95_000 < len(samples[0]) < 105_000 and samples[0][0] < 100 and samples[0][-1] > 899_900
    for name, said in (
        ("lake.shop.none", "The table or view `lake`.`shop`.`none` cannot be found"),
        ("my-lake.lines", "The unquoted identifier my-lake is invalid"),
        ("iceberg.shop.lines", "Cannot load catalog 'iceberg' with the plugin class 'no.such.Catalog'"),
    ):
        words = f"^Spark cannot read table:{name}: {said}.* See "
        with pytest.raises(ClvError, match=words), project.engine.rows_of(CatalogTable(name, f"table:{name}")):
            pass


def test_executors_write_customers_as_a_large_build_is_read(project: OnOneSession, tmp_path: Path) -> None:
    """In order from file to file, in groups of rows that are small enough to look one customer up in."""
    customers = 50_000
    shuffled = project.engine._session.sql(
        f"select concat('é-', id * 7919 % {customers}) as customer_id, id as value from range({customers})"
    )
    write_sorted(shuffled, tmp_path / "table", tmp_path / "scratch", rows_a_file=20_000)
    files = [pq.ParquetFile(path) for path in sorted((tmp_path / "table").iterdir())]
    assert sorted(path.name for path in (tmp_path / "table").iterdir()) == [f"000{n}.parquet" for n in range(3)]
    ids = [each for file in files for each in file.read(["customer_id"])["customer_id"].to_pylist()]
    assert ids == sorted((f"é-{n}" for n in range(customers)), key=str.encode)
    groups = [file.metadata.row_group(n).num_rows for file in files for n in range(file.num_row_groups)]
    assert max(groups) == parquet.GROUP_ROWS


def test_the_customers_of_a_training_are_those_that_duckdb_chooses(project: OnOneSession) -> None:
    ids = "select customer_id from (values ('c1'), ('007'), ('Åse'), (' '), ('c2'), ('c3')) as ids(customer_id)"
    query = f"{ids} where {some_of(2, most=1)} order by customer_id"
    with duckdb.connect() as memory:
        chosen = memory.execute(query).fetchall()
        with_spark = project.engine.rows(memory, query).fetchall()
    assert 0 < len(chosen) < 6
    assert with_spark == chosen


def test_a_folder_that_the_machines_do_not_share_stops_what_needs_it(
    project: OnOneSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To Spark, the path goes on from where its Java was started."""
    where_java_is, folder = Path.cwd(), Path(f"not-shared-{tmp_path.parent.name}")
    session = project.engine._session
    no_folder = tmp_path / "file"
    no_folder.touch()
    with pytest.raises(ClvError, match=r"^Spark's executors cannot write to the warehouse.*file.* See .*spark\.log"):
        stop_unless_shared(session, no_folder / "shared", project.engine._log)
    monkeypatch.chdir(tmp_path)
    for make_it_here in (Path.exists, Path.mkdir):
        make_it_here(folder)
        try:
            with pytest.raises(ClvError, match=r"wrote 8 rows to not-shared-.*, and 0 are there: it has to be on a"):
                stop_unless_shared(session, folder, project.engine._log)
            assert list((where_java_is / folder).glob("*.parquet"))
        finally:
            shutil.rmtree(where_java_is / folder, ignore_errors=True)


def test_what_spark_refuses_is_said_in_a_line_that_names_where_it_runs(project: OnOneSession) -> None:
    words = r"^The Spark of SPARK_MASTER=local\S+ refuses “drop schema no_such cascade”: The schema .* See .*spark\.log"
    with pytest.raises(ClvError, match=words):
        project.engine.ask("drop schema no_such cascade")


def test_no_step_of_a_model_or_a_test_is_one_task_over_everything(project: OnOneSession, ended: list[Any]) -> None:
    """As Spark plans them for very many customers: what comes together in one task was summed up by many before."""
    compiled = run_dbt(
        "compile", "--select", "test_type:data", "path:models", "--exclude", "path:models/training",
        settings=project.settings, target=project.engine.target, logs=project.folder / "logs", output="spark",
        ranked_in_one_task=0,
    )  # fmt: skip
    queries = {
        each.node.name: each.node.compiled_code
        for each in compiled.result.results
        if each.node.resource_type in ("model", "test") and each.node.language == "sql"
    }
    assert len(queries) > 40
    alone: dict[str, str] = {}
    for name, query in queries.items():
        ((plan,),) = project.engine.ask(f"explain {query}")
        for step, before in steps_of(plan):
            if step.startswith("Exchange SinglePartition") and not re.match(SUMMED_UP, before):
                alone.setdefault(name, before)
        assert not re.search(r"percentile\w*\(", plan), name
    assert alone == {}


def steps_of(plan: str) -> Iterator[tuple[str, str]]:
    """The steps of a plan, each with the one that comes before it in time."""
    return itertools.pairwise(line.strip(" :+-") for line in plan.splitlines())


def compiled(project: OnOneSession, macros: str) -> str:
    done = run_dbt(
        "compile", "--inline", macros,
        settings=project.settings, target=project.engine.target, logs=project.folder / "logs", output="spark",
    )  # fmt: skip
    return done.result.results[0].node.compiled_code


def test_500_million_customers_are_ranked_in_no_task_over_all_of_them_or_all_of_one_value(
    project: OnOneSession,
) -> None:
    """As Spark plans it: rows that come together were summed up before, or are a part of those of their value."""
    project.engine.ask(
        "create or replace temporary view everybody as select concat('customer-', id) as customer_id, "
        "if(id % 10 < 7, 12.5d, exp(pmod(xxhash64(id), 1000000) / 1e5d)) as predicted_clv from range(500000000)"
    )
    query = compiled(project, "{{ ranked_in_pieces('everybody') }}")
    ((plan,),) = project.engine.ask(f"explain {query}")
    exchanges = [(step, before) for step, before in steps_of(plan) if step.startswith("Exchange ")]
    assert len(exchanges) > 8
    parted = r"Exchange hashpartitioning\(.*\b(share|magnitude|ids\w*)#"
    summed_up = r"(Hash|ObjectHash|Sort)Aggregate\("
    for step, before in exchanges:
        if "SinglePartition" in step:
            assert re.match(SUMMED_UP, before)
        else:
            assert re.match(parted, step) or re.match(summed_up, before)


def test_ranks_deciles_and_quantiles_are_those_of_duckdb(project: OnOneSession, tmp_path: Path) -> None:
    """Of values below 0 too, of a third who are worth nothing, of many alike, and of fewer customers than tenths."""
    measures = [
        ("fifths", "predicted_clv", "double", 5),
        ("half", "case when predicted_clv > 0 then predicted_clv end", "double", 2),
        ("whole", "cast(floor(predicted_clv) as bigint)", "bigint", 5),
    ]
    in_duckdb = """
        select *, rank() over (order by predicted_clv desc), ntile(10) over (order by predicted_clv desc, customer_id)
        from given order by customer_id;
        select
            quantile_disc(predicted_clv, [0.2, 0.4, 0.6, 0.8]),
            [quantile_disc(predicted_clv, 0.5) filter (predicted_clv > 0)],
            quantile_disc(cast(floor(predicted_clv) as bigint), [0.2, 0.4, 0.6, 0.8])
        from given
    """
    ways = ("ranked_in_pieces", "ranked_in_one_task")
    ranked = [f"{{{{ {way}('given') }}}} order by customer_id" for way in ways]
    in_spark = compiled(project, ";".join((*ranked, f"{{{{ quantiles('given', {measures}) }}}}"))).split(";")
    chance = random.Random(19)
    beginnings = ("", "c", "customer-", "gid://shop/é/", "żółw")
    for customers in (7, 1234):
        values = [0.0, 0.0, 7.5, -3.25, chance.lognormvariate(3, 2), chance.lognormvariate(0, 9)]
        clvs = [chance.choice(values) if n % 3 else chance.lognormvariate(3, 2) for n in range(customers)]
        file = tmp_path / f"{customers}.parquet"
        ids = [f"{chance.choice(beginnings)}{n:07}" for n in range(customers)]
        pq.write_table(pa.table({"customer_id": ids, "predicted_clv": clvs}), file)
        project.engine.ask(f"create or replace temporary view given using parquet options (path '{file}')")
        with duckdb.connect() as memory:
            memory.execute(f"create view given as from '{file}'")
            ranks, quantiles = (memory.execute(other).fetchall() for other in in_duckdb.split(";"))
            assert [project.engine.ask(query) for query in in_spark] == [ranks, ranks, quantiles]
