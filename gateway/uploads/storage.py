"""The disk behind the upload protocol library.

Differs from the library's own disk storage where that would lose or leak: the length of the file is the offset (a kill
in the middle of a request leaves no offset that lies), bytes are written through as they come (nothing is gathered in
memory), file names are dropped, a full disk is told to the client, and waiting for a lock blocks nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

from tuspyserver.storage import TusStorage

from gateway.problems import HttpError, http_error
from gateway.uploads.shelf import Shelf
from schemas.errors import StorageFullError

_BUFFER_BYTES = 1024**2
_LOCK_WAIT_S = 3.0
_LOCK_POLL_S = 0.05
_NO_NAMES = {"filename": "video", "filetype": "application/octet-stream"}


class DiskStorage(TusStorage):
    """Keeps uploads in the shelf's folder."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._open: dict[str, tuple[IO[bytes], bytearray]] = {}

    async def create(self, uid: str) -> None:
        await asyncio.to_thread(self._shelf.data_path(uid).touch, 0o600)

    async def exists(self, uid: str) -> bool:
        return await asyncio.to_thread(self._info_path(uid).exists)

    async def size(self, uid: str) -> int:
        upload = await asyncio.to_thread(self._shelf.read, uid)
        return await asyncio.to_thread(self._shelf.received_bytes, upload) if upload else 0

    async def append(self, uid: str, chunk: bytes) -> None:
        file, buffer = self._open[uid]
        buffer += chunk
        if len(buffer) >= _BUFFER_BYTES:
            await self._write_out(file, buffer)

    async def flush(self, uid: str) -> None:
        file, buffer = self._open[uid]
        await self._write_out(file, buffer)
        await asyncio.to_thread(os.fsync, file.fileno())

    async def finalize(self, uid: str) -> None:
        """Nothing to seal: the file is complete; the completion hook moves it on."""

    async def read(self, uid: str) -> bytes | None:
        """Not offered: a video is never read into memory as a whole."""
        raise NotImplementedError(f"upload {uid} is not read as a whole")

    async def delete(self, uid: str) -> None:
        upload = await asyncio.to_thread(self._shelf.read, uid)
        if upload:
            await asyncio.to_thread(self._shelf.remove, upload)

    async def read_info(self, uid: str) -> dict[str, Any] | None:
        path = self._info_path(uid)
        if not path.exists():
            return None
        info: dict[str, Any] = json.loads(await asyncio.to_thread(path.read_text, encoding="utf-8"))
        info["offset"] = await self.size(uid)
        return info

    async def write_info(self, uid: str, data: dict[str, Any]) -> None:
        path = self._info_path(uid)
        draft = path.with_suffix(".info-draft")
        kept = {**data, "metadata": _NO_NAMES, "error": None}
        await asyncio.to_thread(draft.write_text, json.dumps(kept, default=str), encoding="utf-8")
        await asyncio.to_thread(draft.replace, path)

    async def list_uids(self) -> list[str]:
        return sorted(path.stem for path in self._shelf.folder.glob("*.info"))

    def location(self, uid: str) -> str:
        return str(self._shelf.data_path(uid))

    @contextlib.asynccontextmanager
    async def lock(self, uid: str) -> AsyncIterator[None]:  # type: ignore[override] # declared wrongly there
        """One writer per upload, across all replicas that share the folder. Raises 423 when it is taken."""
        with self._shelf.data_path(uid).with_suffix(".lock").open("ab") as guard:
            await _take(guard)
            file = await asyncio.to_thread(self._shelf.data_path(uid).open, "ab", buffering=0)
            self._open[uid] = (file, bytearray())
            try:
                yield
            finally:
                del self._open[uid]
                file.close()

    async def _write_out(self, file: IO[bytes], buffer: bytearray) -> None:
        try:
            await asyncio.to_thread(_write_all, file, bytes(buffer))
        except OSError as exc:
            if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise http_error(StorageFullError()) from exc
            raise
        buffer.clear()

    def _info_path(self, uid: str) -> Path:
        return self._shelf.data_path(uid).with_suffix(".info")


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


async def _take(guard: IO[bytes]) -> None:
    """Waits for the lock without blocking the event loop. flock also keeps apart two holders in one process."""
    for _ in range(round(_LOCK_WAIT_S / _LOCK_POLL_S)):
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(_LOCK_POLL_S)
        else:
            return
    raise HttpError(423, "busy", "Another request is writing to this upload; ask for its offset and go on from there.")
