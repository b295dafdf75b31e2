"""What a build is asked to do: the variables that `make build` takes, checked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline import orders_file
from pipeline.errors import Stop, UsageError

ROOT = Path(__file__).resolve().parent.parent
DEMO_ORDERS = ROOT / "dbt_project" / "seeds" / "orders.csv"
FORMATS = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class Settings:
    """The arguments of one build. Paths are absolute; an empty text or None means the default."""

    orders: Path
    warehouse: Path
    model: str
    as_of: str
    max_rejected: float
    history_days: int | None
    strict: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises UsageError for what cannot be used, and Stop for a file of orders that is no text."""
        given = {name: value.strip() for name, value in environment.items()}
        model = given.get("MODEL", "")
        return cls(
            orders=_orders(given.get("ORDERS", "")),
            warehouse=warehouse_folder(environment),
            model=os.path.abspath(model) if model else "",
            as_of=_date("AS_OF", given.get("AS_OF", "")),
            max_rejected=_share("MAX_REJECTED", given.get("MAX_REJECTED", "") or "0.01"),
            history_days=_days("HISTORY_DAYS", given.get("HISTORY_DAYS", "")),
            strict=given.get("STRICT", "") not in ("", "0"),
        )

    def to_environment(self) -> dict[str, str]:
        """What the dbt project reads of it."""
        return {
            "ORDERS": str(self.orders),
            "WAREHOUSE": str(self.warehouse),
            "MODEL": self.model,
            "AS_OF": self.as_of,
            "MAX_REJECTED": f"{self.max_rejected:f}",
            "HISTORY_DAYS": "" if self.history_days is None else str(self.history_days),
            "STRICT": "1" if self.strict else "",
        }


def warehouse_folder(environment: Mapping[str, str]) -> Path:
    return Path(os.path.abspath(environment.get("WAREHOUSE", "").strip() or ROOT / "warehouse"))


def _orders(given: str) -> Path:
    path = Path(os.path.abspath(given)) if given else DEMO_ORDERS
    if path.is_dir():
        raise UsageError(f"ORDERS={given} is a folder. Name one file of order lines: {', '.join(FORMATS)}.")
    if not path.exists():
        raise UsageError(f"There is no file {path}. Name the file of order lines: make build ORDERS=orders.csv")
    if not path.name.lower().endswith(FORMATS):
        raise UsageError(f"{path} is none of {', '.join(FORMATS)}: its name has to end so, to say what it is.")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path} cannot be read: permission denied. See who may: ls -l {path}")
    if path.stat().st_size == 0:
        raise Stop(f"{path} is empty: it has no line that names the columns.")
    orders_file.stop_where_header_is_no_text(path)
    return path


def _date(name: str, given: str) -> str:
    try:
        if given and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
            raise ValueError
        return given and date.fromisoformat(given).isoformat()
    except ValueError:
        raise UsageError(f"{name}={given} is no date. Write it as YYYY-MM-DD: {name}=2017-10-17") from None


def _share(name: str, given: str) -> float:
    try:
        share = float(given)
        if not 0 <= share <= 1:
            raise ValueError
        return share
    except ValueError:
        raise UsageError(f"{name}={given} is no share. Write a number from 0 to 1: {name}=0.01") from None


def _days(name: str, given: str) -> int | None:
    if not given:
        return None
    if not re.fullmatch(r"[1-9]\d{0,6}", given):
        raise UsageError(f"{name}={given} is no number of days. Write a whole number from 1: {name}=365")
    return int(given)
