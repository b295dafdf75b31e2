"""Puts a worker into its box and watches over it; run as a script by this project's own Python, once per worker.

The limits are set here and inherited through `exec`, so that the oldest interpreter is held by them. A process of its
own sets them, because Python code between fork and exec is not safe in a parent with threads, as dbt and DuckDB have.

    the build ──▶ this launcher ──▶ the worker          ends with the launcher (PR_SET_PDEATHSIG)
        socket: closed when the     ──▶ init            first process of the PID namespace: when it ends,
        build ends, however it ends                     all that the model has started ends with it

    launcher.py SOCKET FOLDER MEMORY WALLS COMMAND…     the environment is the command's; WALLS: box.WALLS, by commas

Into the socket it writes a line with the walls that stand, and one more, `memory` or `processes`, where it has ended
the model because its processes together held too much or were too many. It imports little, because every build waits
for it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import struct
import sys
from collections.abc import Callable

FILE_SIZE = 256 * 2**20  # bytes, of one file and of the temporary folder
OPEN_FILES = 1024
PROCESSES = 256  # that the model may have at a time
LOOK_EVERY = 0.2  # seconds between looks at how many there are, and what memory they hold together

CLONE_NEWNS, CLONE_NEWUSER = 1 << 17, 1 << 28
NAMESPACES = {"ipc": 1 << 27, "processes": 1 << 29, "network": 1 << 30}  # CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET
MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = -100, 0x8000, 1
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
# These numbers of system calls are the same on every architecture.
SYS_MOUNT_SETATTR = 442
SYS_LANDLOCK_CREATE_RULESET, SYS_LANDLOCK_ADD_RULE, SYS_LANDLOCK_RESTRICT_SELF = 444, 445, 446

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}  # AUDIT_ARCH_…, and the place of its numbers
# Answered with "permission denied": every way to a socket, also to a named one by a pair of unnamed ones.
SOCKET_CALLS = {
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "connect": (42, 203), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
}  # fmt: skip
# Answered with "not implemented", for which libraries are prepared.
OTHER_CALLS = {
    "io_uring_setup": (425, 425),  # would open sockets past this filter
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),  # the keys of the login
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),  # memory that outlives the process, and messages
    "semget": (64, 190), "semop": (65, 193), "semtimedop": (220, 192), "semctl": (66, 191),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),  # memory past the limit
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "unshare": (272, 97), "setns": (308, 268), "clone3": (435, 435),  # the right to mount, in a namespace of its own
    "userfaultfd": (323, 282), "bpf": (321, 280), "perf_event_open": (298, 241),  # what few need and many holes were in
}  # fmt: skip
SYS_CLONE = (56, 220)
NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW… that clone(2) knows

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    control, temporary, memory, walls, *command = sys.argv[1:]
    parent = int(control)
    os.set_inheritable(parent, False)
    folder = os.path.join(temporary, f"predictor-{os.urandom(8).hex()}")
    os.mkdir(folder, 0o700)
    try:
        status = run(command, int(memory), set(walls.split(",")), folder, parent)
    finally:
        remove(folder)
    die_like(status)


def run(command: list[str], memory: int, walls: set[str], folder: str, parent: int) -> int:
    """Starts the worker, and returns its exit status when it has ended or the parent has."""
    child_ended, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    alive, hold = os.pipe()  # `hold` is open for as long as this process lives

    namespaces = walls & {*NAMESPACES, "mounts"} and offered(enter_namespaces, walls)
    if namespaces:
        enter_namespaces(walls)
    else:
        walls -= {*NAMESPACES, "mounts"}

    def end_with_launcher() -> None:
        os.close(hold)
        if sys.platform == "linux":
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if select.select([alive], [], [], 0)[0]:  # the launcher ended before the line above
            os._exit(1)

    init = os.fork() if "processes" in walls else None
    if init == 0:
        be_init(end_with_launcher, parent)
    worker = os.fork()
    if worker == 0:
        be_worker(end_with_launcher, command, memory, walls, folder, parent)

    leave_pipes()
    status = wait(worker, init, memory, child_ended, parent)
    if init:
        os.kill(init, signal.SIGKILL)
        os.waitpid(init, 0)
    else:
        try:  # noqa: SIM105 - contextlib takes longer to import than all else here
            os.killpg(worker, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # it has left nothing behind
    return status


def be_init(end_with_launcher: Callable[[], None], parent: int) -> None:
    """Stays, and does nothing, as the first process of the namespace, until it is ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody else collects what the model leaves behind
    end_with_launcher()
    os.close(parent)
    leave_pipes()
    while True:
        signal.pause()


