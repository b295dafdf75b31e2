"""How the customers of a build differ from those of the build before it, which is kept beside it."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from api.schemas.customers import Filters
from api.store.details import PIECE
from api.store.snapshot import Snapshot

MEMORY = "256MB"  # for a piece of both builds
ONLY_WHEN = {"predicted_at"}  # when it was predicted says nothing of a customer

CHANGED = """
with now as (select * from published.customer_value where {within}),
    before as (select * from {before}.customer_value where {within})
select
    coalesce(now.customer_id, before.customer_id) as customer_id, now.* exclude (customer_id),
    case when before.customer_id is null then 'new' when now.customer_id is null then 'gone' else 'changed' end
        as change
from now full join before on now.customer_id = before.customer_id
where (before.customer_id is null or now.customer_id is null or {differs}) and {filters}
order by 1
"""
FILTERS = {
    "min_clv": "now.predicted_clv >= $min_clv",
    "max_clv": "now.predicted_clv <= $max_clv",
    "decile": "now.clv_decile = $decile",
    "tier": "now.value_tier = $tier",
    "lifecycle": "now.lifecycle = $lifecycle",
}
NAMES = "select column_name from duckdb_columns() where database_name = ? and table_name = 'customer_value'"


class NotKept(Exception):
    """The build that somebody asks about is not there any more; the text says what to do."""


class Changes:
    """Who is new, changed or gone since a build. Each such question has a connection of its own."""

    def __init__(self, snapshot: Snapshot, since: str) -> None:
        """NotKept where that build is neither the one that is served nor the one before it."""
        self._snapshot = snapshot
        self._none = since == snapshot.build["build_id"]
        try:
            previous = None if self._none else snapshot.previous
            self._connection = snapshot.connect(previous, threads=1, memory_limit=MEMORY)
            kept = since if self._none else self._column("select build_id from before.build_info")[0]
        except (duckdb.Error, IndexError):
            kept = None
        if kept != since:
            raise NotKept("changed_since: that build is not kept. Leave changed_since out, and take all customers.")

    def pieces(self, filters: Filters, after: str | None = None) -> Iterator[pa.Table]:
        """These customers by id, behind `after`, with a last column `change`; one piece at least, which may be empty.

        Who is gone has an id and nothing else, and passes no filter.
        """
        given = {name: value for name in FILTERS if (value := getattr(filters, name)) is not None}
        conditions = ["false" if self._none else "true", *(FILTERS[name] for name in given)]
        differs = self._differs()
        for low, high in [(None, None)] if self._none else self._ranges(after):
            within = {"low": ("customer_id > $low", low), "high": ("customer_id <= $high", high)}
            bounds = {name: bound for name, (_, bound) in within.items() if bound is not None}
            sql = CHANGED.format(
                within=" and ".join(["true", *(within[name][0] for name in bounds)]),
                before="published" if self._none else "before",
                differs=differs,
                filters=" and ".join(conditions),
            )
            with self._snapshot.reading(self._connection) as cursor:
                yield cursor.sql(sql, params=bounds | given).to_arrow_table()

    def _ranges(self, after: str | None) -> Iterator[tuple[str | None, str | None]]:
        """Bounds of ids, above the first and up to the second: between them stand as many customers as a piece has."""
        columns = self._snapshot.columns
        start = 0 if after is None else columns.at_or_after(after.encode(), past=True)
        for end in range(start + PIECE, len(columns), PIECE):
            last = columns[end - 1].decode()
            yield after, last
            after = last
        yield after, None

    def _differs(self) -> str:
        """The condition that a customer is another than before; where there are other columns, everybody is."""
        now, before = (set(self._column(NAMES, database)) for database in ("published", "before"))
        if self._none or now != before:
            return "true"
        return " or ".join(f'now."{name}" is distinct from before."{name}"' for name in sorted(now - ONLY_WHEN))

    def _column(self, sql: str, *parameters: str) -> list[str]:
        return [value for (value,) in self._connection.execute(sql, parameters).fetchall()]
