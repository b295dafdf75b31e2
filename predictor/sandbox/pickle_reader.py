"""Goes through a pickle without loading it; run as a script, in the box, because a pickle can be made to be a burden.

It comes on standard input. Standard output gets JSON: `imports`, the dotted names that it would import; `bytecode`, the
Pythons whose bytecode it may carry, empty where it has none; `made_with`, versions of packages that it names; `whole`,
whether it could be followed to its end; and `out_of_memory`.
"""

from __future__ import annotations

import json
import pickletools
import re
import sys
from itertools import takewhile
from typing import Any

MOST_NAMES = 10_000
LONGEST_NAME = 500
LARGEST_CODE = 2**20  # bytes; what is longer is data, which is not kept

# Which bytes are instructions, for each Python that models come from: bit n is set where n is one of its opcodes.
OPCODES = {
    "3.6": 0x7FFFE7BCF79FFFF7FFFFFBFFFB9C00003FDB9E3E,
    "3.7": 0x000000037FFFE7BC779FFFF7FFFFFBFFFB9C00003FDB9E3E,
    "3.8": 0x0000000F7FFFE7BC741FFFF7FFFEFBFFFBFC00003FDB9E7E,
    "3.9": 0x0000003F3C1FE7BC767FFFF7FEFCFFFFFBDF00003FDB9E7E,
    "3.10": 0x0000003F3D1FE7BE76FFFFFFFEFCFFFFFBDE0007FFDB9E7E,
    "3.11": 0x0001F87D39BF5FFF7DFDFFFFFFFC0CF0307E003BC2009E07,
    "3.12": 0x7FFFE000000000000001F83C39EFFFFFFFFC7FFFFEA80CB030FE003BCE029A3F,
    "3.13": 0x7FFFF000000000000000000000200000007FFFFFFFFFFFFFFFFFFFFFFFFFFFF7,
}
# How many arguments a code object is made of. dill adds one in front, the older line table, from Python 3.10 on.
PYTHONS_BY_ARGUMENTS = {15: {"3.6", "3.7"}, 16: {"3.8", "3.9", "3.10"}, 18: {"3.11", "3.12", "3.13"}}
COMPARE_OP = 107  # before 3.13; up to 3.8 it also did `is`, `in` and exception matching, operands from 6 on
PRECALL, CALL = 166, 171  # 3.11 has one before the other, 3.12 only the second

VERSION_KEYS = {"_sklearn_version": "scikit-learn"}  # the text that follows one is a version
XGBOOST = re.compile(rb"version\[#L\x00{7}\x03i(.)i(.)i(.)", re.DOTALL)  # in the UBJSON of a booster
LIGHTGBM = re.compile(r"tree\nversion=v(\d)\n")  # a booster's text begins so: with its format, and not the version
CODE = {"dill._dill._create_code", "types.CodeType", "builtins.code"}


class Global:
    def __init__(self, name: str) -> None:
        self.name = name


class Call:
    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments

    @property
    def name(self) -> str:
        """What is called, as a dotted name; dill fetches types, CodeType among them, by a call of their own."""
        if isinstance(self.function, Global):
            return self.function.name
        fetch = self.function
        if not (isinstance(fetch, Call) and isinstance(fetch.function, Global) and fetch.arguments):
            return ""
        is_type = fetch.function.name.endswith("._load_type") and isinstance(fetch.arguments[0], str)
        return f"types.{fetch.arguments[0]}" if is_type else ""


MARK = object()


