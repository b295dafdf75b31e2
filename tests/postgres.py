"""A Postgres of the tests' own, on a free loopback port."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

PASSWORD = "s3cr3t-Passw0rd"


class Postgres:
    """A server; `query` runs as its superuser."""

    def __init__(self, binaries: Path, folder: Path):
        self.binaries, self.folder = binaries, folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._run("initdb", "--auth=scram-sha-256", "--username=owner", "--encoding=UTF8", "--locale=C.UTF-8",
                  "--pwfile", str(self._file("password", PASSWORD)))  # fmt: skip
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "--wait", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        self._run("pg_ctl", "--wait", "--mode=immediate", "stop")

    def kill(self) -> None:
        """As when the machine falls: the server and all its processes at once."""
        postmaster = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True)
        pids = (postmaster, *map(int, children.stdout.split()))
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(_is_running(pid) for pid in pids):
            time.sleep(0.01)
        (self.folder / "data" / "postmaster.pid").unlink()  # a killed process that nobody waits for keeps its number

    def address(self, user: str = "owner", database: str = "postgres", password: str = "") -> str:
        return f"postgresql://{user}{':' if password else ''}{password}@127.0.0.1:{self.port}/{database}"

    def connect(self, autocommit: bool = False) -> Connection:
        from adbc_driver_postgresql import dbapi

        return dbapi.connect(self.address(password=PASSWORD), autocommit=autocommit)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connect(autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.query(statement)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        if os.getuid() == 0:  # Postgres does not run as root
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        environment = os.environ | {"PGDATA": str(self.folder / "data")}
        ended = subprocess.run(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert ended.returncode == 0, ended.stdout.decode()

    def _file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path


def _is_running(pid: int) -> bool:
    """Also false of a process that has ended and that its parent has not waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    found = [
        Path(p).parent
        for p in [shutil.which("initdb"), *map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
        if p
    ]
    if not found and not os.environ.get("CI"):
        pytest.skip("no Postgres server is on this machine (apt-get install postgresql)")
    # Not below pytest's own folder, which only its user may enter.
    with tempfile.TemporaryDirectory(prefix="clv-postgres-", ignore_cleanup_errors=True) as folder:
        if os.getuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        server = Postgres(found[0], Path(folder))
        server.run("create database latin encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'")
        yield server
        server.stop()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Postgres]:
    """The server with nothing in it but two users: `writer`, who may make schemas, and `reader`."""
    postgres.run(
        f"create role writer login password '{PASSWORD}'",
        f"create role reader login password '{PASSWORD}'",
        "grant create on database postgres to writer",
    )
    yield postgres
    schemas = postgres.query(
        "select nspname::text from pg_namespace where nspname !~ '^(pg_|information_schema|public$)'"
    )
    postgres.run(
        *(f'drop schema "{schema}" cascade' for (schema,) in schemas),
        "drop owned by writer, reader",
        "drop role writer, reader",
    )
