"""Makes a simulated file of order lines, of any size: the demo data, and what the benchmarks read.

    python -m benchmarks.generate_orders --out dbt_project/seeds/orders.csv

made the demo data. The shop is simulated, not real; its customers behave as the field's standard models say:

- *When they buy*: Pareto/NBD (Schmittlein, Morrison and Colombo 1987, "Counting Your Customers"). A customer buys at
  random while alive, at a rate of their own, and one day stops for good without saying so; rates and lifetimes are
  gamma-mixed over customers. First orders are spread over the window. A shared calendar of weekdays and of
  Christmas stretches or squeezes everybody's time between orders.
- *What they spend*: Gamma-Gamma (Fader, Hardie and Lee 2005, "RFM and CLV"). Each customer's mean order value is gamma
  distributed over customers, each order around the customer's own mean; an order's value is split over its lines.

A file has the blemishes that real ones have: about 1 % of lines are returns, one line in 997 has `NA` or a timestamp
where it may, and one in 4,001 cannot be used at all. `--clean` makes none of them, and is else the same file.

Each block of customers has random numbers of its own, so a larger file holds the same customers with the same orders;
blocks wait on disk until their lines are written in order of date, so memory hardly grows with the file.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

import numpy as np

HEADER = "customer_id,order_id,order_item_id,num_items,revenue,created_at_date\n"
FIRST_DAY, LAST_DAY = date(2016, 10, 17), date(2017, 10, 16)
DAYS = (LAST_DAY - FIRST_DAY).days + 1
DEMO_CUSTOMERS, DEMO_SEED = 5_000, 2017
LINES_PER_CUSTOMER = 5.79  # as measured on a million customers without blemishes

# Pareto/NBD, in days: purchases per day ~ Gamma(shape, 1 / scale), dropouts per day likewise.
PURCHASE_SHAPE, PURCHASE_SCALE = 0.75, 38.0
DROPOUT_SHAPE, DROPOUT_SCALE = 0.6, 45.0

# Gamma-Gamma: an order's value ~ Gamma(p, nu) with the customer's own nu ~ Gamma(q, gamma); mean p * gamma / (q - 1).
SPEND_P, SPEND_Q, SPEND_GAMMA = 4.0, 3.8, 34.0

EXTRA_LINES_PER_ORDER = 1.0
EXTRA_PIECES_PER_LINE = 0.25
RETURNED_SHARE = 0.012
RETURN_DAYS = (3, 28)

BLOCK = 10_000
LINE = np.dtype(
    [("day", "i2"), ("customer", "i8"), ("order", "i8"), ("item", "i2"), ("num_items", "i4"), ("cents", "i8")]
)

# What one line in so many looks like instead, in turn.
TOLERATED_EVERY = 997
TOLERATED = (
    "{customer},{order},{item},NA,{revenue},{day}\n",
    "{customer},{order},{item},{num_items},NA,{day}\n",
    "{customer},{order},NA,{num_items},{revenue},{day}\n",
    "{customer},{order},Gr\xc3\xb6\xc3\x9fe 42,{num_items},{revenue},{day} 14:07:33\n",  # UTF-8, as the whole file is
)
UNUSABLE_EVERY = 4_001
UNUSABLE = (
    "{customer},{order},{item},{num_items},{revenue},2017-02-30\n",
    ",{order},{item},{num_items},{revenue},{day}\n",
    "{customer},{order},{item},{num_items},{revenue},{day},gift\n",
    "{customer},{order},Gr\xf6\xdfe 42,{num_items},{revenue},{day}\n",  # written in Latin-1, which UTF-8 is not
    "{customer},,{item},{num_items},{revenue},{day}\n",
    "{customer},{order},{item},{num_items}\n",
    "{customer},{order},{item},{num_items},free,{day}\n",
)


def generate_orders(path: str | Path, customers: int, seed: int, clean: bool = False) -> int:
    """Write the order lines of so many simulated customers to a CSV file, sorted by date; return how many lines.

    The same arguments give the same bytes, as long as numpy's random streams stay what they are. Raises OSError where
    the file, or a temporary one of 32 bytes a line, cannot be written.
    """
    lines_written = 0
    with open(path, "wb") as file, tempfile.TemporaryFile() as waiting:
        file.write(HEADER.encode())
        starts = [_put_aside(lines, waiting) for lines in _blocks(customers, seed, clean)]
        for day in range(DAYS):
            # Blocks come in the order of their customers, so the day's lines are in that order whatever the block size.
            lines = np.concatenate([_fetch(waiting, block[day], block[day + 1]) for block in starts])
            text = _format(lines, seed)
            if not clean:
                _blemish(text, lines_written)
            file.write("".join(text).encode("latin-1"))
            lines_written += len(text)
    return lines_written


def _blocks(customers: int, seed: int, clean: bool) -> Iterator[np.ndarray]:
    """The lines of one block of customers after the other, each block sorted by day."""
    orders_before = 0
    for first_customer in range(0, customers, BLOCK):
        lines = _simulate(np.random.default_rng([seed, first_customer // BLOCK]))
        orders_in_block = int(lines["order"].max()) + 1
        lines = lines[lines["customer"] < customers - first_customer]
        if clean:
            lines = lines[lines["num_items"] > 0]
        lines["customer"] += first_customer
        lines["order"] += orders_before
        orders_before += orders_in_block
        yield lines[np.lexsort((lines["item"], lines["order"], lines["day"]))]


def _simulate(rng: np.random.Generator) -> np.ndarray:
    """The order lines of one whole block of customers, as LINE, with customers and orders counted from 0."""
    customer, day = _purchases(rng)
    mean_rate = rng.gamma(SPEND_Q, 1 / SPEND_GAMMA, BLOCK)
    value = rng.gamma(SPEND_P, 1 / mean_rate[customer])

    lines_of_order = 1 + rng.poisson(EXTRA_LINES_PER_ORDER, len(customer))
    order = np.repeat(np.arange(len(customer)), lines_of_order)
    first_line = np.cumsum(lines_of_order) - lines_of_order
    weight = rng.gamma(2.0, size=len(order))
    share = weight / np.add.reduceat(weight, first_line)[order]

    lines = np.empty(len(order), LINE)
    lines["day"] = day[order]
    lines["customer"] = customer[order]
    lines["order"] = order
    lines["item"] = 1 + np.arange(len(order)) - first_line[order]
    lines["num_items"] = 1 + rng.poisson(EXTRA_PIECES_PER_LINE, len(order))
    lines["cents"] = np.maximum(1, np.rint(100 * value[order] * share))
    return np.concatenate([lines, _returns(lines, rng)])


def _purchases(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Who ordered on which day of the window: an entry an order, sorted by customer, then by day."""
    clock, midnights = _shop_clock(), np.arange(DAYS + 1)
    purchases_per_day = rng.gamma(PURCHASE_SHAPE, 1 / PURCHASE_SCALE, BLOCK)
    lifetime = rng.standard_exponential(BLOCK) / rng.gamma(DROPOUT_SHAPE, 1 / DROPOUT_SCALE, BLOCK)

    begin = rng.uniform(0, DAYS, BLOCK)  # on the shop's clock, as all that follows
    first_order = np.interp(begin, clock, midnights)
    end = np.interp(np.minimum(first_order + lifetime, DAYS), midnights, clock)

    orders = 1 + rng.poisson(purchases_per_day * (end - begin))
    customer = np.repeat(np.arange(BLOCK), orders)
    # Given their number, the purchases of a Poisson process lie uniformly between its begin and its end.
    moment = rng.uniform(begin[customer], end[customer])
    moment[np.cumsum(orders) - orders] = begin
    moment = moment[np.lexsort((moment, customer))]
    return customer, np.minimum(np.interp(moment, clock, midnights), DAYS - 1).astype("i2")


