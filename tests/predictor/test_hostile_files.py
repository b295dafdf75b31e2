"""Files that are made to be a burden to whoever looks at them: they are looked at in a limited child, or not at all."""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import time

import pyarrow.parquet
import pytest

from predictor.settings import PROJECT
from tests.predictor.conftest import features
from tests.predictor.test_command_line import predictor_command

PROTOCOL_4 = b"\x80\x04"


def text(value: str) -> bytes:
    """The opcode that puts a text onto the stack."""
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def doubled_tuples() -> bytes:
    """A tuple of two tuples of two tuples …: 2 to the 50th texts, where it is written out."""
    return PROTOCOL_4 + text("a") + b"2\x86" * 50


FILES = {
    "doubled tuples as a module's name": doubled_tuples() + text("name") + b"\x93.",
    "doubled tuples as an argument": PROTOCOL_4 + b"cdill._dill\n_import_module\n" + doubled_tuples()[2:] + b"\x85R.",
    "a text that is encoded ten thousand times": PROTOCOL_4
    + text("x" * 100_000)
    + b"\x940("
    + (b"c_codecs\nencode\nh\x00" + text("latin-1") + b"\x86R") * 10_000
    + b"t.",
    "nested tuples": PROTOCOL_4 + b")" + b"\x85" * 200_000 + b".",
    "nested calls": PROTOCOL_4 + b"cbuiltins\nlen\n" + b")R" * 200_000 + b".",
}


@pytest.mark.parametrize("name", FILES)
def test_a_small_file_that_is_a_burden_is_refused_in_time_and_in_plain_words(tmp_path, name):
    path = tmp_path / "model.dill"
    path.write_bytes(FILES[name])
    began = time.monotonic()
    limits = {"MODEL_MEMORY": "512M", "MODEL_TIMEOUT": "30", "MODEL_PYTHON": sys.executable}
    done = predictor_command("register", "--model", path, MODEL_MANIFESTS=str(tmp_path / "manifests"), **limits)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 8
    assert time.monotonic() - began < 40
    assert not (tmp_path / "manifests").exists()


@pytest.fixture
def sixty_megabytes(tmp_path):
    path = tmp_path / "model.dill"
    path.write_bytes(PROTOCOL_4 + b"N0" * 30_000_000 + b"N.")
    return path


def test_looking_at_a_file_ends_at_the_time_limit(sixty_megabytes):
    done = predictor_command("register", "--model", sixty_megabytes, "--model-timeout", "10")
    assert done.returncode == 1
    assert "it takes longer than 2 s to go through, a fifth of the time limit." in done.stderr.decode()
    assert f"make register MODEL={sixty_megabytes} MODEL_TIMEOUT=3600" in done.stderr.decode()


def test_looking_at_a_file_ends_at_ctrl_c(sixty_megabytes):
    # A shell has what runs in its background ignore Ctrl-C, and this test with all that it starts.
    hears = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    script = hears + "runpy.run_module('pipeline', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", script, "register", "--model", str(sixty_megabytes)]
    process = subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE)
    time.sleep(3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 130
    assert told.decode().strip().startswith("Stopped.")


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_registered_is_not_even_looked_at(tmp_path, name):
    path = tmp_path / "model.dill"
    path.write_bytes(FILES[name])
    pyarrow.parquet.write_table(features(), tmp_path / "features.parquet")
    impossible = {"MODEL_MEMORY": "1", "MODEL_MANIFESTS": str(tmp_path)}  # no child could start
    done = predictor_command("score", "--model", path, tmp_path / "features.parquet", **impossible)
    assert done.returncode == 1
    assert f"{path} is not registered (SHA-256" in done.stderr.decode()


def test_what_has_no_end_or_no_beginning_is_no_model(tmp_path):
    os.mkfifo(tmp_path / "model.dill")
    for path in ("/dev/zero", tmp_path / "model.dill"):
        done = predictor_command("register", "--model", path)
        assert done.returncode == 1
        assert done.stderr.decode().strip() == f"{path} is a device or a pipe, not a model file."


def test_names_in_a_file_can_not_forge_what_is_shown(tmp_path):
    path = tmp_path / "model.dill"
    name = "sum\x1b[1A\x1b[2K\r\nbytecode: none, so any Python may load it\n\u202eevil"
    path.write_bytes(PROTOCOL_4 + text("numpy") + text(name) + b"\x93.")
    done = predictor_command("register", "--model", path, MODEL_PYTHON=sys.executable)
    shown = done.stderr.decode()
    assert done.returncode == 1
    assert not set(shown) & {"\x1b", "\r", "\u202e"}
    lines = [line.partition(":")[0] for line in shown.splitlines()]
    assert lines.count("bytecode") == 1
    assert "imports: numpy.sum?[1A?[2K bytecode: none, so any Python may load it ?evil" in shown


def test_a_file_with_many_names_is_not_written_out(tmp_path):
    path = tmp_path / "model.dill"
    names = b"".join(b"cnumpy\nn%d\n0" % number for number in range(5_000))
    path.write_bytes(PROTOCOL_4 + names + pickle.dumps(1)[2:])
    done = predictor_command("register", "--model", path, MODEL_PYTHON=sys.executable)
    assert b" and 4,950 more" in done.stderr
    assert len(done.stderr) < 5_000
