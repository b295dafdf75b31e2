"""What a model can't do, and what is left of it when it ends. A worker runs here as in every build."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

import predictor
from predictor import ModelError
from predictor.sandbox import box, launcher
from predictor.settings import PROJECT
from tests.predictor.conftest import scored

SIX = [6.0 * number for number in range(10)]


def probe(expression: str, when: str = "predict") -> str:
    """A model that tells the value of an expression in its error, evaluated while it predicts or is loaded."""
    return f"""
def look():
    import os, resource, shutil, socket, tempfile

    def attempt_all(attacks, **names):
        outcomes = []
        for attack in attacks:
            try:
                eval(attack, dict(globals(), os=os, shutil=shutil, **names))
                outcomes.append(attack)
            except OSError:
                outcomes.append("refused")
        return outcomes

    try:
        found = {expression}
    except Exception as problem:
        found = repr(problem)
    raise RuntimeError(found)

class OnLoad:
    def __reduce__(self):
        return look, ()

class Model:
    def __init__(self):
        self.state = {"OnLoad()" if when == "load" else None}

    def predict(self, x):
        look()
"""


@pytest.fixture
def look(score):
    """What an expression gives inside the box."""

    def look(expression: str, when: str = "predict", **changes) -> str:
        with pytest.raises(ModelError) as caught:
            score(probe(expression, when), **changes)
        return str(caught.value).partition("RuntimeError: ")[2].partition("\n")[0]

    return look


def kernel_offers_every_wall() -> bool:
    """Asked of the kernel itself: a wall of ours that is broken would only call itself missing."""
    if sys.platform != "linux" or not Path("/proc/sys/kernel/seccomp").exists():
        return False
    if ctypes.CDLL(None).syscall(launcher.SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1) < 1:
        return False
    return subprocess.run(["unshare", "-Urpfnim", "true"], capture_output=True).returncode == 0


# A kernel that gives less is a reason to skip, and to be told so; but in CI every wall has to stand.
needs_the_whole_box = pytest.mark.skipif(
    os.environ.get("CI") != "true" and not kernel_offers_every_wall(),
    reason=f"here a box means: {predictor.box_here()}",
)


@needs_the_whole_box
def test_every_wall_stands_around_a_worker():
    assert predictor.box_here().walls == box.WALLS.keys()


ATTACKS = [
    "open(path, 'w')",
    "open(path, 'a')",
    "os.remove(path)",
    "os.rename(path, path + '.old')",
    "os.truncate(path, 0)",
    "os.chmod(path, 0o777)",
    "os.utime(path, (0, 0))",
    "shutil.rmtree(folder)",
    "os.mkdir(folder + '/new')",
    "os.symlink('x', folder + '/new')",
    "os.mkfifo(folder + '/new')",
]


@needs_the_whole_box
@pytest.mark.parametrize("when", ["load", "predict"])
def test_files_outside_its_folder_can_not_be_changed(look, tmp_path, when):
    folder = tmp_path / "precious"
    folder.mkdir()
    path = folder / "file"
    path.write_text("precious")
    before = path.stat()
    said = look(f"attempt_all({ATTACKS!r}, path={str(path)!r}, folder={str(folder)!r})", when)
    assert said == str(["refused"] * len(ATTACKS))
    assert [each.name for each in folder.iterdir()] == ["file"]
    assert path.read_text() == "precious"
    assert (path.stat().st_mode, path.stat().st_mtime) == (before.st_mode, before.st_mtime)


def test_its_folder_is_empty_writable_and_gone_afterwards(look):
    folder = look("os.listdir('.') == [] and open('note', 'w').write('x') and tempfile.mkstemp()[1]")
    assert Path(folder).parent.name.startswith("predictor-")
    assert not Path(folder).parent.exists()


@needs_the_whole_box
@pytest.mark.parametrize("when", ["load", "predict"])
def test_neither_tcp_nor_udp_nor_unix_sockets_lead_out(look, tmp_path, when):
    tcp = socket.create_server(("127.0.0.1", 0))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "server"))
    unix.listen()
    with tcp, udp, unix:
        for server in (tcp, udp, unix):
            server.settimeout(0.2)
        tcp_address, udp_address = tcp.getsockname(), udp.getsockname()
        assert "Error(" in look(f"socket.create_connection({tcp_address})", when)
        assert "Error(" in look(f"socket.socket(2, 2).sendto(b'secret', {udp_address})", when)
        assert "Error(" in look(f"socket.socket(1).connect({str(tmp_path / 'server')!r})", when)
        for server, receive in ((tcp, tcp.accept), (udp, lambda: udp.recv(10)), (unix, unix.accept)):
            with pytest.raises(TimeoutError):
                receive()
            assert server.fileno() > 0


def test_the_environment_holds_nothing_of_the_parents(look, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "secret-7")
    inside = set(re.findall(r"'(\w+)'", look("sorted(os.environ)")))
    assert inside - {"LC_CTYPE"} == box.ENVIRONMENT.keys()  # which Python sets by itself
    one_thread = ["MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    assert look("sorted(name for name in os.environ if os.environ[name] == '1')") == str(one_thread)
    assert "secret-7" not in look(f"open('/proc/{os.getpid()}/environ').read()")
    assert "secret-7" not in look("open(f'/proc/{os.getppid()}/environ').read()")


def test_it_inherits_no_descriptor_of_the_parent(look):
    with open(__file__) as file:
        os.set_inheritable(file.fileno(), True)
        files = look("sorted(os.path.realpath(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd'))")
    assert "/dev/null" in files
    assert __file__ not in files
    assert "socket:" not in files  # that of the launcher, whose word the parent takes


@needs_the_whole_box
def test_limits_are_set_on_memory_core_files_processes_and_descriptors(look):
    limits = "[resource.getrlimit(n) for n in (resource.RLIMIT_AS, resource.RLIMIT_CORE, resource.RLIMIT_NPROC)]"
    processes = launcher.PROCESSES
    assert look(limits, memory=2**31) == f"[({2**31}, {2**31}), (0, 0), ({processes}, {processes})]"
    assert "OSError" in look("[open('large', 'wb').write(bytes(2 ** 28 + 2 ** 20))]")
    assert "Too many open files" in look("[open('/dev/null') for _ in range(5000)]")


@needs_the_whole_box
def test_the_process_has_no_capabilities_and_can_not_gain_any(look):
    status = look("[line.split() for line in open('/proc/self/status') if line[:6] in ('CapEff', 'CapBnd', 'NoNewP')]")
    nothing = "0000000000000000"
    assert status == f"[['CapEff:', '{nothing}'], ['CapBnd:', '{nothing}'], ['NoNewPrivs:', '1']]"


STAYS = """
class Model:
    def predict(self, x):
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", {mark!r}])
            os._exit(0)
        time.sleep(600)
