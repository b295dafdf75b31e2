"""Each wall of the box by itself: what it keeps out with all the others left off, and what happens without it."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import predictor
from predictor.sandbox import launcher
from predictor.sandbox.box import WALLS, launch, read_box, read_line
from predictor.settings import PROJECT
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


def attempt(*actions: str) -> str:
    """A script that prints for each action in turn "done", or the name of the error that it raises."""
    return f"""
import ctypes, errno, fcntl, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
for action in {actions!r}:
    try:
        exec(action)
        print("done")
    except OSError as problem:
        print(errno.errorcode[problem.errno])
"""


def test_a_process_namespace_keeps_other_processes_out_of_reach():
    script = attempt(f"os.kill({os.getpid()}, 0)")
    assert inside(script) == "done"
    assert inside(script, "processes") == "ESRCH"


def test_a_process_namespace_ends_what_the_model_has_detached_and_without_one_what_it_has_not(tmp_path):
    script = """
import os, time
for detached in (False, True):
    if os.fork() == 0:
        if detached:
            os.setsid()
        if os.fork() == 0:
            os.close(1)
            time.sleep(1)
            open(f"{note}-{{detached}}", "w").close()
        os._exit(0)
    os.wait()
"""
    inside(script.format(note=tmp_path / "with"), "processes")
    inside(script.format(note=tmp_path / "without"))
    deadline = time.monotonic() + 30
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)  # the others would have been as fast
    assert [note.name for note in tmp_path.iterdir()] == ["without-True"]


def test_a_process_namespace_shows_no_process_but_the_model_s_own():
    shown = "import os; print([int(name) for name in os.listdir('/proc') if name.isdigit()])"
    if subprocess.run(["unshare", "-Urpf", "--mount-proc", "true"], capture_output=True).returncode:
        pytest.skip("this system does not let a process mount its own /proc")
    assert inside(shown, "processes", "mounts") == "[1, 2]"


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


OF_WHAT_IS_THERE = ["os.chmod('file', 0o777)", "os.utime('file', (0, 0))"]  # which Landlock leaves to the mounts
CHANGES = [
    "open('file', 'a').close()",
    "os.truncate('file', 1)",
    "open('new', 'x').close()",
    "os.mknod('node')",
    "os.link('file', 'link')",
    "os.symlink('file', 'symlink')",
    "os.mkdir('folder')",
    "os.mkfifo('pipe')",
    "socket.socket(socket.AF_UNIX).bind('socket')",
    "os.rename('file', 'renamed')",
    "os.rmdir('empty')",
    "os.remove('renamed' if os.path.exists('renamed') else 'file')",
]


@pytest.mark.parametrize(
    ("wall", "actions", "refused"), [("mounts", OF_WHAT_IS_THERE + CHANGES, "EROFS"), ("landlock", CHANGES, "EACCES")]
)
def test_read_only_mounts_and_landlock_each_keep_files_as_they_are(tmp_path, wall, actions, refused):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "empty").mkdir()
    before = (tmp_path / "file").stat()
    script = f"import os; os.chdir({str(tmp_path)!r})" + attempt(*actions)
    assert inside(script, wall).split() == [refused] * len(actions)
    after = (tmp_path / "file").stat()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]
    assert ((tmp_path / "file").read_text(), after.st_mode, after.st_mtime_ns) == (
        "precious",
        before.st_mode,
        before.st_mtime_ns,
    )
    assert inside(script).split() == ["done"] * len(actions)


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="there is no file system of its own below /")
def test_read_only_mounts_hold_in_every_file_system_that_is_mounted_below_another():
    path = f"/dev/shm/clv-{os.getpid()}"
    script = attempt(f"open({path!r}, 'x').close(); os.remove({path!r})")
    assert inside(script, "mounts") == "EROFS"
    assert inside(script) == "done"


@pytest.mark.parametrize("walls", [(), ("mounts",), ("landlock",), WALLS], ids=["none", "mounts", "landlock", "all"])
def test_in_its_own_folder_which_is_nobody_else_s_a_model_may_do_what_it_likes(walls):
    script = attempt(
        "os.makedirs('a'); os.makedirs('b'); open('a/x', 'w').close()",
        "os.rename('a/x', 'b/x'); os.link('b/x', 'a/y'); os.remove('b/x'); os.rmdir('b')",
        "open('/dev/null', 'w').write('x')",
        "assert os.stat('.').st_mode & 0o777 == 0o700",
    )
    assert inside(script, *walls).split() == ["done"] * 4


LANDLOCK = ctypes.CDLL(None).syscall(launcher.SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)


@pytest.mark.parametrize(
    ("since", "action", "refused", "otherwise"),
    [
        (4, "socket.create_connection({tcp}).close()", "EACCES", "done"),
        (4, "socket.create_server(('127.0.0.1', 0)).close()", "EACCES", "done"),
        (5, "fcntl.ioctl(open('/dev/zero'), 0x5401)", "EACCES", "ENOTTY"),
        (6, "os.kill({pid}, 0)", "EPERM", "done"),
        (6, "socket.socket(socket.AF_UNIX).connect({unix!r})", "EPERM", "done"),
    ],
)
def test_landlock_keeps_from_tcp_devices_signals_and_sockets_of_others(since, action, refused, otherwise):
    if since > LANDLOCK:
        pytest.skip(f"this kernel has version {LANDLOCK} of Landlock")
    name = f"\0clv-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(name)
        unix.listen()
        script = attempt(action.format(tcp=tcp.getsockname(), pid=os.getpid(), unix=name))
        assert inside(script, "landlock") == refused
        assert inside(script) == otherwise


def test_with_read_only_mounts_there_is_a_folder_to_write_into_and_it_is_bounded():
    script = attempt("[open(str(n), 'wb').write(bytes(2**26)) for n in range(8)]")
    assert inside(script, "mounts") == "ENOSPC"


@pytest.mark.parametrize("walls", [(), ("landlock",)], ids=["no wall", "Landlock alone"])
def test_without_a_folder_that_is_bounded_a_file_is(walls):
    """One more byte than a file may have: nothing but the limit keeps it out here."""
    script = attempt(
        f"os.truncate(os.open('file', os.O_CREAT | os.O_WRONLY), {launcher.FILE_SIZE})",
        f"os.truncate('file', {launcher.FILE_SIZE + 1})",
    )
    ignore = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    assert inside(ignore + script, *walls).split() == ["done", "EFBIG"]


@pytest.mark.parametrize("walls", [(), WALLS], ids=["no wall", "all"])
def test_a_limit_of_the_system_that_is_lower_stays(walls):
    """Of what is started here, so that this process keeps its own."""
    lower = f"""