def _shop_clock() -> np.ndarray:
    """How much shopping time has passed at each midnight of the window: it runs faster when people buy more."""
    days = np.arange(DAYS)
    by_weekday = np.array([1.1, 1.05, 1.0, 1.0, 0.95, 0.85, 1.05])  # Monday first, as FIRST_DAY is one
    christmas = (date(2016, 12, 15) - FIRST_DAY).days
    pace = by_weekday[days % 7] * (1 + 0.7 * np.exp(-(((days - christmas) / 16) ** 2)))
    clock = np.concatenate([[0], np.cumsum(pace)])
    return clock * (DAYS / clock[-1])


def _returns(lines: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Some of the lines once more, taken back: some days later, on the same order, with pieces and money negative."""
    returned = lines[rng.random(len(lines)) < RETURNED_SHARE]
    returned["day"] += rng.integers(*RETURN_DAYS, len(returned), dtype="i2", endpoint=True)
    returned["num_items"] *= -1
    returned["cents"] *= -1
    return returned[returned["day"] < DAYS]


def _put_aside(lines: np.ndarray, waiting: BinaryIO) -> np.ndarray:
    """Append a block to the waiting file; return where in it each day starts (and the last one ends), in bytes."""
    begin = waiting.tell()
    waiting.write(lines.tobytes())
    waiting.flush()
    return begin + LINE.itemsize * np.searchsorted(lines["day"], np.arange(DAYS + 1))


def _fetch(waiting: BinaryIO, begin: int, end: int) -> np.ndarray:
    return np.frombuffer(os.pread(waiting.fileno(), end - begin, begin), LINE)


def _format(lines: np.ndarray, seed: int) -> list[str]:
    """The lines, all of one day, as text."""
    if not len(lines):
        return []
    day = FIRST_DAY + timedelta(days=int(lines["day"][0]))
    customers, orders = _customer_ids(lines["customer"], seed), _order_ids(lines["order"]).tolist()
    columns = (customers, orders, *(lines[name].tolist() for name in ("item", "num_items", "cents")))
    return [
        f"{customer},{order},{item},{num_items},{cents / 100:.2f},{day}\n"
        for customer, order, item, num_items, cents in zip(*columns, strict=True)
    ]


def _customer_ids(customers: np.ndarray, seed: int) -> list[str]:
    """32 hexadecimal digits a customer; no two are the same, because each mixing step can be undone."""
    left = _mix(customers.astype("u8") + _mix(np.array([seed], "u8")))
    digits = np.stack([left, _mix(left + np.uint64(1))], axis=1).astype(">u8").tobytes().hex()
    return [digits[at : at + 32] for at in range(0, len(digits), 32)]


def _mix(numbers: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer (Steele, Lea and Flood 2014): 64 bits in, 64 scattered bits out, one to one."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def _order_ids(orders: np.ndarray) -> np.ndarray:
    """Nine digits an order, scattered; factor and modulus share no divisor, so 900 million orders all differ."""
    return 100_000_000 + orders * 618_033_989 % 900_000_000


def _blemish(text: list[str], lines_before: int) -> None:
    """Replace the lines whose turn it is, counted over the whole file."""
    for every, templates in ((TOLERATED_EVERY, TOLERATED), (UNUSABLE_EVERY, UNUSABLE)):
        for at in range(every - 1 - lines_before % every, len(text), every):
            turn = (lines_before + at + 1) // every - 1
            names = ("customer", "order", "item", "num_items", "revenue", "day")
            fields = dict(zip(names, text[at].rstrip("\n").split(","), strict=True))
            text[at] = templates[turn % len(templates)].format(**fields)


def _whole_number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.generate_orders",
        description="Makes a CSV file of simulated order lines over the twelve months to 2017-10-16: a Pareto/NBD "
        "purchase process, Gamma-Gamma spend, and a handful of the blemishes that real files have. The same arguments "
        "give the same bytes. With --out alone, it makes the demo data.",
        epilog=f"A customer has about {LINES_PER_CUSTOMER} lines: --customers 110500 makes about 640,000 of them.",
    )
    add = parser.add_argument
    add("--out", required=True, metavar="FILE", help="where the CSV file goes; an older one is replaced")
    add("--customers", type=_whole_number, default=DEMO_CUSTOMERS, metavar="N", help="how many (default: %(default)s)")
    add("--seed", type=_whole_number, default=DEMO_SEED, metavar="N", help="another shop a seed (default: %(default)s)")
    add("--clean", action="store_true", help="no returns, no NA, no timestamps, no unusable lines")
    options = parser.parse_args(arguments)
    try:
        lines = generate_orders(options.out, options.customers, options.seed, options.clean)
    except OSError as error:
        print(f"{options.out} could not be written: {error.strerror}.", file=sys.stderr)
        return 1
    print(f"{options.out}: {lines:,} lines of {options.customers:,} simulated customers, seed {options.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
