"""Intake and segmentation called directly, without the system around them, beside decoding the same video once."""

from __future__ import annotations

import hashlib
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.recording import IntakeResult, ObjectRef, Recording, SourceFile
from services.intake.job import IngestJob
from services.intake.service import ingest
from services.intake.settings import IntakeSettings
from services.segmentation.job import SegmentJob
from services.segmentation.service import segment
from services.segmentation.settings import SegmentationSettings
from tests.bench.material import seizure_1080p, twins
from tests.bench.measure import Spent, decode_to_nowhere, peak_mb_of_this_process, timed

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
BAR = 1.6


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_steps_beside_decoding_once(material: Path, tmp_path: Path) -> None:
    video = next(twins(seizure_1080p(material), tmp_path / "in", 1))
    ref = ObjectRef(video.as_uri(), hashlib.sha256(video.read_bytes()).hexdigest(), video.stat().st_size, "video/mp4")
    recording = Recording("r1", (SourceFile(ref),))
    prefix = (tmp_path / "out").as_uri()
    taken: list[IntakeResult] = []

    def take() -> None:
        taken.append(ingest(IngestJob(recording, tmp_path.as_uri(), prefix, IntakeSettings()), lambda *_: None))

    def separate() -> None:
        segment(SegmentJob(recording, taken[-1], tmp_path.as_uri(), prefix, SegmentationSettings()), lambda *_: None)

    rounds = [(timed(lambda: decode_to_nowhere(video)), timed(take), timed(separate)) for _ in range(ROUNDS)]
    assert taken[0].facts.frames == 1800
    units = [one[0] for one in rounds]
    print("\nround  decode s (CPU)  intake s (CPU)  segmentation s (CPU)")
    for number, row in enumerate(rounds):
        print(f"{number:5d}  " + "  ".join(f"{one.elapsed_s:6.2f} ({one.cpu_s:5.2f})" for one in row))
    _show(f"intake (bar {BAR})", [one[1] for one in rounds], units)
    _show("segmentation", [one[2] for one in rounds], units)
    print(f"peak memory of this process: {peak_mb_of_this_process():.0f} MB")


def _show(name: str, spent: Sequence[Spent], units: Sequence[Spent]) -> None:
    ratios = [one.over(unit) for one, unit in zip(spent, units, strict=True)]
    elapsed, cpu = (statistics.median(kind) for kind in zip(*ratios, strict=True))
    print(f"median {name}: {elapsed:.2f} x decode, CPU {cpu:.2f} x decode")
