"""Looks at a pickle without loading it: what it is, what it would import, and which Python's bytecode it carries."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictor.sandbox.box import launch
from predictor.sandbox.errors import ModelError, Remedy
from predictor.sandbox.process import Limits
from predictor.sandbox.text import plain

_READER = Path(__file__).with_name("pickle_reader.py")

SHARE_OF_TIME = 0.2  # of the time limit: millions of parts, more than any model has, are gone through in a minute

KINDS_OF_FILE = {
    b"PK\x03\x04": "a zip file",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x78\x01": "a compressed joblib file",
    b"\x78\x5e": "a compressed joblib file",
    b"\x78\x9c": "a compressed joblib file",
    b"\x78\xda": "a compressed joblib file",
    b"\x89HDF": "an HDF5 file",
    b"PAR1": "a Parquet file",
    b"\x7fELF": "a program",
}
WRITE_IT_AGAIN = "Write it again where it was made: dill.dump(joblib.load(file), open('model.dill', 'wb'))"


@dataclass(frozen=True)
class Inspection:
    """What is known of a pickle that was not loaded.

    `imports`: dotted names, sorted. `bytecode`: the Pythons whose bytecode it may be; empty where it has none.
    `made_with`: versions of packages that it names, by the names that pip knows.
    """

    imports: tuple[str, ...]
    bytecode: tuple[str, ...]
    made_with: dict[str, str]

    @property
    def packages(self) -> list[str]:
        """The top-level modules that are imported."""
        return sorted({name.partition(".")[0] for name in self.imports} - {"__main__", "__builtin__", "builtins"})


def not_a_pickle(content: bytes) -> str:
    """What a file is that does not even start like a pickle, as "it is text."; empty where it does."""
    if not content:
        return "it is empty."
    for start, kind in KINDS_OF_FILE.items():
        if content.startswith(start):
            return f"it is {kind}." + (f"\n{WRITE_IT_AGAIN}" if "joblib" in kind else "")
    if content[:1] == b"\x80" and content[1:2] <= b"\x05":
        return ""
    if content[:1] in (b"(", b"c") and content[-1:] == b".":  # a pickle of protocol 0 or 1, which is text or nearly
        return ""
    try:
        content[:4096].decode("utf-8")
    except UnicodeDecodeError as wrong:
        return "it is text." if wrong.start > 4000 else "its bytes are something else."
    return "it is text."


def inspect(pickled: bytes, limits: Limits) -> Inspection:
    """ModelError where the bytes are no pickle; its text goes on after "<file> is not a dill file: ".

    It is read in the box and within the limits, because a few bytes can be made to take hours or all memory.
    """
    if reason := not_a_pickle(pickled):
        raise ModelError(reason)
    found = _read(pickled, limits)
    imports = tuple(plain(name) for name in found["imports"])
    if not found["whole"] and any(name.startswith("joblib.numpy_pickle.") for name in imports):
        raise ModelError(f"it is a joblib file, in which arrays stand between the parts of a pickle.\n{WRITE_IT_AGAIN}")
    if not found["whole"]:
        raise ModelError("it starts like one, but breaks off or is damaged. Copy it again?")
    made_with = {name: plain(version, 50) for name, version in found["made_with"].items()}
    return Inspection(imports, tuple(found["bytecode"]), made_with)


def _read(pickled: bytes, limits: Limits) -> dict[str, Any]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-I", "-S", "-B", str(_READER)]
    seconds = limits.timeout * SHARE_OF_TIME
    process, control = launch(
        command, limits.memory, limits.temporary, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
    )
    with process, control:  # left by an error, such as Ctrl-C, it ends the reader
        try:
            answer, _ = process.communicate(pickled, timeout=seconds)
        except subprocess.TimeoutExpired:
            text = f"it takes longer than {seconds:g} s to go through, a fifth of the time limit."
            raise ModelError(text, Remedy.MORE_TIME) from None
        finally:
            control.close()
    try:
        found = json.loads(answer)
    except ValueError:
        text = f"going through it ended with status {process.returncode}, as where memory runs out."
        raise ModelError(text, Remedy.MORE_MEMORY) from None
    if found["out_of_memory"]:
        size = f"{limits.memory / 2**30:.3g} GB"
        raise ModelError(f"it takes more than {size} of memory to go through, its limit.", Remedy.MORE_MEMORY)
    return found
