"""Files of orders in an object store or behind https, by whichever package of fsspec knows the scheme."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline import orders
from pipeline.address import Address
from pipeline.engines.duckdb_messages import disk_is_full
from pipeline.errors import ClvError, UsageError

PATTERN = re.compile(r"[*?\[]")
PACKAGES = {  # by scheme
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
}


def stop_without_package(address: Address) -> None:
    """Raises UsageError, which says what to install."""
    missing = " ".join(package for package in ("fsspec", PACKAGES[address.scheme]) if not find_spec(package))
    if missing:
        raise UsageError(f"{address} needs a package that is not installed: .venv/bin/python -m pip install {missing}")


def split(address: Address) -> tuple[str, str]:
    """The folder there, which the copy's folder stands for, and what follows it: a name or a pattern."""
    parts = _without_query(address, address.shown).rstrip("/").split("/")
    first = next((i for i, part in enumerate(parts) if PATTERN.search(part)), len(parts) - 1)
    return "/".join(parts[:first]), "/".join(parts[first:])


def download(address: Address, folder: Path) -> None:
    """Brings each file under its own name into the folder. Raises ClvError where that cannot be done whole."""
    import fsspec  # takes a while to import, which nobody else should wait for

    folder.mkdir()
    deep = len(split(address)[1].split("/"))
    try:
        store, path = fsspec.url_to_fs(address.uri)
        above = len("/".join(_without_query(address, path).rstrip("/").split("/")[:-deep]))
        for file in _files(address, store, path):
            target = folder / _without_query(address, file)[above:].lstrip("/")
            if ".." in target.parts:
                raise ValueError(f"{file} would be written outside of {folder}")
            target.parent.mkdir(parents=True, exist_ok=True)
            store.get_file(file, str(target))
            size = store.info(file).get("size")
            if size is not None and size != target.stat().st_size:
                raise ValueError(f"{file} changed while it was read, or came in part only. Build again")
    except FileNotFoundError:
        raise ClvError(f"There is nothing at {address}. See whether the name is right.") from None
    except Exception as error:  # each of these packages raises errors of its own
        if disk_is_full(str(error)):
            raise
        raise ClvError(f"Cannot read from {address}: {address.plain(error)}") from None


def _files(address: Address, store: Any, path: str) -> list[str]:
    if address.scheme in ("http", "https"):
        return [path]
    if PATTERN.search(path):
        found = store.glob(path)
    elif store.isdir(path):
        found = [each["name"] for each in store.ls(path, detail=True) if each["type"] == "file"]
        found = [file for file in found if orders.is_file_of_orders(Path(file))]
    else:
        return [path]
    if not found:
        raise FileNotFoundError(path)
    return sorted(found)


def _without_query(address: Address, place: str) -> str:
    return place.partition("?")[0] if address.scheme in ("http", "https") else place
