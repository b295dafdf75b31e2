"""Each wall of the box by itself: what it keeps out with all the others left off, and what happens without it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import predictor
from predictor.sandbox import launcher
from predictor.sandbox.box import WALLS, launch, read_box
from tests.predictor.test_box import descendants, needs_the_whole_box

pytestmark = needs_the_whole_box
IPC_CREATE, IPC_REMOVE = 0o1000, 0


def inside(script: str, *walls: str) -> str:
    """What a Python script prints that runs behind these walls, and no others."""
    process, control = launch(
        [sys.executable, "-c", script], 2**32, walls=walls, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    with control:
        assert read_box(control, 30).walls == set(walls)
        printed, _ = process.communicate(timeout=60)
    return printed.decode().strip()


def attempt(action: str) -> str:
    """A script that prints "done", or the name of the error that the action raises."""
    return f"""
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
try:
    {action}
    print("done")
except OSError as problem:
    print(errno.errorcode[problem.errno])
"""


def test_a_process_namespace_keeps_other_processes_out_of_reach():
    script = attempt(f"os.kill({os.getpid()}, 0)")
    assert inside(script) == "done"
    assert inside(script, "processes") == "ESRCH"


def test_a_process_namespace_ends_what_the_model_has_detached(tmp_path):
    script = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1)
        time.sleep(1)
        open({str(tmp_path / "note")!r}, "w").close()
    os._exit(0)
os.wait()
"""
    inside(script, "processes")
    time.sleep(1.5)
    assert not (tmp_path / "note").exists()
    inside(script)
    time.sleep(1.5)
    assert (tmp_path / "note").exists()


def test_a_network_namespace_keeps_out_of_the_network():
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = attempt(f"socket.create_connection({server.getsockname()}).close()")
        assert inside(script) == "done"
        assert inside(script, "network") in ("ENETUNREACH", "ECONNREFUSED")


def test_an_ipc_namespace_hides_shared_memory_and_messages():
    key = 0x0C17 << 16 | os.getpid() & 0xFFFF
    libc = ctypes.CDLL(None, use_errno=True)
    memory = libc.shmget(key, 4096, IPC_CREATE | 0o600)
    assert memory >= 0
    try:
        script = attempt(f"os.strerror(0); r = libc.shmget({key}, 0, 0); assert r >= 0 or call(0x7fffffff)")
        assert inside(script) == "done"
        assert inside(script, "ipc") == "ENOSYS"
    finally:
        libc.shmctl(memory, IPC_REMOVE, None)


@pytest.mark.parametrize(
    ("wall", "action"),
    [
        ("mounts", "os.chmod({path!r}, 0o777)"),
        ("mounts", "os.utime({path!r}, (0, 0))"),
        ("mounts", "open({path!r}, 'a').close()"),
        ("landlock", "open({path!r}, 'a').close()"),
        ("landlock", "os.truncate({path!r}, 1)"),
        ("landlock", "os.mkdir({path!r} + '.new')"),
        ("landlock", "os.rename({path!r}, {path!r} + '.old')"),
        ("landlock", "os.remove({path!r})"),
    ],
)
def test_read_only_mounts_and_landlock_each_keep_files_as_they_are(tmp_path, wall, action):
    path = tmp_path / "file"
    path.write_text("precious")
    path.chmod(0o600)
    before = path.stat()
    script = attempt(action.format(path=str(path)))
    assert inside(script, wall) == ("EROFS" if wall == "mounts" else "EACCES")
    assert (path.read_text(), path.stat().st_mode, path.stat().st_mtime_ns) == (
        "precious",
        before.st_mode,
        before.st_mtime_ns,
    )
    assert inside(script) == "done"


def test_with_read_only_mounts_there_is_a_folder_to_write_into_and_it_is_bounded():
    script = attempt("[open(str(n), 'wb').write(bytes(2**26)) for n in range(8)]")
    assert inside(script, "mounts") == "ENOSPC"


PLACE = launcher.ARCHITECTURES[platform.machine()][1]


@pytest.mark.parametrize("name", sorted({**launcher.SOCKET_CALLS, **launcher.OTHER_CALLS}))
def test_the_filter_refuses_each_call(name):
    number = {**launcher.SOCKET_CALLS, **launcher.OTHER_CALLS}[name][PLACE]
    refused = "EACCES" if name in launcher.SOCKET_CALLS else "ENOSYS"
    script = attempt(f"call({number}, -1, 0, 0, 0, 0, 0)")
    assert inside(script, "system_calls") == refused
    assert inside(script) != refused


