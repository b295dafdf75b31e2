"""What a user reads when the model does not do what a model should, and what a model may do without harm."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import numpy
import pytest

import predictor
from predictor import ModelError
from predictor.sandbox import process
from predictor.sandbox.errors import Remedy
from predictor.sandbox.process import Worker
from predictor.settings import PROJECT

SIX = [6.0 * number for number in range(10)]  # what ten customers get whose six features are 0 to 9 each


def model(body: str, load: str = "") -> str:
    """The source of a model whose predict(x) is `body`; `load` runs when the file is loaded."""
    lines = "\n        ".join(body.strip().splitlines())
    return f"""
import numpy as np

def load():
    import ctypes, os, signal, sys, time
    {load or "pass"}

class OnLoad:
    def __reduce__(self):
        return load, ()

class Model:
    def __init__(self):
        self.state = {"OnLoad()" if load else "None"}

    def predict(self, x):
        import ctypes, os, signal, sys, threading, time
        {lines}
"""


LOCATION = r"\nIn batch 2: customers 5 to 8, of which the first is 'c4'\."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "return x.sum(axis=1)[:-1]",
            r"The model can't be used: predict\(\) returned an array of shape \(3,\) instead of 4 numbers\.",
        ),
        ("return x[:, :2]", r".*returned an array of shape \(4, 2\) instead of 4 numbers\."),
        ("return ['a', 'b', 'c', 'd']", r".*returned <U1 values instead of numbers\."),
        ("return [1.0, None, 2.0, 3.0]", r".*returned object values instead of numbers\."),
        ("return x[:, 0] > 3", r".*returned bool values instead of numbers\."),
        ("return None", r".*returned None instead of 4 numbers\."),
        ("return 7.0", r".*returned an array of shape \(\) instead of 4 numbers\."),
        ("raise ValueError('no such segment: 7')", r"The model's predict\(\) raised ValueError: no such segment: 7"),
        ("raise SystemExit(3)", r"The model called sys\.exit\(3\) while predicting\."),
        ("os._exit(0)", r"The model's process ended with exit status 0 while predicting\."),
        ("ctypes.string_at(0)", r"The model's process was ended by SIGSEGV, .*, while predicting\."),
        ("os.kill(os.getpid(), signal.SIGKILL)", r"The model's process was ended by SIGKILL, .*, while predicting\."),
        (
            "sys.stderr.write('no licence\\n'); os._exit(9)",
            r".*exit status 9 while predicting\.\nThe last line it printed: no licence",
        ),
    ],
)
def test_an_error_says_what_went_wrong_and_for_which_customers(score, body, message):
    body = f"if x[0, 0] < 4: return x.sum(axis=1)\n{body}"
    with pytest.raises(ModelError) as caught:
        score(model(body))
    assert re.fullmatch(message + LOCATION, str(caught.value))


def raises_on(condition: str, otherwise: str = "pass") -> str:
    return model(f"{otherwise}\nif ({condition}).any(): raise ValueError('no value')\nreturn x[:, 0]")


def test_a_model_that_raises_on_some_customers_names_the_first_of_them(score):
    values = numpy.zeros((1000, 6))
    values[[137, 138, 900]] = 7
    for rows, first in ((values, "c137"), (values[138:], "c0"), (values[:138], "c137")):
        with pytest.raises(ModelError) as caught:
            score(raises_on("x[:, 0] == 7"), rows, chunk=500)
        assert str(caught.value) == (
            f"The model's predict() raised ValueError: no value\nIt does so for customer {first!r}."
        )


@pytest.mark.parametrize(
    "body",
    [
        raises_on("x[:, 0] >= 0"),  # on any
        raises_on("len(x) * x[:, 0] > 30"),  # on the whole only
        raises_on("x[:, 0] == 9", "time.sleep(1.1)"),  # too slow to try again
        raises_on("x[:, 0] == 9", "if len(x) < 10: sys.exit(7)"),
    ],
)
def test_where_it_is_not_one_customers_doing_or_takes_long_to_find_out_the_batch_is_named(score, body):
    with pytest.raises(ModelError) as caught:
        score(body, chunk=10)
    assert str(caught.value) == (
        "The model's predict() raised ValueError: no value\nIn batch 1: customers 1 to 10, of which the first is 'c0'."
    )


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf"])
def test_predictions_that_are_not_finite_name_a_customer_and_their_number(score, bad):
    with pytest.raises(ModelError) as caught:
        score(model(f"return np.where(x[:, 0] > 6, float('{bad}'), 1.0)"))
    assert str(caught.value) == (
        f"The model predicted {bad} for customer 'c7', where a finite number is expected.\n"
        "In batch 2, 1 of 4 predictions are NaN or infinite."
    )


def test_memory_past_the_limit_names_the_limit(score):
    with pytest.raises(ModelError, match="ran out of memory while predicting; its limit is 1 GB") as caught:
        score(model("return np.ones(2 ** 30)"), memory=2**30)
    assert caught.value.remedy is Remedy.MORE_MEMORY
    for given, next_time in ((1, "8G"), (12.5, "25G")):  # where much was too little, what is named is more
        settings = predictor.Settings(memory=int(given * 2**30))
        typed = predictor.advice(caught.value, settings, lambda name, **changed: f"{changed}")
        assert typed == f"Give it more: {{'MODEL_MEMORY': '{next_time}'}}"


def test_an_endless_loop_ends_at_the_time_limit_and_names_it(score):
    with pytest.raises(ModelError, match=r"longer than 1 s for predicting, which is its limit\.\nIn batch 1") as caught:
        score(model("while True: pass"), timeout=1)
    assert caught.value.remedy is Remedy.MORE_TIME


def test_an_endless_loop_while_loading_ends_at_the_time_limit(score):
    with pytest.raises(ModelError, match="longer than 1 s for loading"):
        score(model("", load="time.sleep(1000)"), timeout=1)


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (
            "raise KeyError('licence')",
            r"The model can't be loaded by \S+ \(Python [\d.]+\): KeyError: 'licence'\nAnother Python may have .*",
        ),
        ("sys.exit()", r"The model called sys\.exit\(None\) while loading\."),
        ("os._exit(5)", r"The model's process ended with exit status 5 while loading\."),
        ("os.abort()", r"The model's process was ended by SIGABRT, while loading\."),
        ("ctypes.string_at(0)", r"The model's process was ended by SIGSEGV, .*, while loading\."),
        (
            "import no_such_package.part",
            r"The model imports no_such_package, which \S+ \(Python [\d.]+\) does not have .*\n"
            r"Install it there: \S+ -m pip install no_such_package",
        ),
    ],
)
def test_an_error_while_loading_says_what_went_wrong(score, load, message):
    with pytest.raises(ModelError) as caught:
        score(model("", load=load))
    assert re.fullmatch(message, str(caught.value))


def test_an_object_without_predict_is_named(score):
    with pytest.raises(ModelError, match=r"the file holds a Model without a predict\(\) method"):
        score("class Model: pass")


def test_what_a_model_says_in_its_error_can_not_reach_the_terminal_as_control_characters(score):
    with pytest.raises(ModelError) as caught:
        score(model("raise ValueError('\\x1b[2Jgone' + 'x' * 5000)"))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize(
    "body",
    [
        "return x.sum(axis=1)[:, None]",
        "return x.sum(axis=1).astype(int)",
        "return x.sum(axis=1).tolist()",
        "return [int(v) for v in x.sum(axis=1)]",
        "return x.sum(axis=1).astype('float32')",
        "return x.sum(axis=1).astype('>f8')",
        "return np.repeat(x.sum(axis=1), 2)[::2]",
        "r = x.sum(axis=1); r.flags.writeable = False; return r",
        "r = x.sum(axis=1); x[:] = 0; return r",
        "assert x.dtype == float and x.flags.c_contiguous and x.shape[1] == 6; return x.sum(axis=1)",
    ],
)
def test_numbers_in_any_shape_that_is_clear_are_accepted(score, body):
    assert score(model(body)) == SIX


@pytest.mark.parametrize(
    "body",
    [
        "print('x' * 10_000_000); return x.sum(axis=1)",
        "for _ in range(30_000): print('noise')\nreturn x.sum(axis=1)",
        "os.write(1, b'P' * 100); os.write(2, b'E' * 100); return x.sum(axis=1)",
        "os.system('echo noise; echo noise >&2'); return x.sum(axis=1)",
        "sys.stdout = sys.stderr = None; return x.sum(axis=1)",
        "os.closerange(0, 3); return x.sum(axis=1)",
        "sys.stdin.read(); return x.sum(axis=1)",
        "threading.Thread(target=time.sleep, args=(1000,)).start(); return x.sum(axis=1)",
        "if os.fork() == 0: os._exit(1)\nreturn x.sum(axis=1)",
        "os.fork(); return x.sum(axis=1)",
        "if os.fork() == 0: raise SystemExit(4)\nreturn x.sum(axis=1)",
        "if os.fork() == 0: os.setsid(); time.sleep(1000)\nreturn x.sum(axis=1)",
        "os.chdir('/'); return x.sum(axis=1)",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); return x.sum(axis=1)",
    ],
)
def test_what_a_model_does_besides_predicting_has_no_effect_on_the_result(score, body):
    began = time.monotonic()
    assert score(model(body)) == SIX
    assert time.monotonic() - began < 15


def test_a_model_that_writes_into_its_own_answers_is_noticed(score):
    body = """
