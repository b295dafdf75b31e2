"""Puts mistakes into a copy of the project, one at a time: a test has to notice each.

`make test-mutants` makes those of chosen.py, all of which have to be noticed, and draws some more in each place where
a wrong number hurts, of which 85 % have to be. It names those that no test noticed, tells the rate of each place, and
ends with status 1 where they are too many. `python -m tests.mutants gini report.py` makes only those with one of these
words in them, and `--drawn 200` draws more.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.chosen import all_chosen
from tests.mutants.drawn import WHERE, all_of
from tests.mutants.harmless import HARMLESS
from tests.mutants.mutant import Mutant, passes

ENOUGH = 0.85
DRAWN = 15  # of each place


def main(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--drawn", type=int, default=DRAWN)
    asked = parser.parse_args(arguments)
    chosen, lost = all_chosen()
    if lost:
        print(*lost, "Mend tests/mutants/chosen.py first.", sep="\n")
        return 1
    groups = {"chosen": chosen} | {area: all_of(area) for area in WHERE}
    for name, group in groups.items():
        some = [each for each in group if not asked.words or any(word in str(each) for word in asked.words)]
        groups[name] = some if name == "chosen" else some[: asked.drawn]
    if failing := _fail_without_any_mistake(each for group in groups.values() for each in group):
        print(f"{failing} fails without any mistake, so it would notice none: mend it first.")
        return 1
    return max([_report(name, group) for name, group in groups.items() if group], default=2)


def _fail_without_any_mistake(mutants: Iterable[Mutant]) -> str | None:
    rounds = sorted({each for mutant in mutants for each in mutant.rounds()})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return next((each for each, passed in zip(rounds, pool.map(passes, rounds), strict=True) if not passed), None)


def _report(name: str, mutants: list[Mutant]) -> int:
    """1 where too few of these are noticed, else 0. What is known to change nothing is named and not counted."""
    counted = [each for each in mutants if str(each) not in HARMLESS]
    for mutant in mutants:
        if reason := HARMLESS.get(str(mutant)):
            print(f"harmless {mutant}: {reason}", flush=True)
    noticed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, is_noticed in zip(counted, pool.map(Mutant.is_noticed, counted), strict=True):
            noticed += is_noticed
            if not is_noticed:
                print(f"missed   {mutant}", flush=True)
    print(f"{name}: {noticed} of {len(counted)} noticed", flush=True)
    return int(noticed < (1 if name == "chosen" else ENOUGH) * len(counted))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
