"""What the messages of Spark mean: the only place that knows their wording."""

from __future__ import annotations

import re
from typing import Any


def plain(error: Exception) -> str:
    """The first line of what Spark or its Java says, without codes."""
    java: Any = getattr(error, "java_exception", None)
    said = str(java.getMessage() if java else error).strip()
    if of_the_connection := re.search(r'details = "(.*)"', said):
        return of_the_connection[1].rpartition("last error: ")[2].rstrip(".") + "."
    said = said.partition("\n")[0]
    return re.sub(r"^\[[A-Z_.]+\] | SQLSTATE: \w+$", "", said)


def words_of_executors_python(text: str) -> str:
    """The last line of the traceback that an executor's Python ended with; empty where there is none."""
    errors = [line for line in text.splitlines() if re.match(r"[\w.]+(Error|Exception): ", line)]
    return errors[-1] if errors else ""
