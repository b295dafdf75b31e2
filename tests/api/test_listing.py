"""Pages and figures, held to plain readings of what they mean."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterator
from itertools import islice, pairwise, product
from pathlib import Path
from unittest.mock import patch

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from api import create_app
from api.schemas.common import LIFECYCLES, TIERS
from api.schemas.customers import ListingQuery
from api.settings import Settings
from api.store import listing
from api.store.columns import Columns
from api.store.listing import Cursor
from tests.api.conftest import publish

TIED = [-1.5, 0.0, 0.0, 2.5, 2.5, 7.0]  # so few values that most customers share theirs


def columns(values: dict[str, float]) -> Columns:
    """The customers as a snapshot has them in memory."""
    with duckdb.connect(":memory:") as db:
        db.execute("attach ':memory:' as published")
        db.execute(
            "create table published.customer_value as select *, (n % 10 + 1)::tinyint as clv_decile, "
            "rank() over (order by predicted_clv desc) as clv_rank, "
            "['high', 'medium', 'low'][1 + n % 3] as value_tier, "
            "['new', 'active', 'slipping', 'lapsed'][1 + n // 3 % 4] as lifecycle from (select "
            "unnest(?::varchar[]) as customer_id, unnest(?::double[]) as predicted_clv, row_number() over () as n)",
            [list(values), [*values.values()]],
        )
        return Columns(db)


def walked(found: Columns, query: ListingQuery) -> Iterator[list[str]]:
    """The pages that a client is given who follows each cursor to the next."""
    cursor = None
    while True:
        rows, more = listing.page(found, query, cursor)
        yield [found[row].decode() for row in rows]
        if not more:
            return
        last = rows[-1]
        text = Cursor("build", query.order, float(found.clv[last]), found[last].decode()).text()
        cursor = Cursor.read(text)


@settings(deadline=None, max_examples=70)
@given(
    values=st.dictionaries(st.text(max_size=3), st.sampled_from(TIED) | st.floats(-9, 9), max_size=26),
    limit=st.integers(1, 9),
    order=st.sampled_from(["value", "id"]),
    lowest=st.none() | st.sampled_from(TIED),
    highest=st.none() | st.sampled_from(TIED),
    decile=st.none() | st.integers(1, 10),
    tier=st.none() | st.sampled_from(TIERS),
    lifecycle=st.none() | st.sampled_from(LIFECYCLES),
)
def test_a_walk_over_all_pages_gives_everybody_once_in_order_for_every_size_and_limit(
    values: dict[str, float],
    limit: int,
    order: str,
    lowest: float | None,
    highest: float | None,
    decile: int | None,
    tier: str | None,
    lifecycle: str | None,
) -> None:
    found = columns(values)
    query = ListingQuery.model_validate(
        {"limit": limit, "order": order, "min_clv": lowest, "max_clv": highest, "decile": decile}
        | {"tier": tier, "lifecycle": lifecycle}
    )
    wanted = [
        name
        for row, name in enumerate(sorted(values, key=str.encode))
        if (lowest is None or values[name] >= lowest)
        and (highest is None or values[name] <= highest)
        and (decile is None or found.decile[row] == decile)
        and (tier is None or TIERS[found.tier[row] - 1] == tier)
        and (lifecycle is None or LIFECYCLES[found.lifecycle[row] - 1] == lifecycle)
    ]
    if order == "value":
        wanted.sort(key=lambda name: (-values[name], name.encode()))
    with patch.object(listing, "BLOCK", 3):  # so that few customers are several blocks
        pages = list(islice(walked(found, query), len(values) + 2))  # with a mistake it may never end
    assert [name for page in pages for name in page] == wanted
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1] or not wanted  # no cursor leads to an empty page


@pytest.mark.parametrize("order", ["value", "id"])
@pytest.mark.parametrize("asked", ["", "&min_clv=0&max_clv=2.5", "&decile=10"])
def test_a_walk_over_more_than_two_blocks_of_tied_customers_ends_with_everybody(
    many: tuple[Client, dict[str, float]], order: str, asked: str
) -> None:
    client, values = many
    seen: list[tuple[str, float]] = []
    cursor = ""
    while cursor is not None:
        page = client.get(f"/predictions?order={order}&limit=1000{asked}{cursor and f'&cursor={cursor}'}").json
        assert page["predictions"]
        seen += [(one["user_id"], one["clv"]) for one in page["predictions"]]
        assert len(seen) <= len(values)
        cursor = page["next_cursor"]
    wanted = sorted(values.items(), key=lambda one: one[0] if order == "id" else (-one[1], one[0]))
    if "decile" in asked:
        assert len(seen) == len(values) // 10
        assert set(seen) <= set(wanted)
        assert seen == sorted(seen, key=lambda one: one[0] if order == "id" else (-one[1], one[0]))
    elif asked:
        assert seen == [one for one in wanted if 0 <= one[1] <= 2.5]
    else:
        assert seen == wanted


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Client, dict[str, float]]:
    values = {f"c{n:05}": random.Random(n).choice(TIED) for n in range(70_000)}
    folder = tmp_path_factory.mktemp("many")
    publish(folder, "many", values)
    return Client(create_app(Settings(folder)).wsgi_app), values


def test_without_a_limit_a_page_is_as_long_as_the_contract_says(many: tuple[Client, dict[str, float]]) -> None:
    client, _ = many
    contract = client.get("/openapi.json").json["paths"]
    for name in ("predictions", "customers"):
        asked = {each["name"]: each["schema"] for each in contract[f"/{name}"]["get"]["parameters"]}
        assert len(client.get(f"/{name}").json[name]) == asked["limit"]["default"] == 100


def test_a_cursor_of_one_order_is_refused_in_the_other(many: tuple[Client, dict[str, float]]) -> None:
    client, _ = many
    cursor = client.get("/predictions?order=id&limit=5").json["next_cursor"]
    following = client.get(f"/predictions?order=id&limit=5&cursor={cursor}")
    assert (following.status_code, "Cursor-Build-Id" in following.headers) == (200, False)  # it is of this build
    answer = client.get(f"/predictions?order=value&limit=5&cursor={cursor}")
    assert answer.status_code == 422
    assert "order" in answer.json["detail"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": 5.0},
        {"a": -5.0, "b": 0.0, "c": 5.0},
        {f"c{n}": n**2 - 40.25 for n in range(9)},
        {f"c{n:02}": [1.0, 1.0, 9.0][n % 3] for n in range(31)},
        {f"c{n:03}": random.Random(n).gauss(10, 40) for n in range(257)},
        {f"c{n:02}": -1.0 - n for n in range(24)},
    ],
    ids=lambda values: f"{len(values)} customers",
)
def test_the_summary_s_figures_are_those_that_the_words_mean(tmp_path: Path, values: dict[str, float]) -> None:
    publish(tmp_path, "one", values)
    client = Client(create_app(Settings(tmp_path)).wsgi_app)
    summary = client.get("/summary").json
    ranked = sorted(values.values(), reverse=True)
    total = math.fsum(ranked)
    assert summary["customers"] == len(ranked)
    assert summary["total"] == pytest.approx(total)
    assert summary["mean"] == (pytest.approx(statistics.mean(ranked)) if ranked else None)
    assert summary["median"] == (pytest.approx(statistics.median(ranked)) if ranked else None)
    assert [one["clv"] for one in summary["top"]] == ranked[:10]
    tenths = summary["deciles"]
    assert [tenth["decile"] for tenth in tenths] == list(range(1, min(10, len(ranked)) + 1))
    size, longer = divmod(len(ranked), 10)  # ntile gives the first ones the rest
    start = 0
    for n, tenth in enumerate(tenths):
        held = ranked[start : start + size + (n < longer)]
        start += len(held)
        assert (tenth["customers"], tenth["max_clv"], tenth["min_clv"]) == (len(held), held[0], held[-1])
        assert tenth["total"] == pytest.approx(math.fsum(held))
        assert tenth["share"] == (pytest.approx(math.fsum(held) / total) if total > 0 else None)
    assert start == len(ranked)
    assert all(upper["min_clv"] >= lower["max_clv"] for upper, lower in pairwise(tenths))
    segments = client.get("/segments").json
    assert (segments["customers"], segments["total"]) == (len(ranked), pytest.approx(total))
    assert {(one["tier"], one["lifecycle"]) for one in segments["segments"]} == {*product(TIERS, LIFECYCLES)}
    for one in segments["segments"]:
        asked = f"/predictions?limit=1000&tier={one['tier']}&lifecycle={one['lifecycle']}"
        held = [each["clv"] for each in client.get(asked).json["predictions"]]
        assert (one["customers"], one["total"]) == (len(held), pytest.approx(math.fsum(held)))
        assert one["share"] == (pytest.approx(math.fsum(held) / total) if total > 0 else None)
    assert sum(one["customers"] for one in segments["segments"]) == len(ranked)
