"""Destination ``folder``: each report version in a folder of its own, there as a whole or not at all.

``<root>/<report id>/v<version>/`` holds ``bundle.json``, ``report.json``, ``report.pdf`` and ``report.html``; an
unsigned version also holds ``UNSIGNED.txt``, which says what that means. Versions never change once they are there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gateway.delivery.destination import DeliveryJob
from schemas.errors import StateConflictError, StorageFullError, UnavailableError
from schemas.recording import ObjectRef
from services.runtime import failpoints
from services.runtime.objects import ObjectStore

BUNDLE = "bundle.json"
"""Name of the FHIR Bundle."""
UNSIGNED = "UNSIGNED.txt"
"""Name of the note beside an unsigned version."""
_NOTE = """UNSIGNED

This report was made by a machine. No clinician has read or signed it. It is decision support for research use and is
not cleared as a medical device anywhere. Do not act on it and do not file it as a result before it is reviewed and
signed. Nothing seen does not exclude a seizure.
"""
_CHUNK_BYTES = 1024**2
_MODE = 0o750


class FolderDestination:
    """Writes report versions below a local or mounted folder."""

    def __init__(self, root: Path, store: ObjectStore) -> None:
        self._root = root
        self._store = store

    def send(self, job: DeliveryJob) -> str:
        """Writes all files beside their place and renames them into it at once.

        Raises `StorageFullError` without space, `UnavailableError` when the folder cannot be written.
        """
        place = self._place(job)
        with _folder_errors():
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
            try:
                self._fill(draft, job)
                job.check_lease()
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)  # nobody comes back for it
                raise
            if not place.exists():
                draft.chmod(_MODE)
                draft.rename(place)
                _sync(place.parent)
            for leftover in place.parent.glob(f".{place.name}.*"):  # of this and of killed attempts
                shutil.rmtree(leftover)
        failpoints.hit("delivery.server_committed_before_response")
        return self._receipt(place)

    def read_back(self, job: DeliveryJob) -> str | None:
        """Compares what lies there with what the report step left.

        Raises `StateConflictError` when another content lies in this version's place: then nobody may overwrite it.
        """
        place = self._place(job)
        if not place.exists():
            return None
        for name, ref in _renderings(job).items():
            if _sha256(place / name) != ref.sha256:
                raise StateConflictError(
                    f"another {name} lies already where version {job.files.report.version} belongs"
                )
        return self._receipt(place)

    def _fill(self, draft: Path, job: DeliveryJob) -> None:
        for name, ref in _renderings(job).items():
            _write(draft / name, self._store, ref)
        _write_bytes(draft / BUNDLE, job.bundle())
        if job.files.report.sign_off is None:
            _write_bytes(draft / UNSIGNED, _NOTE.encode())
        _sync(draft)

    def _place(self, job: DeliveryJob) -> Path:
        report = job.files.report
        return self._root / report.id / f"v{report.version}"

    def _receipt(self, place: Path) -> str:
        return f"{place.relative_to(self._root)} sha256:{_sha256(place / BUNDLE)}"


@contextlib.contextmanager
def _folder_errors() -> Iterator[None]:
    """Says what an operating system's error means: none of them is the report's fault, so all can be tried again."""
    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFullError from exc
        name = errno.errorcode.get(exc.errno or 0, type(exc).__name__)
        raise UnavailableError(f"the destination's folder cannot be written ({name})") from exc


def _renderings(job: DeliveryJob) -> dict[str, ObjectRef]:
    files = job.files
    return {"report.json": files.json, "report.pdf": files.pdf, "report.html": files.html}


def _write(path: Path, store: ObjectStore, ref: ObjectRef) -> None:
    with store.local(ref) as source, source.open("rb") as reader, path.open("wb") as writer:
        shutil.copyfileobj(reader, writer, _CHUNK_BYTES)
        writer.flush()
        os.fsync(writer.fileno())


def _write_bytes(path: Path, data: bytes) -> None:
    with path.open("wb") as writer:
        writer.write(data)
        writer.flush()
        os.fsync(writer.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
