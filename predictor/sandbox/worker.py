"""Loads one model and predicts batches with it; runs in the model's own Python, 3.6 or later, with numpy and dill.

Frames come in on descriptor 0 and go out on descriptor 1. A frame is its kind (one byte), a number and the length of
its payload (two uint64, little-endian), and the payload:

    in   M  the model's file            B  a batch: float64, row by row; the number counts batches
    out  H  hello (JSON)                P  the answers to batch `number`: float64, row by row
         L  loaded (JSON)               E  it failed (JSON), and this process ends

Only this file writes frames: before the model is loaded, descriptor 1 is turned over to the log.
"""

import builtins
import io
import json
import os
import random
import struct
import sys
import time
import traceback
import types

HEADER = struct.Struct("<cQQ")
SEARCH = 1.0  # seconds: where a batch took longer to fail, or it takes longer to find its row, nobody waits for that


def main():
    columns, outputs, modules = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    frames_in, frames_out = take_over_descriptors()
    # The folder of this script comes first on the path and would hide modules of the model's.
    sys.path[0:1] = []
    sys.path.append(modules)
    sys.argv[:] = [""]

    def send(kind, number, payload):
        write_all(frames_out, HEADER.pack(kind, number, len(payload)))
        write_all(frames_out, payload)

    def attempt(stage, number, action, row_of=lambda problem: None):
        """`action()`; where it fails, the parent is told and this process ends. A fork of the model's ends here."""
        try:
            result = action()
        except BaseException as problem:
            told = dict(describe(problem, stage), row=row_of(problem) if os.getpid() == own_pid else None)
            if os.getpid() == own_pid:
                send(b"E", number, json.dumps(told).encode("ascii"))
            os._exit(1)
        if os.getpid() != own_pid:
            os._exit(0)
        return result

    own_pid = os.getpid()
    # A notebook's model expects its own names in __main__, not this script's; dill keeps the one it sees when imported.
    main_module = sys.modules["__main__"] = types.ModuleType("__main__")
    main_module.__builtins__ = builtins
    numpy, dill = attempt("start", 0, import_what_models_need)
    main_module.numpy = main_module.np = numpy
    send(b"H", 0, json.dumps(hello(numpy, dill)).encode("ascii"))

    _, _, pickled = receive(frames_in)
    predict, names = attempt("load", 0, lambda: usable(dill.load(io.BytesIO(pickled)), outputs))
    pickled = None  # it may be large
    send(b"L", 0, json.dumps({"versions": versions(), "feature_names": names}).encode("ascii"))

    while True:
        _, number, payload = receive(frames_in)
        x = numpy.frombuffer(payload, dtype="<f8").reshape(-1, columns)

        def predictions(number=number, x=x):
            # The same batch gets the same random numbers, whichever worker it comes to.
            random.seed(number)
            numpy.random.seed(number % 2**32)
            return as_predictions(numpy, predict(x), len(x), outputs)

        began = time.monotonic()

        def row_of(problem, x=x, began=began):
            return first_row_that_raises(predict, x, type(problem), began)

        send(b"P", number, attempt("predict", number, predictions, row_of))


def take_over_descriptors():
    """The pipes of the frames, out of the model's way; what is printed goes where errors go, and there is no input."""
    frames_in, frames_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        binary = io.FileIO(descriptor, "w", closefd=False)
        stream = io.TextIOWrapper(io.BufferedWriter(binary), "utf-8", "backslashreplace", line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, "__{}__".format(name), stream)
    return frames_in, frames_out


def import_what_models_need():
    import dill
    import numpy

    return numpy, dill


def hello(numpy, dill):
    return {"python": "{}.{}.{}".format(*sys.version_info[:3]), "numpy": numpy.__version__, "dill": dill.__version__}


