"""`make bench`: wall time and peak memory of `make build` beside what a user would pick instead, in one run."""

import argparse
import json
import math
import os
import platform
import sys
import tempfile
from dataclasses import asdict, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from benchmarks.contenders import SUMMED, Contender, contenders, events_of
from benchmarks.generate_orders import DEMO_SEED, LINES_PER_CUSTOMER, generate_orders
from benchmarks.many_customers import generate_many_customers
from benchmarks.measure import CommandFailed, Usage, run, seconds_by_step

WARM_UP_LINES = 6_000
ABOVE_MEMORY = 800_000_000  # bytes that the largest process of a build may hold beside DuckDB's memory
PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "pandas", "pyarrow", "numpy")
MEASURED = [field.name for field in fields(Usage)]


class Stop(Exception):
    """Nothing to compare; str() says why."""


def _simulated_shop(path: Path, lines: int) -> int:
    customers = max(1, round(lines / LINES_PER_CUSTOMER))
    return generate_orders(path, customers, DEMO_SEED, clean=True)


SHAPES = {
    "shop": (_simulated_shop, f"a simulated shop: {LINES_PER_CUSTOMER:.1f} lines a customer"),
    "many-customers": (generate_many_customers, "many customers: 3.3 lines and 2.15 orders each"),
}


class Race:
    """The contenders, each with a folder of its own, and how their runs went."""

    def __init__(self, folder: Path, taking_part: list[Contender]):
        self.folder = folder
        self.contenders = taking_part
        self.runs: dict[str, list[Usage]] = {contender.name: [] for contender in self.contenders}
        self.steps: list[dict[str, float]] = []
        self._expected: tuple[float, ...] | None = None

    def warm_up(self, orders: Path, lines: int) -> None:
        """One run each that does not count: it installs what is missing and brings the programs into the page cache."""
        for contender in self.contenders:
            _show(f"warming up: {contender.name}")
            self._run(contender, orders, lines)
        self._expected = None

    def round(self, orders: Path, lines: int, which: str) -> None:
        """One run each that counts."""
        for contender in self.contenders:
            _show(f"{which}: {contender.name}")
            usage = self._run(contender, orders, lines)
            self.runs[contender.name].append(usage)
            if contender is self.contenders[0]:
                self.steps.append(_steps(events_of(self.folder / contender.name), usage.seconds))

    def _run(self, contender: Contender, orders: Path, lines: int) -> Usage:
        folder = self.folder / contender.name
        folder.mkdir(exist_ok=True)
        command = contender.command(orders, folder)
        output = self.folder / "output.txt"
        usage = run(command, contender.environment, folder, output)
        self._compare(contender, contender.totals(folder), lines)
        return usage

    def _compare(self, contender: Contender, totals: tuple[float, ...], lines: int) -> None:
        """Speed means nothing where the results differ."""
        names: tuple[str, ...] = ("lines",)
        expected: tuple[float, ...] = (lines,)
        if not contender.only_loads:
            self._expected = self._expected or totals
            names, expected = ("customers", *SUMMED), self._expected
        for name, here, there in zip(names, totals, expected, strict=True):
            if not math.isclose(here, there, rel_tol=1e-9):
                raise Stop(f"Not comparable: {name} should add up to {there:,}, but {contender.name} gives {here:,}.")


def _steps(events: Path, seconds: float) -> dict[str, float]:
    """Seconds by step, as `make build` tells them; what it does not see is make's and Python's start."""
    steps = seconds_by_step(events)
    return {**steps, "make, Python's start and end, summary": max(0.0, seconds - sum(steps.values()))}


