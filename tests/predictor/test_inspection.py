"""What a pickle is told apart by without being loaded, and which Pythons its bytecode may be of."""

from __future__ import annotations

import pickle
import subprocess
from pathlib import Path

import pytest

from predictor.sandbox.errors import ModelError
from predictor.sandbox.inspection import not_a_pickle
from predictor.sandbox.interpreters import interpreters
from predictor.sandbox.pickle_reader import LONGEST_NAME, MOST_NAMES, OPCODES, Reading, pythons_of


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_every_protocol_is_taken_for_one(protocol):
    for value in (len, Path("x"), ModelError("no")):
        assert not_a_pickle(pickle.dumps(value, protocol)) == "", value


def test_a_protocol_that_is_yet_to_come_is_not_known():
    assert not_a_pickle(b"\x80\x06" + b"\xff" * 20) == "its bytes are something else."


def test_a_text_is_one_though_its_beginning_ends_within_a_letter():
    assert not_a_pickle("é".encode() * 5000) == "it is text."
    assert not_a_pickle(b"x" + "é".encode() * 5000) == "it is text."
    assert not_a_pickle(b"x" * 100 + b"\xff" + b"x" * 5000) == "its bytes are something else."


def test_of_more_and_longer_names_than_any_model_has_the_first_are_kept_as_far_as_they_go():
    names = b"".join(b"cnumpy\nn%05d\n0" % number for number in range(MOST_NAMES + 5))
    reading = Reading()
    reading.go_through(b"\x80\x04" + b"cnumpy\n" + b"a" * 2 * LONGEST_NAME + b"\n0" + names + b"N.")
    longest, *others = reading.imports()
    assert longest == f"numpy.{'a' * 2 * LONGEST_NAME}"[:LONGEST_NAME]
    assert others == [f"numpy.n{number:05}" for number in range(MOST_NAMES - 1)]


def code(count: int, *instructions: int, line_table: bool, operands: int = 0) -> tuple[object, ...]:
    """The arguments that a code object of these instructions is made of, as dill writes them."""
    arguments = (0,) * (count - 1) + (bytes(byte for each in instructions for byte in (each, operands)),)
    return (b"lines", *arguments) if line_table else arguments


def both(*pythons: str) -> int:
    """An instruction that all of these have."""
    common = -1
    for python in pythons:
        common &= OPCODES[python]
    return (common & -common).bit_length() - 1 if common > 0 else -1


@pytest.mark.parametrize(
    ("arguments", "line_table", "pythons"),
    [
        (15, False, {"3.6", "3.7"}),
        (16, False, {"3.8", "3.9"}),
        (16, True, {"3.10"}),
        (18, True, {"3.11", "3.12", "3.13"}),
        (15, True, set()),
        (18, False, set()),
        (14, False, set()),
        (17, True, set()),
    ],
)
def test_the_number_of_arguments_and_dill_s_line_table_tell_which_pythons_it_may_be_of(arguments, line_table, pythons):
    instruction = both(*(pythons or {"3.6"}))
    assert pythons_of(code(arguments, instruction, line_table=line_table)) == pythons


@pytest.mark.parametrize(
    ("arguments", "line_table", "instructions", "pythons"),
    [
        (15, False, (120,), {"3.6", "3.7"}),  # SETUP_LOOP, which 3.8 took out
        (15, False, (127,), {"3.6"}),  # STORE_ANNOTATION, which 3.7 took out
        (15, False, (160,), {"3.7"}),  # LOAD_METHOD, which 3.7 brought
        (15, False, (127, 160), set()),
        (16, False, (120,), set()),
        (16, False, (6,), {"3.8", "3.9"}),  # ROT_FOUR
        (16, False, (53,), {"3.8"}),  # BEGIN_FINALLY, which 3.9 took out
        (16, False, (165,), {"3.9"}),  # DICT_UPDATE, which 3.9 brought
        (16, False, (53, 165), set()),
        (16, True, (165, 152), {"3.10"}),  # MATCH_CLASS, which 3.10 brought
        (18, True, (160,), {"3.11"}),
        (18, True, (121,), {"3.12"}),  # RETURN_CONST
    ],
)
def test_an_instruction_that_a_python_does_not_have_is_of_no_code_of_it(arguments, line_table, instructions, pythons):
    assert pythons_of(code(arguments, *instructions, line_table=line_table)) == pythons


def test_comparisons_that_3_9_took_out_and_calls_that_3_11_has_in_two_parts_tell_those_apart():
    for operand, pythons in ((0, {"3.8", "3.9"}), (5, {"3.8", "3.9"}), (6, {"3.8"}), (10, {"3.8"})):
        assert pythons_of(code(16, 107, line_table=False, operands=operand)) == pythons, operand
    precall, call = 166, 171
    assert pythons_of(code(18, precall, call, line_table=True)) == {"3.11"}
    assert pythons_of(code(18, precall, line_table=True)) == {"3.11"}
    assert pythons_of(code(18, call, line_table=True)) == {"3.12"}


def test_forged_arguments_are_of_no_python():
    assert pythons_of(()) == set()
    assert pythons_of((b"lines",)) == set()


def test_the_instructions_of_each_python_here_are_those_that_it_says_it_has():
    says = "import opcode; print(*{number for number in opcode.opmap.values() if number < 256})"
    for interpreter in (each for each in interpreters() if each.python in OPCODES):
        said = subprocess.run([interpreter.path, "-I", "-c", says], capture_output=True, check=True).stdout
        known = {number for number in range(256) if OPCODES[interpreter.python] >> number & 1}
        assert known == set(map(int, said.split())), interpreter