def be_worker(
    end_with_launcher: Callable[[], None], command: list[str], memory: int, walls: set[str], folder: str, parent: int
) -> None:
    """Becomes the command, in the box; never returns."""
    try:
        end_with_launcher()
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.write(parent, " ".join(shut(folder, memory, walls)).encode() + b"\n")
        os.execv(command[0], command)
    except Exception as problem:
        os.write(2, f"the worker can't be started: {problem}\n".encode(errors="replace"))
    finally:
        os._exit(127)  # it must not go on as a second launcher


def wait(worker: int, init: int | None, memory: int, child_ended: int, parent: int) -> int:
    """Until the worker has ended, the parent has, or the model's processes go past their limits."""
    while True:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid:
            return status
        ready, _, _ = select.select([child_ended, parent], [], [], LOOK_EVERY)
        excess = "" if ready else too_much([worker, init] if init else [worker], memory)
        if parent in ready or excess:
            if excess:
                os.write(parent, excess.encode() + b"\n")
            os.kill(worker, signal.SIGKILL)
            return os.waitpid(worker, 0)[1]
        if child_ended in ready:
            os.read(child_ended, 1024)


def too_much(first: list[int], memory: int) -> str:
    """Which limit these processes and all below them are past together, "memory" or "processes"; "" where none is."""
    processes = list(first)
    for process in processes:  # grows while it is gone through
        for path in children_files(process):
            processes += [int(child) for child in read(path).split()]
        if len(processes) > PROCESSES:
            return "processes"
    if len(processes) == len(first):  # RLIMIT_AS holds one process
        return ""
    return "memory" if sum(map(memory_of, processes)) > memory else ""


def children_files(process: int) -> list[str]:
    try:
        return [f"/proc/{process}/task/{thread}/children" for thread in os.listdir(f"/proc/{process}/task")]
    except OSError:
        return []  # it has ended


