"""Puts a worker into its box and watches over it; run as a script by this project's own Python, once per worker.

The limits are set here and inherited through `exec`, so that the oldest interpreter is held by them. A process of its
own sets them, because Python code between fork and exec is not safe in a parent with threads, as dbt and DuckDB have.

    the build ──▶ this launcher ──▶ the worker          ends with the launcher (PR_SET_PDEATHSIG)
        socket: closed when the     ──▶ init            first process of the PID namespace: when it ends,
        build ends, however it ends                     all that the model has started ends with it

    launcher.py SOCKET FOLDER MEMORY COMMAND…           the environment is the command's

It imports little, because every build waits for it.
"""

import ctypes
import os
import resource
import select
import signal
import struct
import sys

FILE_SIZE = 256 * 2**20  # bytes, of one file and of the temporary folder
OPEN_FILES = 1024

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 1 << 17, 1 << 27, 1 << 28, 1 << 29, 1 << 30
MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = -100, 0x8000, 1
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
# These numbers are the same on every architecture.
SYS_IO_URING_SETUP, SYS_MOUNT_SETATTR = 425, 442
SYS_LANDLOCK_CREATE_RULESET, SYS_LANDLOCK_ADD_RULE, SYS_LANDLOCK_RESTRICT_SELF = 444, 445, 446
# AUDIT_ARCH_… and the number of socket(2)
ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}

libc = ctypes.CDLL(None, use_errno=True)


def main():
    parent, temporary, memory, *command = sys.argv[1:]
    parent = int(parent)
    os.set_inheritable(parent, False)
    folder = os.path.join(temporary, f"predictor-{os.urandom(8).hex()}")
    os.mkdir(folder, 0o700)
    try:
        status = run(command, int(memory), folder, parent)
    finally:
        remove(folder)
    die_like(status)


def run(command, memory, folder, parent):
    """Starts the worker, and returns its exit status when it has ended or the parent has."""
    child_ended, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    alive, hold = os.pipe()  # `hold` is open for as long as this process lives

    namespaces = offered(enter_namespaces)
    if namespaces:
        enter_namespaces()

    def end_with_launcher():
        os.close(hold)
        if sys.platform == "linux":
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if select.select([alive], [], [], 0)[0]:  # the launcher ended before the line above
            os._exit(1)

    init = namespaces and os.fork()
    if namespaces and init == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody else collects what the model leaves behind
        end_with_launcher()
        os.close(parent)
        leave_pipes()
        while True:
            signal.pause()

    worker = os.fork()
    if worker == 0:
        try:
            end_with_launcher()
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.write(parent, " ".join(shut(folder, memory, namespaces)).encode() + b"\n")
            os.execv(command[0], command)
        except Exception as problem:
            os.write(2, f"the worker can't be started: {problem}\n".encode(errors="replace"))
        finally:
            os._exit(127)  # it must not go on as a second launcher

    leave_pipes()
    status = wait(worker, child_ended, parent)
    if init:
        os.kill(init, signal.SIGKILL)
        os.waitpid(init, 0)
    else:
        try:  # noqa: SIM105 - contextlib takes longer to import than all else here
            os.killpg(worker, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # it has left nothing behind
    return status


def wait(worker, child_ended, parent):
    while True:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid:
            return status
        ready, _, _ = select.select([child_ended, parent], [], [])
        if parent in ready:
            os.kill(worker, signal.SIGKILL)
            return os.waitpid(worker, 0)[1]
        os.read(child_ended, 1024)


def shut(folder, memory, namespaces):
    """Closes the box around this process; returns the names of the walls that the kernel gave."""
    linux = sys.platform == "linux"
    read_only_mounts = namespaces and succeeds(mount_read_only, folder)
    os.chdir(folder)
    no_privileges = linux and libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    walls = {
        "namespaces": namespaces,
        "read_only_mounts": read_only_mounts,
        "landlock": no_privileges and succeeds(restrict_files, folder),
        "no_sockets": no_privileges and succeeds(forbid_sockets),
    }
    if linux:
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
    return [name for name, given in walls.items() if given]


def enter_namespaces():
    """User, process, network and IPC namespaces of its own; the processes started from here on are in them."""
    user, group = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC))
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def mount_read_only(folder):
    """Everything becomes read-only, permissions of files included, but for an empty file system in `folder`."""
    check(libc.unshare(CLONE_NEWNS))
    options = f"size={FILE_SIZE},mode=700".encode()
    check(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(MS_NOSUID_NODEV_NOEXEC), options))
    # Shows only the model's own processes; some containers don't allow it, and the other walls don't need it.
    libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(MS_NOSUID_NODEV_NOEXEC), None)
    set_mount_attributes(b"/", AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0)
    set_mount_attributes(os.fsencode(folder), 0, 0, MOUNT_ATTR_RDONLY)


def set_mount_attributes(path, flags, wanted, unwanted):
    attributes = struct.pack("=QQQQ", wanted, unwanted, 0, 0)
    check(libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path, flags, attributes, ctypes.c_size_t(len(attributes))))


def restrict_files(folder):
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


def forbid_sockets():
    """A seccomp filter: socket(2) says "permission denied", also for UDP and Unix sockets, which pass Landlock."""
    architecture, sys_socket = ARCHITECTURES[os.uname().machine]
    load, equal, above, give = 0x20, 0x15, 0x35, 0x06
    allow, denied, unknown = 0x7FFF0000, 0x00050000 | 13, 0x00050000 | 38  # 13 is EACCES, 38 is ENOSYS
    program = [
        (load, 0, 0, 4),  # the architecture of this call
        (equal, 1, 0, architecture),
        (give, 0, 0, unknown),
        (load, 0, 0, 0),  # its number
        (above, 3, 0, 0x40000000),  # x86-64's second set of numbers
        (equal, 2, 0, SYS_IO_URING_SETUP),  # would open sockets past this filter
        (equal, 2, 0, sys_socket),
        (give, 0, 0, allow),
        (give, 0, 0, unknown),
        (give, 0, 0, denied),
    ]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    filter_program = struct.pack("@HP", len(program), ctypes.addressof(instructions))
    check(libc.prctl(PR_SET_SECCOMP, 2, filter_program, 0, 0))


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def succeeds(action, *arguments):
    try:
        action(*arguments)
    except (OSError, AttributeError, KeyError):  # the kernel, the C library or the architecture doesn't offer it
        return False
    return True


def offered(action):
    """Whether the action succeeds, tried in a child, because half of it could not be taken back."""
    child = os.fork()
    if child == 0:
        os._exit(0 if succeeds(action) else 1)
    return os.waitpid(child, 0)[1] == 0


def leave_pipes():
    """Lets go of the worker's pipes, so that the parent sees their end when the worker ends."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def remove(folder):
    try:
        os.rmdir(folder)
    except OSError:
        import shutil  # only where the folder is not a file system of its own: it takes a while to import

        shutil.rmtree(folder, ignore_errors=True)


def die_like(status):
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
