"""Runs the intake job on a local file as the service would."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.recording import IntakeResult, ObjectRef, Recording, SourceFile
from services.intake.job import IngestJob
from services.intake.service import ingest
from services.intake.settings import IntakeSettings
from services.runtime.objects import ObjectStore

Ingest = Callable[..., IntakeResult]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore((tmp_path / "objects").as_uri())


@pytest.fixture
def run(tmp_path: Path, store: ObjectStore) -> Ingest:
    """`run(path, more_paths…, starts=…, **settings)`: the result of one recording made of local files."""

    def call(*paths: Path, starts: tuple[float, ...] = (), **settings: object) -> IntakeResult:
        files = []
        for index, path in enumerate(paths):
            target = tmp_path / "objects" / "in" / f"f{index}{path.suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            digest = hashlib.sha256(target.read_bytes()).hexdigest()
            ref = ObjectRef(target.as_uri(), digest, target.stat().st_size, "application/octet-stream")
            files.append(SourceFile(ref, starts[index] if starts else 0.0))
        job = IngestJob(
            recording=Recording("r1", tuple(files)),
            object_root=store.root,
            output_prefix=store.join("", "out"),
            settings=IntakeSettings(**settings),
        )
        return ingest(job, lambda *_: None)

    return call
