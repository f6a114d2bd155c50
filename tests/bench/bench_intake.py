"""How long intake takes beside decoding the same video once to nowhere: one ratio, measured within one run.

Run it by hand (``python -m tests.bench.bench_intake [seconds] [rounds]``); it is no test. The budget is 1.6 on two
cores for 60 s of 1080p30 H.264.
"""

from __future__ import annotations

import hashlib
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from schemas.recording import IntakeResult, ObjectRef, Recording, SourceFile
from services.intake.job import IngestJob
from services.intake.service import ingest
from services.intake.settings import IntakeSettings
from services.segmentation.job import SegmentJob
from services.segmentation.service import segment
from services.segmentation.settings import SegmentationSettings

BUDGET = 1.6
WIDTH, HEIGHT, RATE = 1920, 1080, 30


def make_video(path: Path, seconds: float) -> None:
    """1080p30 H.264 at about 6 Mb/s: a still room, camera noise, a large mover."""
    random = np.random.default_rng(1)
    room = random.integers(40, 200, (HEIGHT // 16 + 1, WIDTH // 16), np.uint8).repeat(16, 0).repeat(16, 1)[:HEIGHT]
    noise = [random.normal(0, 3, (HEIGHT, WIDTH)).astype(np.int16) for _ in range(4)]
    colour = np.full((HEIGHT // 2, WIDTH), 120, np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "maxrate": "8M", "bufsize": "12M"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 6_000_000
        for index in range(round(seconds * RATE)):
            picture = room.astype(np.int16)
            left, top = int(600 + 300 * np.sin(index / 20)), int(400 + 150 * np.sin(index / 3))
            picture[top : top + 300, left : left + 250] = 220
            luma = np.clip(picture + noise[index % len(noise)], 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.concatenate([luma, colour]), "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def decode_to_nowhere(path: Path) -> None:
    """The unit: every picture decoded with FFmpeg's automatic threading, none looked at."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _ in container.decode(stream):
            pass


def timed(work: Callable[[], object]) -> tuple[tuple[float, float], object]:
    """(elapsed, CPU) seconds, and the result. On a busy machine only the CPU seconds mean anything."""
    start, used = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - start, time.process_time() - used), result


def main(seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        video = folder / "in" / "video.mp4"
        video.parent.mkdir()
        make_video(video, seconds)
        ref = ObjectRef(
            video.as_uri(), hashlib.sha256(video.read_bytes()).hexdigest(), video.stat().st_size, "video/mp4"
        )
        recording = Recording("r1", (SourceFile(ref),))
        prefix = (folder / "out").as_uri()
        job = IngestJob(recording, folder.as_uri(), prefix, IntakeSettings())
        decoding, taking, segmenting = [], [], []
        for _ in range(rounds):
            decoding.append(timed(lambda: decode_to_nowhere(video))[0])
            spent, result = timed(lambda: ingest(job, lambda *_: None))
            taking.append(spent)
            assert isinstance(result, IntakeResult)
            next_job = SegmentJob(recording, result, folder.as_uri(), prefix, SegmentationSettings())
            segmenting.append(timed(lambda work=next_job: segment(work, lambda *_: None))[0])
        print(f"video: {seconds:g} s of {WIDTH}x{HEIGHT} at {RATE}/s, {ref.size_bytes * 8 / seconds / 1e6:.1f} Mb/s")
        print("round   decode s (CPU)   intake s (CPU)   ratio (CPU)   segmentation s (CPU)   ratio (CPU)")
        for row, (unit, intake, masks) in enumerate(zip(decoding, taking, segmenting, strict=True)):
            print(
                f"{row:5d}   {unit[0]:7.2f} ({unit[1]:5.2f})   {intake[0]:7.2f} ({intake[1]:5.2f})   "
                f"{intake[0] / unit[0]:5.2f} ({intake[1] / unit[1]:4.2f})   {masks[0]:12.2f} ({masks[1]:5.2f})   "
                f"{masks[0] / unit[0]:5.2f} ({masks[1] / unit[1]:4.2f})"
            )
        for step, spent in (("intake", taking), ("segmentation", segmenting)):
            elapsed, used = (
                statistics.median(one[kind] / unit[kind] for one, unit in zip(spent, decoding, strict=True))
                for kind in (0, 1)
            )
            print(f"median {step}: {elapsed:.2f} x decode, CPU {used:.2f} x decode")
        print(f"budget: intake {BUDGET} x decode")
        print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
