"""Makes a file of many customers who order little: 3.3 lines and 2.15 orders each, as a file of 2018 had.

A build's cost lies in its customers as much as in its lines, and the simulated shop of `generate_orders` has half as
many for its lines. There is no model of anybody's behaviour in it: only sizes, ids and ties are as in life.
"""

from pathlib import Path

import duckdb

LINES = """
copy (
    select
        md5(cast(cast(line // 3.3 as bigint) as varchar)) as customer_id,
        line // 2 as order_id,
        line as order_item_id,
        1 + line % 3 as num_items,
        cast((hash(line) % 10000) / 100 as decimal(9, 2)) as revenue,
        date '2017-09-01' + cast(hash(line // 2) % 46 as integer) as created_at_date
    from range({lines}) as lines(line)
) to '{path}' (header)
"""


def generate_many_customers(path: Path, lines: int) -> int:
    """Writes so many lines to a CSV file and returns their number; the same bytes for the same number."""
    with duckdb.connect(config={"memory_limit": "1GB"}) as memory:
        memory.execute(LINES.format(lines=lines, path=str(path).replace("'", "''")))
    return lines
