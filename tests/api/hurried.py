"""The API's worker with little patience, so that tests need not wait for half a minute."""

from __future__ import annotations

from functools import partial

from flask import Flask

from api import __main__, door, idle, patience


def worker() -> Flask:
    idle.watch = partial(idle.watch, seconds=2)
    door.Body = partial(patience.Body, seconds=2)
    return __main__.worker()
