"""Uploads on their way from a client to a case.

Each upload has three files in one folder: its bytes, the protocol library's notes, and our own record that says whose
it is. When all bytes are there they move into the object store under ``<site>/uploads/<id>/``; the record then holds
the stored object until a case takes it or the upload expires. What a file was called is never kept.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import uuid4

from gateway.auth import Identity
from gateway.uploads.sniff import HEAD_BYTES, sniff
from schemas.errors import (
    InvalidRequestError,
    NotFoundError,
    StateConflictError,
    StorageFullError,
    UnsupportedMediaError,
)
from schemas.recording import ObjectRef
from services.runtime.objects import ObjectStore

_UID = re.compile(r"[0-9a-f]{32}")
_RESERVE_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Upload:
    """What we remember of one upload."""

    id: str
    """32 hex digits."""
    site_id: str
    """Site of who sends it."""
    actor: str
    """Who sends it; nobody else may see it."""
    size_bytes: int
    """Declared length, bytes."""
    sha256: str = ""
    """Digest that the client declared, if it did; checked on completion."""
    object: ObjectRef | None = None
    """Where it lies once complete."""
    discarded: bool = False
    """Nobody wants it any more; its object waits to be given to cases, which knows whether a case has it."""


class Shelf:
    """All uploads of this gateway."""

    def __init__(self, folder: Path, store: ObjectStore, expiry_s: float) -> None:
        self.folder = folder
        self._store = store
        self._expiry_s = expiry_s
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def data_path(self, uid: str) -> Path:
        """Where an unfinished upload's bytes lie. Raises `NotFoundError` for a malformed id."""
        if not _UID.fullmatch(uid):
            raise NotFoundError("There is no such upload.")
        return self.folder / uid

    def open(self, owner: Identity, size_bytes: int, sha256: str = "") -> Upload:
        """A new, empty upload. Raises `StorageFullError` when the disk cannot take that much."""
        free = shutil.disk_usage(self.folder).free
        if free < size_bytes + _RESERVE_BYTES:
            raise StorageFullError(f"There is no room for {size_bytes} bytes right now: {free} are free.")
        upload = Upload(uuid4().hex, owner.site_id, owner.actor, size_bytes, sha256)
        self.write(upload)
        return upload

    def find(self, owner: Identity, uid: str) -> Upload:
        """One of the caller's uploads; `NotFoundError` for everybody else's."""
        upload = self.read(uid)
        if upload is None or upload.discarded or (upload.site_id, upload.actor) != (owner.site_id, owner.actor):
            raise NotFoundError("There is no such upload.")
        return upload

    def received_bytes(self, upload: Upload) -> int:
        """How much has arrived: the file's length is the truth, also after a crash."""
        if upload.object:
            return upload.size_bytes
        path = self.data_path(upload.id)
        return path.stat().st_size if path.exists() else 0

    async def complete(self, uid: str) -> Upload:
        """Checks a fully received upload and moves it into the object store; doing it again changes nothing.

        Raises `StateConflictError` while bytes are missing, and `InvalidRequestError` or `UnsupportedMediaError` for
        content that cannot be taken; such an upload is deleted at once.
        """
        async with self._locks[uid]:
            upload = self.read(uid)
            if upload is None or upload.discarded:
                raise NotFoundError("There is no such upload.")
            return upload if upload.object else await asyncio.to_thread(self._store_it, upload)

    def _store_it(self, upload: Upload) -> Upload:
        path = self.data_path(upload.id)
        received = self.received_bytes(upload)
        if received != upload.size_bytes:
            raise StateConflictError(f"The upload is not complete: {received} of {upload.size_bytes} bytes are here.")
        try:
            with path.open("rb") as file:
                media_type = sniff(file.read(HEAD_BYTES))
        except (InvalidRequestError, UnsupportedMediaError):
            self.forget(upload.id)
            raise
        uri = self._store.join("", upload.site_id, "uploads", upload.id, "source")
        stored = self._store.put_file(path, uri, media_type)
        if upload.sha256 and upload.sha256 != stored.sha256:
            self._store.delete(uri)
            self.forget(upload.id)
            raise InvalidRequestError("The upload's SHA-256 differs from the one declared for it; send it again.")
        done = replace(upload, object=stored)
        self.write(done)
        path.unlink()
        return done

    def remove(self, upload: Upload) -> None:
        """Deletes an upload. A stored object stays until it was given away: only cases knows whether a case has it."""
        if upload.object is None:
            self.forget(upload.id)
        else:
            self.write(replace(upload, discarded=True))

    def discarded(self) -> list[Upload]:
        """Removed uploads whose objects were not given away yet; `forget` them afterwards."""
        records = (self.read(path.stem) for path in sorted(self.folder.glob("*.record")))
        return [upload for upload in records if upload and upload.discarded]

    def sweep(self, now_s: float | None = None) -> int:
        """Removes uploads on which nothing happened for the expiry time; gives how many. `now_s` is a Unix time."""
        before = (time.time() if now_s is None else now_s) - self._expiry_s
        removed = 0
        for uid in sorted({path.name.split(".")[0] for path in self.folder.iterdir() if path.is_file()}):
            touched = [path.stat().st_mtime for path in self._files(uid) if path.exists()]
            if _UID.fullmatch(uid) and touched and max(touched) < before:
                upload = self.read(uid)
                if upload:
                    self.remove(upload)
                else:
                    self.forget(uid)
                removed += 1
        return removed

    def forget(self, uid: str) -> None:
        """Deletes what lies in the folder under this id."""
        for path in self._files(uid):
            path.unlink(missing_ok=True)

    def read(self, uid: str) -> Upload | None:
        """The record under an id, whoever it belongs to."""
        path = self._record_path(uid)
        if not path.exists():
            return None
        plain = json.loads(path.read_text(encoding="utf-8"))
        plain["object"] = ObjectRef(**plain["object"]) if plain["object"] else None
        known = Upload.__dataclass_fields__  # a record of another version may hold more
        return Upload(**{name: value for name, value in plain.items() if name in known})

    def write(self, upload: Upload) -> None:
        """Keeps a record; whole or not at all."""
        path = self._record_path(upload.id)
        draft = path.with_suffix(".record-draft")
        draft.write_text(json.dumps(asdict(upload)), encoding="utf-8")
        draft.replace(path)

    def _record_path(self, uid: str) -> Path:
        return self.data_path(uid).with_suffix(".record")

    def _files(self, uid: str) -> tuple[Path, ...]:
        return tuple(
            self.folder / f"{uid}{suffix}"
            for suffix in ("", ".info", ".record", ".info-draft", ".record-draft", ".lock")
        )