class StackMachine:
    """The unpickler's stack and memo. Nothing is called: a call is put on the stack as what it is.

    The opcodes are those of pickletools, protocols 0 to 5. What is fetched goes into `names`, and into `calls` what
    makes code or imports a module.
    """

    def __init__(self, names: set[str], calls: list[Call]) -> None:
        self._names = names
        self._calls = calls
        self._stack: list[Any] = []
        self._memo: dict[Any, Any] = {}
        self._steps = {
            "MARK": lambda opcode, argument: self._stack.append(MARK),
            "GLOBAL": lambda opcode, argument: self._push_global(*argument.split(" ", 1)),
            "STACK_GLOBAL": self._fetch,
            "INST": self._fetch_and_call,
            "REDUCE": self._call,
            "NEWOBJ": self._call,
            "MEMOIZE": lambda opcode, argument: self._keep(len(self._memo)),
            **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda opcode, argument: self._keep(argument)),
            **dict.fromkeys(
                ("GET", "BINGET", "LONG_BINGET"), lambda opcode, argument: self._stack.append(self._memo[argument])
            ),
            "DUP": lambda opcode, argument: self._stack.append(self._stack[-1]),
            "POP_MARK": lambda opcode, argument: self._pop_to_mark(),
            "TUPLE": lambda opcode, argument: self._stack.append(tuple(self._pop_to_mark())),
            **dict.fromkeys(("EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"), self._make_tuple),
        }

    def follow(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        self._steps.get(opcode.name, self._replace)(opcode, argument)

    def _fetch(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        attribute, module = self._stack.pop(), self._stack.pop()
        self._push_global(module, attribute)

    def _fetch_and_call(self, opcode: pickletools.OpcodeInfo, argument: str) -> None:
        arguments = tuple(self._pop_to_mark())
        self._push_global(*argument.split(" ", 1))
        self._push_call(self._stack.pop(), arguments)

    def _call(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        self._push_call(function, arguments)

    def _make_tuple(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        first = len(self._stack) - len(opcode.stack_before)
        self._stack[first:] = [tuple(self._stack[first:])]

    def _replace(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        """All others push their argument, or take things off the stack, or put them into the container below."""
        if not opcode.stack_before:
            self._stack.extend([argument] * len(opcode.stack_after))
            return
        if pickletools.markobject in opcode.stack_before:
            self._pop_to_mark()
        below = takewhile(lambda kind: kind is not pickletools.markobject, opcode.stack_before)
        taken = [self._stack.pop() for _ in below]
        self._stack.extend((taken or [None])[-1:] * len(opcode.stack_after))

    def _keep(self, number: int) -> None:
        self._memo[number] = self._stack[-1]

    def _pop_to_mark(self) -> list[Any]:
        items = []
        while (item := self._stack.pop()) is not MARK:
            items.append(item)
        return items[::-1]

    def _push_global(self, module: Any, name: Any) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise ValueError("the name of a global is not a text")
        full = f"{module}.{name}"[:LONGEST_NAME]
        if len(self._names) < MOST_NAMES:
            self._names.add(full)
        self._stack.append(Global(full))

    def _push_call(self, function: Any, arguments: Any) -> None:
        if isinstance(function, Global) and function.name == "_codecs.encode":  # bytes, in pickles of protocol 2
            self._stack.append(arguments[0].encode("latin-1")[:LARGEST_CODE])
            return
        call = Call(function, arguments if isinstance(arguments, tuple) else ())
        if call.name in CODE or call.name.endswith("._import_module"):
            self._calls.append(call)
        self._stack.append(call)


class Reading:
    """What is found in a pickle: `names` of globals, `calls` that matter here, and the versions it was `made_with`."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.calls: list[Call] = []
        self.made_with: dict[str, str] = {}
        self._version_of: str | None = None  # the package whose version is the next text

    def go_through(self, pickled: bytes) -> None:
        """Raises whatever a pickle that is cut off or forged makes of that; what was found until then stays."""
        machine = StackMachine(self.names, self.calls)
        for opcode, argument, _ in pickletools.genops(pickled):
            if isinstance(argument, (bytes, bytearray, str)):
                self._look_for_versions(argument)
                argument = argument[:LARGEST_CODE]
            machine.follow(opcode, argument)

    def _look_for_versions(self, argument: bytes | bytearray | str) -> None:
        """In what a package has written of itself, or in the text after the key of a version."""
        if not isinstance(argument, str):
            if booster := XGBOOST.search(argument):
                self.made_with.setdefault("xgboost", ".".join(str(part[0]) for part in booster.groups()))
            return
        if trees := LIGHTGBM.match(argument):
            self.made_with.setdefault("lightgbm", trees[1])
        if self._version_of:
            self.made_with.setdefault(self._version_of, argument[:LONGEST_NAME])
        self._version_of = VERSION_KEYS.get(argument)

    def imports(self) -> list[str]:
        """The names that are fetched, also by dill's own import function."""
        given = [call.arguments[0] for call in self.calls if call.name.endswith("._import_module") and call.arguments]
        return sorted(self.names | {module[:LONGEST_NAME] for module in given if isinstance(module, str)})

    def bytecode(self) -> list[str]:
        """The Pythons that can run all the bytecode in it; empty where there is none."""
        pythons, has_code = set(OPCODES), False
        for call in self.calls:
            if call.name in CODE:
                has_code = True
                pythons &= pythons_of(call.arguments)
        if any(name.startswith("dill.dill.") for name in self.names):
            pythons &= {"3.6"}  # a module of dill 0.2.7 and before, when Python 3.7 was not out
        # Where no Python fits, what is known here is not enough, and any Python may be the one.
        return [python for python in OPCODES if has_code and python in (pythons or OPCODES)]


def pythons_of(arguments: tuple[Any, ...]) -> set[str]:
    """Which Pythons, as "3.11", can run the code object that is made of these arguments; none where they are forged.

    Their number and order are those of `types.CodeType`, with dill's line table before them from 3.10 on; the code is
    one byte an instruction and one for its operand.
    """
    with_line_table = bool(arguments) and isinstance(arguments[0], bytes)
    arguments = arguments[1:] if with_line_table else arguments
    code = next((argument for argument in arguments if isinstance(argument, bytes)), b"")
    instructions, operands = set(code[::2]), set(zip(code[::2], code[1::2], strict=False))
    pythons: set[str] = set()
    for python in PYTHONS_BY_ARGUMENTS.get(len(arguments), set()):
        if (python in ("3.10", "3.11", "3.12", "3.13")) != with_line_table:
            continue
        if python == "3.9" and any(instruction == COMPARE_OP and operand > 5 for instruction, operand in operands):
            continue
        if python == "3.11" and CALL in instructions and PRECALL not in instructions:
            continue
        if all(OPCODES[python] >> instruction & 1 for instruction in instructions):
            pythons.add(python)
    return pythons


def main() -> None:
    reading, whole, out_of_memory = Reading(), False, False
    try:
        reading.go_through(sys.stdin.buffer.read())
        whole = True
    except MemoryError:
        out_of_memory = True
    except Exception:  # whatever the bytes make of this reader
        pass
    found = {
        "imports": reading.imports(),
        "bytecode": reading.bytecode(),
        "made_with": reading.made_with,
        "whole": whole,
        "out_of_memory": out_of_memory,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