def memory_of(process: int) -> int:
    """Bytes that it holds; what it shares with others counts in part."""
    for line in read(f"/proc/{process}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return int((read(f"/proc/{process}/statm") or b"0 0").split()[1]) * resource.getpagesize()


def read(path: str) -> bytes:
    """The content of a file in /proc; nothing where its process has ended."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def shut(folder: str, memory: int, walls: set[str]) -> set[str]:
    """Closes the box around this process; returns the names of the walls that the kernel gave."""
    linux = sys.platform == "linux"
    standing = walls & NAMESPACES.keys()
    if "mounts" in walls and succeeds(mount_read_only, folder):
        standing.add("mounts")
    os.chdir(folder)
    if linux and libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        if "landlock" in walls and succeeds(restrict_files, folder):
            standing.add("landlock")
        if "system_calls" in walls and succeeds(filter_system_calls):
            standing.add("system_calls")
    if linux:
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: FILE_SIZE,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    if standing & NAMESPACES.keys():  # in a user namespace only the model's own processes count; root's never do
        limits[resource.RLIMIT_NPROC] = PROCESSES
    for limit, value in limits.items():
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
    return standing


def enter_namespaces(walls: set[str]) -> None:
    """A user namespace of its own, and those of the walls; the processes started from here on are in them."""
    user, group = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWUSER | sum(flag for wall, flag in NAMESPACES.items() if wall in walls)))
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def mount_read_only(folder: str) -> None:
    """Everything becomes read-only, permissions of files included, but for an empty file system in `folder`."""
    check(libc.unshare(CLONE_NEWNS))
    options = f"size={FILE_SIZE},mode=700".encode()
    check(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(MS_NOSUID_NODEV_NOEXEC), options))
    # Shows only the model's own processes; some containers don't allow it, and the other walls don't need it.
    libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(MS_NOSUID_NODEV_NOEXEC), None)
    set_mount_attributes(b"/", AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0)
    set_mount_attributes(os.fsencode(folder), 0, 0, MOUNT_ATTR_RDONLY)


def set_mount_attributes(path: bytes, flags: int, wanted: int, unwanted: int) -> None:
    attributes = struct.pack("=QQQQ", wanted, unwanted, 0, 0)
    check(libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path, flags, attributes, ctypes.c_size_t(len(attributes))))


def restrict_files(folder: str) -> None:
    """Landlock: files can be written, made and removed in `folder` only; no TCP and no signals out, where it can."""
    abi = check(libc.syscall(SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1))
    write_file, truncate = 1 << 1, 1 << 14 if abi >= 3 else 0
    handled = write_file | truncate | sum(1 << bit for bit in range(4, 13))  # 4 to 12: remove and make
    handled |= (1 << 13 if abi >= 2 else 0) | (1 << 15 if abi >= 5 else 0)  # rename across folders, ioctl of devices
    attributes = struct.pack("=QQQ", handled, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    attributes = attributes[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    rules = check(libc.syscall(SYS_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    for path, allowed in ((folder, handled), (os.devnull, write_file | truncate)):
        place = os.open(path, os.O_PATH)
        check(libc.syscall(SYS_LANDLOCK_ADD_RULE, rules, 1, struct.pack("=Qi", allowed, place), 0))
        os.close(place)
    check(libc.syscall(SYS_LANDLOCK_RESTRICT_SELF, rules, 0))
    os.close(rules)


def filter_system_calls() -> None:
    """A seccomp filter: no socket of any kind, TCP, UDP or Unix, no keys, no shared memory, no new namespace."""
    architecture, place = ARCHITECTURES[os.uname().machine]
    load, equal, above, has_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, denied, unknown = 0x7FFF0000, 0x00050000 | 13, 0x00050000 | 38  # 13 is EACCES, 38 is ENOSYS
    tests = [(equal, numbers[place], denied) for numbers in SOCKET_CALLS.values()]
    tests += [(equal, numbers[place], unknown) for numbers in OTHER_CALLS.values()]
    tests.append((above, 0x40000000, unknown))  # x86-64's second set of numbers
    program = [
        (load, 0, 0, 4),  # the architecture of this call
        (equal, 1, 0, architecture),
        (give, 0, 0, unknown),
        (load, 0, 0, 0),  # its number
    ]
    for test, number, answer in tests:
        program += [(test, 0, 1, number), (give, 0, 0, answer)]
    program += [
        (equal, 0, 3, SYS_CLONE[place]),
        (load, 0, 0, 16),  # its flags
        (has_bit, 0, 1, NEW_NAMESPACES),
        (give, 0, 0, denied),
        (give, 0, 0, allow),
    ]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    filter_program = struct.pack("@HP", len(program), ctypes.addressof(instructions))
    check(libc.prctl(PR_SET_SECCOMP, 2, filter_program, 0, 0))


def check(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def succeeds(action: Callable[..., None], *arguments: object) -> bool:
    try:
        action(*arguments)
    except (OSError, AttributeError, KeyError):  # the kernel, the C library or the architecture doesn't offer it
        return False
    return True


def offered(action: Callable[..., None], *arguments: object) -> bool:
    """Whether the action succeeds, tried in a child, because half of it could not be taken back."""
    child = os.fork()
    if child == 0:
        os._exit(0 if succeeds(action, *arguments) else 1)
    return os.waitpid(child, 0)[1] == 0


def leave_pipes() -> None:
    """Lets go of the worker's pipes, so that the parent sees their end when the worker ends."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def remove(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        import shutil  # only where the folder is not a file system of its own: it takes a while to import

        shutil.rmtree(folder, ignore_errors=True)


def die_like(status: int) -> None:
    """Ends as the worker did, by the same signal or with the same exit status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main()