"""

PARENT = """
import signal, sys, predictor
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what runs in its background ignore it
sys.path.insert(0, {project!r})
from tests.predictor.conftest import scored
settings = predictor.Settings(workers=1, manifests=Path({manifests!r}))
reader = scored({model!r}, settings)
print("scoring", flush=True)
reader.read_all()
"""


def descendants(pid: int) -> set[int]:
    """The pids of all processes below one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, new = set(), {pid}
    while new:
        found |= new
        new = {child for child, parent in parents.items() if parent in found} - found
    return found - {pid}


def marked(mark: str) -> set[int]:
    """The pids of all processes that have this on their command line, whosever child they are by now."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


@needs_the_whole_box
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_the_parent_ends_in_the_middle(make_model, trust, settings, tmp_path, how):
    mark = f"detached-{uuid.uuid4().hex}"
    model = trust(make_model(STAYS.format(mark=mark)))
    script = PARENT.format(project=str(PROJECT), manifests=str(settings.manifests), model=str(model))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        parent.stdout.readline()
        deadline = time.monotonic() + 60
        while not marked(mark) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(marked(mark)) == 1
        below = descendants(parent.pid)
        assert len(below) >= 3  # the launcher, init and the worker
        assert [folder.name[:10] for folder in temporary.iterdir()] == ["predictor-"]
        parent.send_signal(how)
        parent.wait(timeout=60)
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in below | marked(mark)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [pid for pid in below if Path(f"/proc/{pid}").exists()] == []
        assert marked(mark) == set()
        assert list(temporary.iterdir()) == []
    finally:
        parent.kill()
        parent.stdout.close()
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)


def test_a_worker_outlives_the_thread_that_started_it(make_model, trust, settings):
    model = trust(make_model("class Model:\n    def predict(self, x):\n        return x.sum(axis=1)"))
    readers = []
    thread = threading.Thread(target=lambda: readers.append(scored(model, settings)))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert readers[0].read_all()["predicted_clv"].to_pylist() == SIX
