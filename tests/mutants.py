"""Mistakes of the kind that people make, put into the code one at a time: a test has to notice each.

`make test-mutants` makes each change below in a copy of the project and runs the tests that concern it; it ends with
those that no test noticed, and with status 1 if there are any. `python -m tests.mutants gini report.py` tries only
those that have one of these words in them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRAINING = "predictor/training"
TESTS = {TRAINING: "tests/training"}  # by folder


@dataclass(frozen=True)
class Mutant:
    """One mistake: `after` in place of `before`, which stands in the file once."""

    file: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}: {self.before.strip()} -> {self.after.strip()}"

    @property
    def tests(self) -> str:
        return TESTS[str(Path(self.file).parent)]


def training(file: str, *changes: tuple[str, str]) -> list[Mutant]:
    return [Mutant(f"{TRAINING}/{file}", before, after) for before, after in changes]


MUTANTS = [
    *training(
        "metrics.py",
        ("predicted.sum() / total", "total / predicted.sum()"),
        ("_area(actual, predicted) / best", "_area(actual, predicted)"),
        ("np.array_split(np.argsort(-predicted", "np.array_split(np.argsort(predicted"),
        ("max(1, round(customers / 10))", "max(1, round(customers / 5))"),
        ("share * (1.0 - share)", "share"),
        ("upper > 0, lower > 0", "upper >= 0, lower >= 0"),
        ("(actual > upper)[can_be_above]", "(actual < upper)[can_be_above]"),
    ),
    *training(
        "report.py",
        ('"too high" if calibration > 1 else "too low"', '"too low" if calibration > 1 else "too high"'),
        ('each["predicted"] > each["actual"] for', 'each["predicted"] < each["actual"] for'),
        ("if above > 0.13 else", "if above < 0.13 else"),
        ('chance["brier"] < chance["brier_of_base_rate"]', 'chance["brier"] > chance["brier_of_base_rate"]'),
        ('ours["mae"] / test', 'ours["rmse"] / test'),
        ('if ours["rmse"] > expectation["rmse"]', 'if ours["rmse"] < expectation["rmse"]'),
        ('in_words(content["tests"][-1])', 'in_words(content["tests"][0])'),
    ),
    *training(
        "gamma_gamma.py",
        ("+ self.q - 1.0)", "+ self.q)"),
        ("self.v + purchases * np", "self.v + (purchases - 1.0) * np"),
    ),
    *training(
        "mbg_nbd.py",
        ("silence = (self.r + frequency)", "silence = self.r"),
        ("chances = frequency + self.dropout_at_first", "chances = frequency"),
        ("np.log(self.alpha + T) - np.log(self.alpha + recency)", "np.log(self.alpha + recency)"),
        ("stayed_after + count - 1.0", "stayed_after + count"),
    ),
    *training(
        "interval.py",
        ("frequency + 1.0, mean_spend", "frequency, mean_spend"),
        ("(befores[:, None] + 1.0)", "befores[:, None]"),
        ("range(2, horizon + 1)", "range(2, 10_000)"),
        ("1.0 - (1.0 - level) / chance", "level / chance"),
    ),
    *training(
        "value_model.py",
        ('expected_spend(features["frequency"] + 1.0', 'expected_spend(features["frequency"]'),
        ("_INTERVAL = (0.1, 0.9)", "_INTERVAL = (0.05, 0.95)"),
        ("per_spend = factor *", "per_spend ="),
        ("(1.0 + self.discount_rate) ** (-middle", "(1.0 + self.discount_rate) ** (middle"),
        ("np.minimum(expected_purchases, self.horizon)", "expected_purchases"),
    ),
    *training(
        "correction.py",
        ("(self.uncorrected + learned) / 3.0", "(self.uncorrected + learned) / 2.0"),
        ("return self.level * (self", "return (self"),
        (
            "goes_left, self(values, self.left[node]), self(values, self.right[node])",
            "goes_left, self(values, self.right[node]), self(values, self.left[node])",
        ),
        ("(np.minimum(value, most) - mean)", "(value - mean)"),
    ),
    *training(
        "fitting.py",
        ("fit_gamma_gamma(frequency + 1.0", "fit_gamma_gamma(frequency"),
        ("np.clip(change**believed, 0.2, 5.0) / change", "np.clip(change**believed, 0.2, 5.0) * change"),
        ("(spread / _USUAL_SPREAD)", "(_USUAL_SPREAD / max(spread, _TINY))"),
        ("if len(actual) > 2 else 0.0", "if len(actual) > 2 else 1.0"),
        ("rows.customers.max() + 1)[rows.customers]", "len(rows.customers))"),
        ("learn(rows.where(~out))", "learn(rows)"),
        ("> np.sqrt(np.sum(by_customer**2))", "> 0"),
        ("horizon=horizon,\n", "horizon=min(horizon, 60),\n"),
    ),
    *training(
        "backtest.py",
        ("fit(test, past, test.days", "fit(test, past, past[0].days"),
        ("if each.as_of + timedelta(each.days) > test.as_of", "if each.as_of > test.as_of"),
    ),
    *training(
        "dates.py",
        ("min(horizon, span // 5)", "min(horizon, span // 4)"),
        ("timedelta(days + step * i)", "timedelta(step * i)"),
    ),
]


def passes(tests: str, mistake: Mutant | None = None) -> bool:
    """Whether the tests pass in a copy of the project, with this mistake made in it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("predictor", "pipeline", "dbt_project", "tests"):
            shutil.copytree(ROOT / name, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__", "target"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        if mistake:
            file = Path(folder, mistake.file)
            file.write_text(file.read_text("utf-8").replace(mistake.before, mistake.after), "utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests]
        return subprocess.run(command, cwd=folder, capture_output=True).returncode == 0


def main(words: list[str]) -> int:
    chosen = [each for each in MUTANTS if not words or any(word in str(each) for word in words)]
    if not chosen:
        print(f"No mistake has {' or '.join(words)} in it.")
        return 2
    for tests in sorted({each.tests for each in chosen}):
        if not passes(tests):
            print(f"{tests} fails without any mistake, so it would notice none: mend it first.")
            return 1
    missed = 0
    for mutant in chosen:
        unnoticed = passes(mutant.tests, mutant)
        missed += unnoticed
        print("missed " if unnoticed else "noticed", mutant, flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