def _facts(shape: str, orders: Path, lines: int, gigabytes: float, repeats: int, load: float) -> dict[str, object]:
    """What the figures depend on; `load` is the machine's load average before the first run."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "shape": shape,
        "memory_gigabytes": gigabytes,
        "lines": lines,
        "file_bytes": orders.stat().st_size,
        "repeats": repeats,
        "load_before": load,
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
    }


def _print_report(facts: dict, race: Race) -> None:
    ours, floor = (contender.name for contender in race.contenders[:2])
    seconds = {name: [usage.seconds for usage in runs] for name, runs in race.runs.items()}
    print(
        f"{facts['lines']:,} order lines, {facts['file_bytes'] / 1e6:,.0f} MB of CSV; "
        f"{SHAPES[facts['shape']][1]}; median of {facts['repeats']} run(s) each, in turn"
    )
    versions = ", ".join(f"{package} {number or 'not installed'}" for package, number in facts["versions"].items())
    memory = f"{facts['memory_bytes'] / 2**30:.0f} GiB"
    print(f"{facts['cores']} cores, {memory}, {facts['system']}; load average before: {facts['load_before']:.1f}")
    print(f"Python {facts['python']}, {versions}")
    print(
        f"\n{'':<40}{'seconds':>8}   {'from - to':<15}{'x floor':>8}{'CPU seconds':>13}{'peak memory':>14}"
        f"{'largest process':>17}"
    )
    for name, runs in race.runs.items():
        took, cpu, peak, largest = (median(getattr(usage, what) for usage in runs) for what in MEASURED)
        span = f"{min(seconds[name]):.1f} - {max(seconds[name]):.1f}"
        times = took / median(seconds[floor])
        memory = f"{peak / 1e6:>11,.0f} MB{largest / 1e6:>14,.0f} MB"
        print(f"{name:<40}{took:>8.1f}   {span:<15}{times:>8.1f}{cpu:>13.1f}{memory}")

    steps = race.steps[seconds[ours].index(sorted(seconds[ours])[len(seconds[ours]) // 2])]
    longest = max(steps.values())
    print(f"\nWhere the {sum(steps.values()):.1f} seconds of {ours} go")
    for name, took in steps.items():
        print(f"  {name:<40}{took:>6.1f}  {'#' * round(40 * took / longest)}")
    print(f"\n{_memory_kept(facts['memory_gigabytes'], race.runs[ours])}")
    print("Each in its own process; customers and the sums of every column agree to 1e-9.")
    print("Memory: resident set size, summed over all processes of a run, sampled every 10 ms; median of the peaks.")


def _memory_kept(gigabytes: float, runs: list[Usage]) -> str:
    """Whether MEMORY is what the docs promise."""
    largest, most = max(usage.largest_bytes for usage in runs) / 1e9, gigabytes + ABOVE_MEMORY / 1e9
    verdict = "kept" if largest <= most else "BROKEN"
    return f"MEMORY={gigabytes:g}GB lets the largest process hold {most:.1f} GB: {verdict}, it held {largest:.1f} GB."


def _show(doing: str) -> None:
    """One line that replaces itself on a terminal, nothing in a pipe."""
    if sys.stderr.isatty():
        print(f"\r\033[K{doing}", end="", file=sys.stderr, flush=True)


def _whole_number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def bench(shapes: list[str], lines: int, repeats: int, gigabytes: float, floor_only: bool) -> list[dict]:
    """For each shape of file: makes one, lets everybody run in turn, prints the comparison. Returns every figure."""
    if not Path("/proc/self/statm").exists():
        raise Stop("make bench needs Linux: it reads from /proc how much memory the processes hold.")
    found = []
    for position, shape in enumerate(shapes):
        if position:
            print()
        with tempfile.TemporaryDirectory(prefix="clv-bench-") as name:
            found.append(_bench_one(shape, Path(name), lines, repeats, gigabytes, floor_only))
    return found


def _bench_one(shape: str, folder: Path, lines_wanted: int, repeats: int, gigabytes: float, floor_only: bool) -> dict:
    race = Race(folder, contenders(f"{gigabytes:g}GB", floor_only))
    generate, _ = SHAPES[shape]
    _show("generating orders")
    small, orders = folder / "small.csv", folder / "orders.csv"
    small_lines, lines = generate(small, WARM_UP_LINES), generate(orders, lines_wanted)
    load = os.getloadavg()[0]
    race.warm_up(small, small_lines)
    for number in range(1, repeats + 1):
        race.round(orders, lines, f"run {number} of {repeats}")
    _show("")
    facts = _facts(shape, orders, lines, gigabytes, repeats, load)
    _print_report(facts, race)
    runs = {name: [asdict(usage) for usage in runs] for name, runs in race.runs.items()}
    return {**facts, "runs": runs, "steps_of_make_build": race.steps}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench",
        description="Measures wall time and peak memory of `make build` on two shapes of order files, beside a DuckDB "
        "script, a pandas script, a SQLite script and dbt's own seed.",
    )
    add = parser.add_argument
    add("--lines", type=_whole_number, default=640_000, metavar="N", help="about how many order lines (%(default)s)")
    add("--repeats", type=_whole_number, default=3, metavar="N", help="runs of each that count (%(default)s)")
    add("--shape", choices=SHAPES, help="only this shape of file (default: both)")
    add("--memory", type=float, default=1, metavar="GB", help="DuckDB's, of a build and of the floor (%(default)s)")
    add("--floor-only", action="store_true", help="a build beside the floor, without the other contenders")
    add("--json", type=Path, metavar="FILE", help="write every single figure there too")
    options = parser.parse_args()
    shapes = [options.shape] if options.shape else list(SHAPES)
    try:
        found = bench(shapes, options.lines, options.repeats, options.memory, options.floor_only)
    except (Stop, CommandFailed, OSError) as error:
        _show("")
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _show("")
        return 130
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
