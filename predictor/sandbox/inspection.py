"""Reads a pickle without loading it: what it would import, and which Python's bytecode it carries."""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from itertools import takewhile

from predictor.sandbox.errors import ModelError

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

CODE = {"dill._dill._create_code", "types.CodeType", "builtins.code"}
KINDS_OF_FILE = {
    b"PK\x03\x04": "a zip file",
    b"\x1f\x8b": "a gzip file",
    b"\x89HDF": "an HDF5 file",
    b"PAR1": "a Parquet file",
    b"\x7fELF": "a program",
}


@dataclass(frozen=True)
class Inspection:
    """`imports`: dotted names, sorted. `bytecode`: the Pythons whose bytecode it may be; empty where it has none."""

    imports: tuple[str, ...]
    bytecode: tuple[str, ...]

    @property
    def packages(self) -> list[str]:
        """The top-level modules that are imported."""
        return sorted({name.partition(".")[0] for name in self.imports} - {"__main__", "__builtin__", "builtins"})


@dataclass(frozen=True)
class _Global:
    name: str


@dataclass(frozen=True, eq=False)
class _Call:
    function: object
    arguments: tuple

    @property
    def name(self) -> str:
        """What is called, as a dotted name; dill fetches types, CodeType among them, by a call of their own."""
        if isinstance(self.function, _Global):
            return self.function.name
        if isinstance(self.function, _Call) and self.function.name.endswith("._load_type") and self.function.arguments:
            return f"types.{self.function.arguments[0]}"
        return ""


class _Mark:
    pass


def not_a_pickle(content: bytes) -> str:
    """What a file is that does not even start like a pickle, as "it is text."; empty where it does."""
    if not content:
        return "it is empty."
    for start, kind in KINDS_OF_FILE.items():
        if content.startswith(start):
            return f"it is {kind}."
    if content[:1] == b"\x80" and content[1:2] <= b"\x05":
        return ""
    if content[:1] in (b"(", b"c") and content[-1:] == b".":  # a pickle of protocol 0 or 1, which is text or nearly
        return ""
    try:
        content[:4096].decode("utf-8")
    except UnicodeDecodeError as wrong:
        return "it is text." if wrong.start > 4000 else "its bytes are something else."
    return "it is text."


def inspect(pickled: bytes) -> Inspection:
    """ModelError where the bytes are no pickle; its text goes on after "<file> is no dill file: "."""
    if reason := not_a_pickle(pickled):
        raise ModelError(reason)
    try:
        names, calls = _read(pickled)
    except Exception as problem:  # whatever the bytes make of the reader
        raise ModelError("it starts like one, but breaks off or is damaged. Copy it again?") from problem

    imports = set(names)
    pythons = set(OPCODES)
    has_code = False
    for call in calls:
        if call.name.endswith("._import_module") and call.arguments:
            imports.add(str(call.arguments[0]))
        elif call.name in CODE:
            has_code = True
            pythons &= _pythons_of(call.arguments)
    if any(name.startswith("dill.dill.") for name in names):
        pythons &= {"3.6"}  # a module of dill 0.2.7 and before, when Python 3.7 was not out
    # Where no Python fits, what is known here is not enough, and any Python may be the one.
    bytecode = tuple(python for python in OPCODES if has_code and python in (pythons or OPCODES))
    return Inspection(tuple(sorted(imports)), bytecode)


def _read(pickled):
    """The names that the pickle fetches and the calls that it makes, found by going through its stack machine."""
    names, calls, stack, memo = set(), [], [], {}

    def pop_to_mark():
        items = []
        while not isinstance(item := stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def push_global(module, name):
        names.add(f"{module}.{name}")
        stack.append(_Global(f"{module}.{name}"))

    def push_call(function, arguments):
        if isinstance(function, _Global) and function.name == "_codecs.encode":  # bytes, in pickles of protocol 2
            stack.append(str(arguments[0]).encode("latin-1"))
            return
        calls.append(_Call(function, arguments if isinstance(arguments, tuple) else ()))
        stack.append(calls[-1])

    for opcode, argument, _ in pickletools.genops(pickled):
        name = opcode.name
        if name == "MARK":
            stack.append(_Mark())
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
    return names, calls


def _pythons_of(arguments):
    with_line_table = bool(arguments) and isinstance(arguments[0], bytes)
    arguments = arguments[1:] if with_line_table else arguments
    code = next((argument for argument in arguments if isinstance(argument, bytes)), b"")
    instructions, operands = set(code[::2]), set(zip(code[::2], code[1::2], strict=False))
    pythons = set()
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
