"""A small TCP proxy that can stall, cut and refuse: black holes for fault tests."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class Proxy:
    """Forwards connections to a target until told otherwise. Use as a context manager.

    ``stall()`` keeps connections open and swallows everything; ``cut()`` closes them; ``refuse()`` also closes the
    door to new ones; ``heal()`` forwards new connections again.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stalled = threading.Event()
        self._closed = threading.Event()
        self._refusing = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.connections = 0
        """Connections taken so far."""
        self.bytes_from_client = 0
        """Bytes that clients have sent so far."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stall(self) -> None:
        self._stalled.set()

    def heal(self) -> None:
        self._refusing.clear()
        self._stalled.clear()

    def refuse(self) -> None:
        self._refusing.set()
        self.cut()

    def cut(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._refusing.is_set():
                client.close()
                continue
            with self._lock:
                self._sockets.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        with self._lock:
            self._sockets.add(server)
        threading.Thread(target=self._pump, args=(server, client), kwargs={"from_client": False}, daemon=True).start()
        self._pump(client, server, from_client=True)

    def _pump(self, source: socket.socket, sink: socket.socket, *, from_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if from_client:
                    self.bytes_from_client += len(data)
                if not self._stalled.is_set():
                    sink.sendall(data)
        if not self._stalled.is_set():  # a black hole does not pass on that somebody has left either
            for each in (source, sink):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
