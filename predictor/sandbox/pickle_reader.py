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


class Reading:
    """What is found on the way through a pickle's stack machine."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.calls: list[Call] = []
        self.made_with: dict[str, str] = {}

    def go_through(self, pickled: bytes) -> None:
        """Follows every opcode as the unpickler would, but calls nothing: a call is put on the stack as what it is.

        Raises whatever a pickle that is cut off or forged makes of that; what was found until then stays. The opcodes
        are those of pickletools, protocols 0 to 5.
        """
        stack: list[Any] = []
        memo: dict[Any, Any] = {}
        version_of = None

        def pop_to_mark() -> list[Any]:
            items = []
            while (item := stack.pop()) is not MARK:
                items.append(item)
            return items[::-1]

        def push_global(module: Any, name: Any) -> None:
            if not (isinstance(module, str) and isinstance(name, str)):
                raise ValueError("the name of a global is not a text")
            full = f"{module}.{name}"[:LONGEST_NAME]
            if len(self.names) < MOST_NAMES:
                self.names.add(full)
            stack.append(Global(full))

        def push_call(function: Any, arguments: Any) -> None:
            if isinstance(function, Global) and function.name == "_codecs.encode":  # bytes, in pickles of protocol 2
                stack.append(arguments[0].encode("latin-1")[:LARGEST_CODE])
                return
            call = Call(function, arguments if isinstance(arguments, tuple) else ())
            if call.name in CODE or call.name.endswith("._import_module"):
                self.calls.append(call)
            stack.append(call)

        argument: Any
        for opcode, argument, _ in pickletools.genops(pickled):
            name = opcode.name
            if isinstance(argument, (bytes, bytearray)) and (version := XGBOOST.search(argument)):
                self.made_with.setdefault("xgboost", ".".join(str(part[0]) for part in version.groups()))
            if isinstance(argument, str) and (format := LIGHTGBM.match(argument)):
                self.made_with.setdefault("lightgbm", format[1])
            if isinstance(argument, (bytes, str)):
                argument = argument[:LARGEST_CODE]
                version_of = self._look_for_versions(argument, version_of)
            if name == "MARK":
                stack.append(MARK)
            elif name == "GLOBAL":
                push_global(*argument.split(" ", 1))
            elif name == "STACK_GLOBAL":
                attribute, module = stack.pop(), stack.pop()
                push_global(module, attribute)
            elif name == "INST":
                arguments = pop_to_mark()
                push_global(*argument.split(" ", 1))
                push_call(stack.pop(), tuple(arguments))
            elif name in ("REDUCE", "NEWOBJ"):
                arguments, function = stack.pop(), stack.pop()
                push_call(function, arguments)
            elif name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
                memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
            elif name in ("GET", "BINGET", "LONG_BINGET"):
                stack.append(memo[argument])
            elif name == "DUP":
                stack.append(stack[-1])
            elif name == "POP_MARK":
                pop_to_mark()
            elif name == "TUPLE":
                stack.append(tuple(pop_to_mark()))
            elif name in ("EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
                size = len(opcode.stack_before)
                items = tuple(stack[len(stack) - size :])
                del stack[len(stack) - size :]
                stack.append(items)
            elif not opcode.stack_before:
                stack.extend([argument] * len(opcode.stack_after))
            else:  # all others take things off the stack, or put them into the container below
                if pickletools.markobject in opcode.stack_before:
                    pop_to_mark()
                below = takewhile(lambda kind: kind is not pickletools.markobject, opcode.stack_before)
                taken = [stack.pop() for _ in below]
                stack.extend((taken or [None])[-1:] * len(opcode.stack_after))

    def _look_for_versions(self, argument: bytes | str, version_of: str | None) -> str | None:
        """Notes the text that follows the key of a version; returns the package whose version comes next."""
        if version_of and isinstance(argument, str):
            self.made_with.setdefault(version_of, argument[:LONGEST_NAME])
        return VERSION_KEYS.get(argument) if isinstance(argument, str) else version_of

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