import resource, subprocess, sys
from predictor.sandbox.box import launch
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
script = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
process, control = launch([sys.executable, "-c", script], 2**32, walls={tuple(walls)!r}, stdin=subprocess.DEVNULL)
with control:
    process.wait(60)
"""
    printed = subprocess.run([sys.executable, "-c", lower], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert printed.stdout.strip() == "(100, 100)", printed.stderr


def test_a_command_in_the_box_ignores_no_signal_that_another_would_not():
    command = ["/bin/grep", "SigIgn", "/proc/self/status"]
    process, control = launch(command, 2**32, walls=(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    with control:
        ignored = int(process.communicate(timeout=60)[0].split()[1], 16)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        assert not ignored >> (number - 1) & 1, number


PLACE = launcher.ARCHITECTURES[platform.machine()][1]


MEANT = {  # by what a model could do with them
    "a socket of any kind": ("socket", "socketpair", "bind", "listen", "accept", "accept4", "connect"),
    "a word to a named one": ("sendto", "sendmsg", "sendmmsg"),
    "sockets without these calls": ("io_uring_setup",),
    "keys of the login": ("add_key", "request_key", "keyctl"),
    "memory that others see": ("shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl"),
    "messages that others see": ("msgget", "msgsnd", "msgrcv", "msgctl"),
    "messages by name": ("mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive"),
    "memory past the limit": ("memfd_create", "memfd_secret"),
    "other processes": ("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"),
    "a namespace with more rights": ("unshare", "setns", "clone3"),
    "old holes": ("userfaultfd", "bpf", "perf_event_open"),
}


def test_the_filter_refuses_each_call_that_it_is_meant_to_and_each_is_there_without_it():
    calls = launcher.SOCKET_CALLS | launcher.OTHER_CALLS
    assert sorted(calls) == sorted(name for names in MEANT.values() for name in names)
    script = attempt(*(f"call({numbers[PLACE]}, -1, 0, 0, 0, 0, 0)" for numbers in calls.values()))
    refused = ["EACCES"] * len(launcher.SOCKET_CALLS) + ["ENOSYS"] * len(launcher.OTHER_CALLS)
    assert inside(script, "system_calls").split() == refused
    without = inside(script).split()
    assert [name for name, with_it, found in zip(calls, refused, without, strict=True) if found == with_it] == []


@pytest.mark.parametrize(("header", "place"), [("*-linux-*/asm/unistd_64.h", 0), ("asm-generic/unistd.h", 1)])
def test_each_call_has_the_number_that_the_kernel_s_own_headers_give_it(header, place):
    found = [*Path("/usr/include").glob(header)]
    if not found:
        pytest.skip("the headers are not installed: apt-get install linux-libc-dev")
    theirs = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", found[0].read_text())}
    calls = launcher.SOCKET_CALLS | launcher.OTHER_CALLS | {"clone": launcher.SYS_CLONE}
    ours = {name: numbers[place] for name, numbers in calls.items()}
    ours |= {
        name.removeprefix("SYS_").lower(): n
        for name, n in vars(launcher).items()
        if isinstance(n, int) and name.startswith("SYS_")
    }
    assert ours == {name: theirs.get(name) for name in ours}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="no other machine has two sets of numbers")
def test_the_filter_refuses_each_call_by_its_number_in_the_second_set_too():
    """A kernel without that set gives the same answer by itself, so that an earlier filter here gives another one."""
    second_set = 0x40000000
    earlier = f"""
