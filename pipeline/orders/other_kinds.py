"""Files that are no orders though their name says so, or of a kind that is not read: what to type for each."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from pipeline.orders.errors import OrdersError
from pipeline.orders.source import Part

_MAGIC = {b"PK\x03\x04": ("zip or .xlsx", ".zip"), b"\x1f\x8b": ("gzip", ".gz"), b"PAR1": ("parquet", ".parquet"),
          b"\xd0\xcf\x11\xe0": ("old Excel", ".xls")}  # fmt: skip


def stop_at(part: Part, head: bytes) -> None:
    """Raises OrdersError where the file begins as something that is no text of orders."""
    shown = shlex.quote(str(part.path))
    for magic, (kind, suffix) in _MAGIC.items():
        if head.startswith(magic):
            raise OrdersError(
                f"{part.path} is a {kind} file by its content. Give it a name that says so: mv {shown} {shown}{suffix}"
            )
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if re.match(rb"<!doctype html|<html|<\?xml|<head", start):
        raise OrdersError(
            f"{part.path} is a page of the web or XML, not a table: perhaps a page to log in was saved in its place. "
            f"See how it begins: head -c 300 {shown}"
        )
    if start.startswith(b"version https://git-lfs"):
        folder = shlex.quote(str(part.path.parent))
        raise OrdersError(f"{part.path} only points to a file that Git LFS keeps. Get it: git -C {folder} lfs pull")
    if start.startswith(b"[") and part.kind == "json":
        raise OrdersError(f"{part.path} is one JSON list. {advice(part.path)}")


def advice(path: Path) -> str:
    """What makes a file that can be read of one that cannot; empty where nothing is known."""
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        target = path.with_name(f"{path.stem}-lines.jsonl")
        script = f"import json; [print(json.dumps(each)) for each in json.load(open({str(path)!r}))]"
        return f"Write it with a line for each order: python3 -c {shlex.quote(script)} > {shlex.quote(str(target))}"
    if path.suffix.lower() in (".xls", ".ods", ".xlsb", ".numbers"):
        return "Save it as .xlsx or .csv in the spreadsheet's own program."
    if path.suffix.lower() in (".zst", ".xz", ".bz2", ".7z", ".rar", ".tar", ".tgz"):
        return "Unpack it and name what was in it."
    return f"If it is text, give it such a name: cp {shlex.quote(str(path))} {shlex.quote(str(path))}.csv"