def first_row_that_raises(predict, x, kind, began):
    """The first row for which predict() raises such an exception; None where it does so for any, or takes long."""
    started = time.monotonic()

    def raises(rows):
        try:
            predict(rows)
        except BaseException as problem:
            return type(problem) is kind
        return False

    first, end = 0, len(x)
    while max(started - began, time.monotonic() - started) < SEARCH:
        if end - first > 1:
            middle = (first + end) // 2
            first, end = (first, middle) if raises(x[first:middle]) else (middle, end)
        else:
            return first if raises(x[first:end]) and not (first == 0 and raises(x[-1:])) else None
    return None


def usable(model, outputs):
    """The method that answers one column, or, for several, all of them in order; and the names of what it gets."""
    name = "predict" if outputs == 1 else "predict_columns"
    predict = getattr(model, name, None)
    if callable(predict):
        return predict, feature_names_of(model)
    kind = type(model).__name__
    if isinstance(model, dict):
        kind += " with the keys {},".format(", ".join(repr(key) for key in list(model)[:10]))
    raise Unusable("the file holds a {} without a {}() method".format(kind, name), "wrap")


def feature_names_of(model):
    """The columns that the model was fitted with, where it says so as scikit-learn, XGBoost and LightGBM do."""
    for attribute in ("feature_names_in_", "feature_name_"):
        try:
            names = [str(name) for name in getattr(model, attribute)]
        except Exception:  # it carries none, or it is a property that raises what it likes
            continue
        if names and not all(name.startswith("Column_") for name in names):  # LightGBM's for an array without names
            return names
    return None


def versions():
    """The version of each package that is loaded now."""
    found = {}
    for name, module in list(sys.modules.items()):
        version = None if "." in name else getattr(module, "__version__", None)
        if isinstance(version, str):
            found[name] = version
    return found


def as_predictions(numpy, result, rows, outputs):
    """The model's answer as float64 bytes, row by row; lists, (n, 1) for (n,), integers and short floats are fine."""
    if outputs == 1:
        name, shapes, wanted = "predict()", ((rows,), (rows, 1)), "{} numbers".format(rows)
    else:
        name, shapes, wanted = "predict_columns()", ((rows, outputs),), "{} times {} numbers".format(rows, outputs)
    if result is None:
        raise Unusable("{} returned None instead of {}".format(name, wanted))
    array = numpy.asarray(result)
    if array.shape not in shapes:
        raise Unusable("{} returned an array of shape {} instead of {}".format(name, array.shape, wanted))
    if array.dtype.kind not in "iuf":
        raise Unusable("{} returned {} values instead of numbers".format(name, array.dtype))
    return numpy.ascontiguousarray(array.reshape(rows, outputs), dtype="<f8").tobytes()


class Unusable(Exception):
    """The model is not what it should be; the message says in what way, a second argument what helps."""


def describe(problem, stage):
    """What the parent is told of an exception, as JSON; the line has at most 500 characters. Raises nothing itself."""
    try:
        line = "".join(traceback.format_exception_only(type(problem), problem)).strip().splitlines()[-1]
    except BaseException:  # a model may bring exceptions that can't be printed
        line = type(problem).__name__
    return {
        "stage": stage,
        "type": type(problem).__name__,
        "unusable": problem.args[0] if type(problem) is Unusable else None,
        "helps": problem.args[1] if type(problem) is Unusable and len(problem.args) > 1 else None,
        "out_of_memory": isinstance(problem, MemoryError),
        "missing_module": getattr(problem, "name", None) if isinstance(problem, ImportError) else None,
        "exit_status": str(problem.code) if isinstance(problem, SystemExit) else None,
        "line": line[:500],
        "versions": versions() if stage == "load" else None,
    }


def receive(descriptor):
    kind, number, length = HEADER.unpack(read_exactly(descriptor, HEADER.size))
    return kind, number, read_exactly(descriptor, length)


def read_exactly(descriptor, length):
    data = bytearray(length)
    view, done = memoryview(data), 0
    while done < length:
        count = os.readv(descriptor, [view[done:]])
        if count == 0:
            os._exit(0)  # the parent has no more batches, or is gone
        done += count
    return data


def write_all(descriptor, data):
    view = memoryview(data)
    while len(view):
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    main()