import ctypes, struct
from predictor.sandbox import launcher
launcher.libc.prctl(38, 1, 0, 0, 0)  # no new privileges
refuse, allow = 0x00050000 | {errno.EPERM}, 0x7FFF0000
program = (0x20, 0, 0, 0), (0x35, 0, 1, {second_set}), (0x06, 0, 0, refuse), (0x06, 0, 0, allow)
lines = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
launcher.check(launcher.libc.prctl(launcher.PR_SET_SECCOMP, 2, struct.pack("@HP", 4, ctypes.addressof(lines)), 0, 0))
"""
    numbers = [number for number, _ in (launcher.SOCKET_CALLS | launcher.OTHER_CALLS).values()]
    calls = attempt(*(f"call({second_set + number}, -1, 0, 0, 0, 0, 0)" for number in [0, 39, *numbers]))
    script = f"{earlier}{calls}\nlauncher.filter_system_calls()\n{calls}"
    root = Path(predictor.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["EPERM"] * (len(numbers) + 2) + ["ENOSYS"] * (len(numbers) + 2)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the calls of 32-bit programs are another machine's")
def test_the_filter_refuses_the_calls_of_32_bit_programs_whose_numbers_are_others():
    socket_by_interrupt = bytes.fromhex("53 b867010000 bb01000000 b901000000 31d2 cd80 5b c3")  # socket(1, 1, 0)
    script = f"""
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write({socket_by_interrupt!r})
print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))())
"""
    if not inside(script).isdecimal():
        pytest.skip("this kernel runs no 32-bit programs")
    assert inside(script, "system_calls") == "-38"


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
        assert os.getsid(process.pid) == process.pid  # Ctrl-C on the terminal is for the build alone
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


def test_the_number_of_processes_is_limited_without_any_wall_too(tmp_path):
    forks = (
        f"import os, time\n[os.fork() or time.sleep(600) for _ in range({launcher.PROCESSES + 10})]; time.sleep(600)"
    )
    process, control = launch([sys.executable, "-c", forks], 2**36, str(tmp_path), ())
    with control:
        assert read_box(control, 30).walls == set()
        assert read_line(control, 30) == "processes"
        process.wait(30)


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
    for wall, words in WALLS.items():
        only = predictor.Box(frozenset({wall}))
        assert only.files_are_read_only is (wall in ("mounts", "landlock"))
        assert only.no_network is (wall in ("network", "system_calls"))
        assert words not in str(only)
        assert len(only.missing) == len(WALLS) - 1
    assert predictor.Box(frozenset(WALLS)).missing == ()