def test_the_filter_refuses_a_namespace_with_more_rights_and_leaves_processes_and_threads():
    clone = launcher.SYS_CLONE[PLACE]
    script = attempt(f"call({clone}, {launcher.CLONE_NEWUSER | signal.SIGCHLD}, 0, 0, 0, 0)")
    assert inside(script, "system_calls").startswith("EACCES")
    assert inside(script).startswith("done")
    harmless = "import subprocess, threading; t = threading.Thread(target=subprocess.run, args=(['true'],)); t.start()"
    assert inside(f"{harmless}; t.join(); print('fine')", "system_calls") == "fine"


@pytest.mark.parametrize(
    "way",
    [
        "socket.socketpair(type=socket.SOCK_DGRAM)[0].sendto(b'text', {path!r})",
        "socket.socketpair(type=socket.SOCK_DGRAM)[0].sendmsg([b'text'], [], 0, {path!r})",
        "a, b = socket.socketpair(type=socket.SOCK_DGRAM); a.connect({path!r}); a.send(b'text')",
        "socket.socketpair(type=socket.SOCK_DGRAM)[0].sendmsg([b'text'], [(1, 1, b'\\0' * 4)], 0, {path!r})",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'text', {path!r})",
    ],
)
def test_no_way_leads_to_a_named_datagram_socket(tmp_path, way):
    path = str(tmp_path / "mailbox")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mailbox:
        mailbox.bind(path)
        mailbox.setblocking(False)
        script = attempt(way.format(path=path).replace("type=", "socket.AF_UNIX, type="))
        assert inside(script, *WALLS) == "EACCES"
        with pytest.raises(BlockingIOError):
            mailbox.recv(10)
        assert inside(script) == "done"
        assert mailbox.recv(10) == b"text"


def test_a_worker_ends_with_its_launcher_by_the_parent_death_signal_alone(tmp_path):
    waits = [sys.executable, "-c", "import time; time.sleep(600)"]
    process, control = launch(waits, 2**32, str(tmp_path), ())  # a launcher that is killed leaves its folder
    with control:
        read_box(control, 30)
        below = descendants(process.pid)
        assert below
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while any(map(runs, below)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(runs, below))


def runs(pid: int) -> bool:
    """Whether it is there and no zombie, which is what nobody collects here."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


FORKS = """
class Model:
    def predict(self, x):
        import os, time
        held = []
        for _ in range({count}):
            if os.fork() == 0:
                held = bytearray(os.urandom(1)) * {size}
                time.sleep(600)
        time.sleep(600)
"""


def test_memory_is_limited_for_all_processes_of_a_model_together(score):
    with pytest.raises(predictor.ModelError, match=r"processes together ran past 0\.5 GB, their limit, while predict"):
        score(FORKS.format(count=10, size=2**27), memory=2**29, timeout=60)


def test_the_number_of_processes_is_limited(score):
    with pytest.raises(predictor.ModelError, match=r"started more processes than it may have|Resource temporarily"):
        score(FORKS.format(count=1500, size=2**10), timeout=60)


def test_a_few_processes_that_share_what_they_hold_are_fine(score):
    source = """
class Model:
    def predict(self, x):
        import os, time
        held = bytearray(os.urandom(1)) * 2**28
        children = [os.fork() for _ in range(1)]
        for _ in range(7):
            if children[-1]:
                children.append(os.fork())
        if not children[-1]:
            time.sleep(1.5)
            os._exit(0)
        for child in children:
            os.waitpid(child, 0)
        return x.sum(axis=1)
"""
    assert score(source, memory=2**30) == [6.0 * number for number in range(10)]


def test_what_is_missing_is_named_wall_by_wall():
    bare = predictor.Box(frozenset())
    assert bare.missing == tuple(WALLS.values())
    assert str(bare).startswith("FILES CAN BE WRITTEN, NETWORK CAN BE REACHED (this system does not offer: a process")
    only = predictor.Box(frozenset({"landlock", "network"}))
    assert (only.files_are_read_only, only.no_network) == (True, True)
    assert "Landlock" not in str(only)
    assert predictor.Box(frozenset(WALLS)).missing == ()
