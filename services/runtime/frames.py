"""Length-prefixed frames between a process and its computing children."""

from __future__ import annotations

import asyncio
import socket
import struct

_LENGTH = struct.Struct(">I")
LARGEST_BYTES = 256 * 2**20
"""A longer frame is refused: a child that reads untrusted files may be made to send anything."""


def send(sock: socket.socket, data: bytes) -> None:
    """Send one frame, blocking."""
    sock.sendall(_LENGTH.pack(len(data)) + data)


def receive(sock: socket.socket) -> bytes | None:
    """The next frame, blocking; None at the end of the stream."""
    head = _exactly(sock, _LENGTH.size)
    return None if head is None else _exactly(sock, _LENGTH.unpack(head)[0])


async def send_aio(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send one frame without blocking the loop."""
    writer.write(_LENGTH.pack(len(data)) + data)
    await writer.drain()


async def receive_aio(reader: asyncio.StreamReader) -> bytes | None:
    """The next frame; None at the end of the stream, also when it ends within a frame. ValueError if too long."""
    try:
        length = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))[0]
        if length > LARGEST_BYTES:
            raise ValueError(f"a frame of {length} bytes; {LARGEST_BYTES} is the most")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _exactly(sock: socket.socket, length: int) -> bytes | None:
    data = bytearray()
    while len(data) < length:
        part = sock.recv(min(length - len(data), 1 << 20))
        if not part:
            return None
        data += part
    return bytes(data)
