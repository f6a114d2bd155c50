"""The object store: content that travels between services as `ObjectRef`, over fsspec.

A local folder (``file://``) is the default and has its own fast path: written to a temporary file in the target's
folder, hashed meanwhile, synced to disk and renamed, so that an object is there completely or not at all. Everything
else (``s3://bucket/prefix``) goes through fsspec, whose uploads appear only when complete; the driver is imported only
when such a root is used.

Keys are made of plain segments (`join`), so an address never needs quoting and can never leave the root.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from schemas.errors import (
    AlreadyExistsError,
    InvalidRequestError,
    ObjectMissingError,
    ResourceLimitError,
    StorageFullError,
    UnavailableError,
)
from schemas.recording import ObjectRef
from services.runtime.settings import RuntimeSettings

CHUNK_BYTES = 1 << 20
REMOTE_CHUNK_BYTES = 8 << 20
"""Bytes per request to a remote store; what is held in memory is a few of these."""
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=@+-]{0,199}")
_TEMPORARY_PREFIX = ".part-"


class ObjectStore:
    """Objects under one root. Thread-safe; every call blocks, so an event loop calls it through a thread."""

    def __init__(self, root_uri: str, *, verify: Literal["sha256", "size"] = "sha256", scratch_dir: str = "") -> None:
        parts = urlsplit(root_uri)
        if not parts.scheme or (parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/"))):
            raise InvalidRequestError(f"'{root_uri}' is no object store; give file:///absolute/folder or s3://bucket")
        self._verify = verify
        self._scratch_dir = scratch_dir or None
        self._folder: Path | None = None
        self._filesystem: Any = None
        self._remote_root = ""
        if parts.scheme == "file":
            self._folder = Path(os.path.normpath(unquote(parts.path)))
            self.root = self._folder.as_uri()
        else:
            self.root = root_uri.rstrip("/")

    @classmethod
    def from_settings(cls, settings: RuntimeSettings | None = None) -> ObjectStore:
        """The store that this process is configured for."""
        settings = settings or RuntimeSettings.load()
        return cls(settings.object_store, verify=settings.object_verify, scratch_dir=settings.scratch_dir)

    def join(self, prefix: str, *parts: str) -> str:
        """Address under ``prefix`` (itself under the root; empty means the root) with further plain segments."""
        for part in parts:
            for segment in part.split("/"):
                if not _SEGMENT.fullmatch(segment):
                    raise InvalidRequestError(
                        f"'{segment}' cannot be part of an object's address; only letters, digits and . _ = @ + - can"
                    )
        base = (prefix or self.root).rstrip("/")
        if base != self.root:
            self._key(base)
        return "/".join((base, *parts))

    def put_file(self, path: str | Path, uri: str, media_type: str, *, replace: bool = True) -> ObjectRef:
        """Store a copy of a local file. `StorageFullError` without space; see `put_stream`."""
        with Path(path).open("rb") as source:
            chunks = iter(lambda: source.read(CHUNK_BYTES), b"")
            if self._folder is not None:
                return self.put_stream(chunks, uri, media_type, replace=replace)
            self._key(uri)
            hashed = _drain(chunks)
        with _storage_errors(uri):
            self._upload(Path(path), uri, replace=replace)
        return ObjectRef(uri=uri, sha256=hashed.sha256, size_bytes=hashed.size_bytes, media_type=media_type)

    def put_bytes(self, data: bytes, uri: str, media_type: str, *, replace: bool = True) -> ObjectRef:
        """Store bytes; see `put_stream`."""
        return self.put_stream((data,), uri, media_type, replace=replace)

    def put_stream(self, chunks: Iterable[bytes], uri: str, media_type: str, *, replace: bool = True) -> ObjectRef:
        """Store chunks as one object, which appears at once and whole, and only when all of it was written.

        With ``replace=False`` an object that is already there stays and `AlreadyExistsError` is raised.
        """
        key = self._key(uri)
        hashed = _Hashed(chunks)
        with _storage_errors(uri):
            if self._folder is not None:
                self._write_local(self._folder / key, hashed, replace=replace)
            else:
                self._write_remote(uri, hashed, replace=replace)
        return ObjectRef(uri=uri, sha256=hashed.sha256, size_bytes=hashed.size_bytes, media_type=media_type)

    @contextlib.contextmanager
    def local(self, ref: ObjectRef) -> Iterator[Path]:
        """A verified local file with the object's content: the object itself for ``file://``, else a temporary copy.

        Read-only by agreement. `ObjectMissingError` when it is gone or does not match its length or digest.
        """
        if self._folder is not None:
            path = self._existing(ref)
            if self._verify == "sha256":
                with _storage_errors(ref.uri), path.open("rb") as source:
                    self._check_digest(ref, _drain(iter(lambda: source.read(CHUNK_BYTES), b"")))
            yield path
            return
        with tempfile.NamedTemporaryFile(prefix="object-", dir=self._scratch_dir) as copy:
            with _storage_errors(ref.uri):
                self._key(ref.uri)
                self._remote().get_file(ref.uri, copy.name)
                with Path(copy.name).open("rb") as content:
                    hashed = _drain(iter(lambda: content.read(CHUNK_BYTES), b""))
            self._check_digest(ref, hashed)
            yield Path(copy.name)

    def read_bytes(self, ref: ObjectRef) -> bytes:
        """The whole content, verified by digest; for small objects."""
        with _storage_errors(ref.uri):
            hashed = _Hashed(self._chunks(ref, 0, ref.size_bytes))
            data = b"".join(hashed)
        self._check_digest(ref, hashed)
        return data

    def read_range(self, ref: ObjectRef, start: int, end: int) -> Iterator[bytes]:
        """Bytes ``start`` up to but not including ``end``, in chunks; checked by length only."""
        if not 0 <= start <= end <= ref.size_bytes:
            raise InvalidRequestError(f"bytes {start}-{end} are outside the object's {ref.size_bytes} bytes")
        return self._guarded(ref, start, end)

    def remove_leftovers(self, older_than_s: float) -> int:
        """Remove what killed writers left half written so long ago, and say how much it was.

        Only local stores have such leftovers; of an S3 bucket, unfinished uploads are removed by its life-cycle rule.
        """
        if self._folder is None:
            return 0
        before, removed = time.time() - older_than_s, 0
        with _storage_errors(self.root):
            for path in self._folder.rglob(f"{_TEMPORARY_PREFIX}*"):
                with contextlib.suppress(FileNotFoundError):  # its writer has just finished
                    if path.stat().st_mtime <= before:
                        path.unlink()
                        removed += 1
        return removed

    def under(self, prefix: str) -> list[str]:
        """Addresses of all objects under a prefix, at any depth, in order; half-written ones are none."""
        key = self._key(prefix)
        with _storage_errors(prefix):
            if self._folder is not None:
                files = (path for path in (self._folder / key).rglob("*") if path.is_file())
                found = [path.relative_to(self._folder).as_posix() for path in files]
            else:
                filesystem = self._remote()
                filesystem.invalidate_cache()
                found = [path.removeprefix(f"{self._remote_root}/") for path in filesystem.find(prefix)]
        plain = (one for one in found if all(_SEGMENT.fullmatch(segment) for segment in one.split("/")))
        return sorted(f"{self.root}/{one}" for one in plain)

    def exists(self, uri: str) -> bool:
        """Whether an object is there."""
        key = self._key(uri)
        with _storage_errors(uri):
            return (self._folder / key).is_file() if self._folder is not None else bool(self._remote().exists(uri))

    def delete(self, uri: str) -> None:
        """Remove an object; one that is not there is no error."""
        key = self._key(uri)
        with _storage_errors(uri):
            if self._folder is not None:
                (self._folder / key).unlink(missing_ok=True)
            else:
                with contextlib.suppress(FileNotFoundError):
                    self._remote().rm_file(uri)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _key(self, uri: str) -> str:
        """The part of an address under the root; refuses every address that is not plainly under it."""
        key = uri.removeprefix(self.root + "/")
        if key == uri or not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
            raise InvalidRequestError(f"the address {uri} is not under this store's root {self.root}")
        if self._folder is not None:
            root = os.path.realpath(self._folder)
            if os.path.commonpath((root, os.path.realpath(self._folder / key))) != root:
                raise InvalidRequestError(f"the address {uri} leads out of this store's root {self.root}")
        return key

    def _remote(self) -> Any:
        if self._filesystem is None:
            import fsspec

            self._filesystem, self._remote_root = fsspec.core.url_to_fs(self.root)
        return self._filesystem

    def _existing(self, ref: ObjectRef) -> Path:
        assert self._folder is not None
        path = self._folder / self._key(ref.uri)
        with _storage_errors(ref.uri):
            size = path.stat().st_size
        self._check_size(ref, size)
        return path

    def _chunks(self, ref: ObjectRef, start: int, end: int) -> Iterator[bytes]:
        if self._folder is None:
            yield from self._remote_chunks(ref, start, end)
            return
        with self._existing(ref).open("rb") as source:
            source.seek(start)
            left = end - start
            while left > 0:
                chunk = source.read(min(CHUNK_BYTES, left))
                if not chunk:
                    raise ObjectMissingError(f"the object {ref.uri} ended {left} bytes too early")
                left -= len(chunk)
                yield chunk

    def _remote_chunks(self, ref: ObjectRef, start: int, end: int) -> Iterator[bytes]:
        self._key(ref.uri)
        filesystem = self._remote()
        filesystem.invalidate_cache()  # of folder listings: another process may have replaced the object
        self._check_size(ref, int(filesystem.size(ref.uri) or 0))
        for at in range(start, end, REMOTE_CHUNK_BYTES):
            yield filesystem.cat_file(ref.uri, start=at, end=min(at + REMOTE_CHUNK_BYTES, end))

    def _guarded(self, ref: ObjectRef, start: int, end: int) -> Iterator[bytes]:
        with _storage_errors(ref.uri):
            yield from self._chunks(ref, start, end)

    def _write_local(self, target: Path, chunks: Iterable[bytes], *, replace: bool) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f"{_TEMPORARY_PREFIX}{uuid.uuid4().hex}"
        try:
            with temporary.open("xb") as sink:
                for chunk in chunks:
                    sink.write(chunk)
                sink.flush()
                os.fsync(sink.fileno())
            if replace:
                temporary.replace(target)
            else:
                os.link(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)

    def _write_remote(self, uri: str, chunks: Iterable[bytes], *, replace: bool) -> None:
        # Through a local copy, so that a source that breaks off half-way leaves nothing behind.
        with tempfile.NamedTemporaryFile(prefix="upload-", dir=self._scratch_dir) as spool:
            for chunk in chunks:
                spool.write(chunk)
            spool.flush()
            self._upload(Path(spool.name), uri, replace=replace)

    def _upload(self, path: Path, uri: str, *, replace: bool) -> None:
        """Send a file; with S3, "create" is a conditional request, so that one of two racing writers is refused."""
        filesystem = self._remote()
        options = {"chunksize": REMOTE_CHUNK_BYTES, "max_concurrency": 4} if self.root.startswith("s3:") else {}
        filesystem.put_file(str(path), uri, mode="overwrite" if replace else "create", **options)

    def _check_size(self, ref: ObjectRef, size: int) -> None:
        if size != ref.size_bytes:
            raise ObjectMissingError(f"the object {ref.uri} has {size} bytes where {ref.size_bytes} were stored")

    def _check_digest(self, ref: ObjectRef, hashed: _Hashed) -> None:
        self._check_size(ref, hashed.size_bytes)
        if hashed.sha256 != ref.sha256:
            raise ObjectMissingError(f"the object {ref.uri} does not match its checksum")


class _Hashed:
    """Chunks on their way, counted and hashed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._digest.update(chunk)
            self.size_bytes += len(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _drain(chunks: Iterable[bytes]) -> _Hashed:
    hashed = _Hashed(chunks)
    for _ in hashed:
        pass
    return hashed


def _sync_folder(folder: Path) -> None:
    """Make a rename durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_DRIVERS = ("botocore", "aiobotocore", "aiohttp")
"""Packages whose errors are those of a server or of the way to it."""


@contextlib.contextmanager
def _storage_errors(uri: str) -> Iterator[None]:
    """Say what an operating system's or a driver's error means for the object."""
    try:
        yield
    except FileNotFoundError:
        raise ObjectMissingError(f"there is no object {uri}") from None
    except FileExistsError:
        raise AlreadyExistsError(f"there is already an object {uri}") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError from None
        if error.errno == errno.EFBIG:
            raise ResourceLimitError(f"the object {uri} is larger than the work may write") from None
        reason = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise UnavailableError(f"the object store failed at {uri} ({reason})") from error
    except Exception as error:
        # What the S3 driver raises while its server is away is no OSError, and its module is not installed everywhere.
        if type(error).__module__.partition(".")[0] not in _DRIVERS:
            raise
        raise UnavailableError(f"the object store failed at {uri} ({type(error).__name__})") from error