for descriptor in range(3, 9):
    try: os.write(descriptor, b'P' * 64)
    except OSError: pass
return x.sum(axis=1)
"""
    with pytest.raises(ModelError, match="wrote into the channel of its own answers"):
        score(model(body))


CHANNEL = """
import fcntl, stat, struct
channel = next(
    fd for fd in range(3, 20)
    if stat.S_ISFIFO(os.fstat(fd).st_mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_WRONLY
)
"""


@pytest.mark.slow
def test_a_model_that_closes_the_channel_and_stays_is_told_from_one_that_has_ended(score):
    with pytest.raises(ModelError, match=r"^The model closed its connection while predicting\.\nIn batch 1"):
        score(model(CHANNEL + "os.close(channel); time.sleep(60)"))


def test_json_that_is_too_deep_in_an_error_is_a_plain_line(score):
    body = CHANNEL + "text = b'[' * 200_000; os.write(channel, struct.pack('<cQQ', b'E', 1, len(text)) + text)"
    with pytest.raises(ModelError, match="wrote into the channel of its own answers"):
        score(model(body))


@pytest.mark.parametrize(
    ("kind", "number", "rows", "length"),
    [(b"P", 1, 4, 2**40), (b"P", 7, 4, 32), (b"P", 1, 1, 8), (b"L", 1, 4, 32)],
    ids=["longer than it can be", "of another batch", "of fewer customers", "of another kind"],
)
def test_an_answer_that_the_model_has_made_up_is_not_taken(score, kind, number, rows, length):
    forged = f"struct.pack('<cQQ', {kind!r}, {number}, {length}) + bytes({8 * rows})"
    with pytest.raises(ModelError, match="wrote into the channel of its own answers"):
        score(model(CHANNEL + f"os.write(channel, {forged}); time.sleep(60)"))


def test_answers_that_nobody_asked_for_do_not_fill_the_memory_of_the_parent(make_model, settings):
    body = """
def flood():
    time.sleep(0.5)
    while True:
        os.write(channel, struct.pack('<cQQ', b'P', 7, 2**20) + bytes(2**20))
threading.Thread(target=flood, daemon=True).start()
return x.sum(axis=1)
"""
    pickled = make_model(model(CHANNEL + body)).read_bytes()
    with Worker(sys.executable, 6, 1, settings.limits, PROJECT) as worker:
        worker.start()
        worker.load(pickled)
        worker.send(1, numpy.ones((4, 6)))
        assert worker.predictions(1, 4).tolist() == [[6.0]] * 4
        before = resident()
        time.sleep(2)
        assert resident() - before < 20 * 2**20


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_the_time_limit_of_a_batch_counts_from_the_answer_before_it(score):
    # Four batches are out at once, so that the last one waits for three others.
    slow = "time.sleep(0.6); return x.sum(axis=1)"
    assert score(model(slow), numpy.ones((16, 6)), timeout=1.5) == [6.0] * 16


def test_a_notebooks_model_finds_numpy_in_main(make_model, trust, score):
    source = """
    class Model:
        def predict(self, x):
            import __main__
            return __main__.np.sum(x, axis=1) + __main__.numpy.zeros(len(x))
    """
    assert score(source) == SIX


def test_a_model_may_refer_to_classes_of_this_project_without_its_dependencies_being_loaded(score):
    body = """
import predictor.sandbox.errors
assert not {'pyarrow', 'duckdb', 'dbt'} & set(sys.modules)
assert sys.path[-1] == %r  # behind what the model's own Python has
assert sys.argv == ['']  # as if nobody had called it with anything
assert not [path for path in sys.path if os.path.exists(os.path.join(path, 'pickle_reader.py'))]
return x.sum(axis=1)
"""
    body = body % str(PROJECT)
    assert score(model(body)) == SIX


def test_the_same_batch_gets_the_same_random_numbers(score):
    body = "import random; return x.sum(axis=1) + np.random.rand(len(x)) + random.random() + hash('c') % 10**6"
    assert score(model(body)) == score(model(body))


def test_other_batches_get_other_random_numbers(score):
    import_both = "import random; return np.array([np.random.rand(), random.random(), 0, 0])[:len(x)]"
    values = score(model(import_both), numpy.ones((8, 6)))
    assert len(set(values) - {0.0}) == 4


def test_what_a_model_prints_goes_to_a_logger(score, caplog):
    caplog.set_level("DEBUG", logger="predictor.printed")
    score(model("print('région', len(x)); return x.sum(axis=1)"))
    assert [record.getMessage() for record in caplog.records if record.name == "predictor.printed"] == [
        "région 4",
        "région 4",
        "région 2",
    ]


def test_of_what_a_model_prints_without_end_only_the_beginning_is_kept(score, caplog, monkeypatch):
    caplog.set_level("DEBUG", logger="predictor.printed")
    monkeypatch.setattr(process, "PRINTED_LINES", 3)
    monkeypatch.setattr(process, "LONGEST_LINE", 5)
    score(model("if x[0, 0] == 0: print('123456\\n7\\n8\\n9\\n10\\n')\nreturn x.sum(axis=1)"))
    printed = [record.getMessage() for record in caplog.records if record.name == "predictor.printed"]
    assert printed == ["12345", "6", "7", "… the model printed more, which is not kept"]
