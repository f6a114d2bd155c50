"""What may not come in is refused with one readable sentence that names the value and the rule."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import multiprocessing
import resource
import struct
from collections.abc import Callable
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import (
    IctogramError,
    InvalidRequestError,
    ObjectMissingError,
    StorageFullError,
    UnreadableMediaError,
    UnsupportedMediaError,
)
from schemas.recording import ObjectRef, Recording, SourceFile
from services.intake.job import IngestJob
from services.intake.service import ingest
from services.intake.settings import IntakeSettings
from services.runtime.objects import ObjectStore
from tests.services.intake.conftest import Ingest
from tests.support import videos


def _empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.write_bytes(b"")
    return path


def _text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("no video, only words\n" * 200)
    return path


def _noise(folder: Path) -> Path:
    path = folder / "noise.mp4"
    path.write_bytes(np.random.default_rng(1).integers(0, 256, 50_000, np.uint8).tobytes())
    return path


def _picture(folder: Path) -> Path:
    path = videos.write_video(folder / "one.mjpeg", seconds=1 / 30, codec="mjpeg", pixels="yuvj420p")
    return path.rename(folder / "picture.mp4")


def _index_missing(folder: Path) -> Path:
    return videos.cut_off(videos.write_video(folder / "w.mp4", seconds=3), folder / "cut.mp4", 0.6)


def _tail_missing(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        options = {"movflags": "faststart"} if suffix == ".mp4" else {}
        codec = "mpeg4" if suffix == ".avi" else "libx264"
        whole = videos.write_video(folder / f"w{suffix}", seconds=3, codec=codec, container_options=options)
        return videos.cut_off(whole, folder / f"cut{suffix}", 0.6)

    return make


def _wrong_length(stated_s: int) -> Callable[[Path], Path]:
    """An MP4 whose header states quite another length than its samples have."""

    def make(folder: Path) -> Path:
        path = videos.write_video(folder / "wrong.mp4", seconds=8, rate=10)
        data = bytearray(path.read_bytes())
        at = data.index(b"mvhd")
        scale = struct.unpack(">I", data[at + 16 : at + 20])[0]
        data[at + 20 : at + 24] = struct.pack(">I", stated_s * scale)
        path.write_bytes(bytes(data))
        return path

    return make


def _zero_rate(folder: Path) -> Path:
    """A raw stream of pictures without any time, in an AVI whose rate is 0."""
    path = videos.write_video(folder / "zero.avi", seconds=3, codec="mpeg4", rate=25)
    data = bytearray(path.read_bytes())
    at = data.index(b"strh") + 8
    data[at + 20 : at + 28] = struct.pack("<II", 1, 0)
    avih = data.index(b"avih") + 8
    data[avih : avih + 4] = struct.pack("<I", 0)
    path.write_bytes(bytes(data))
    return path


def _standing_clock(folder: Path) -> Path:
    """All pictures at the same instant."""
    path = videos.write_video(folder / "still.mp4", seconds=3)
    data = bytearray(path.read_bytes())
    at = data.index(b"stts") + 8
    data[at + 8 : at + 12] = struct.pack(">I", 0)
    path.write_bytes(bytes(data))
    return path


REFUSED = [
    (_empty, UnreadableMediaError, r"empty \(0 bytes\)"),
    (_text, UnreadableMediaError, "not in a video format"),
    (_noise, UnreadableMediaError, "not in a video format"),
    (lambda folder: videos.write_sound_only(folder / "sound.m4a"), UnreadableMediaError, "only audio"),
    (
        lambda folder: videos.write_video(folder / "v.mp4", seconds=1 / 30),
        UnreadableMediaError,
        "1 picture;.*at least 2",
    ),
    (_picture, UnreadableMediaError, "1 picture;.*at least 2|not in a video format"),
    (
        lambda folder: videos.write_video(folder / "v.mp4", seconds=0.5),
        UnsupportedMediaError,
        "lasts 0.50 s; at least 1 s",
    ),
    (_index_missing, UnreadableMediaError, "cut off: .* bytes are missing"),
    (_tail_missing(".mp4"), UnreadableMediaError, "cut off: .* bytes are missing"),
    (_tail_missing(".mkv"), UnreadableMediaError, "cut off: .* bytes are missing"),
    (_tail_missing(".avi"), UnreadableMediaError, "cut off: .* bytes are missing"),
    (_wrong_length(3000), UnreadableMediaError, r"states a length of 3000.0 s and holds 8.0 s"),
    (_wrong_length(15_000), UnreadableMediaError, r"states a length of 15000.0 s and holds 8.0 s"),
    (_wrong_length(86_400), UnsupportedMediaError, r"86400.0 s: it is damaged, or longer than 14400 s \(4 h\)"),
    (_wrong_length(1), UnreadableMediaError, "states a length of 1.0 s and holds 8.0 s"),
    (_zero_rate, UnreadableMediaError, "frame rate of 0"),
    (
        lambda folder: videos.write_video(folder / "bare.mjpeg", codec="mjpeg", pixels="yuvj420p"),
        UnsupportedMediaError,
        "bare mjpeg stream",
    ),
    (
        lambda folder: videos.write_video(folder / "v.mp4", lambda *_: np.zeros((16, 1024, 3), np.uint8)),
        UnsupportedMediaError,
        "1024x16 pixels; the long side may be at most 32 times",
    ),
    (_standing_clock, UnreadableMediaError, "89 of 90 pictures carry no usable time"),
]


@pytest.mark.parametrize(("make", "error", "sentence"), REFUSED)
def test_bad_files_are_refused_in_one_sentence(
    tmp_path: Path, run: Ingest, make: Callable[[Path], Path], error: type[IctogramError], sentence: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(error, match=sentence) as raised:
        run(path)
    assert "\n" not in raised.value.message
    assert path.name not in raised.value.message
    assert not raised.value.retryable


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"max_bytes": 1000}, r"bytes; at most 1000 bytes"),
        ({"max_side_px": 128}, r"160x96 pixels; at most 128x128|at most 16384 pixels"),
        ({"min_side_px": 100}, r"160x96 pixels; at least 100x100"),
        ({"max_aspect": 1.5}, r"160x96 pixels; the long side may be at most 1.5 times"),
        ({"max_duration_s": 2.0}, r"longer than 2 s"),
        ({"min_duration_s": 4.0}, r"lasts 3.00 s; at least 4 s"),
    ],
)
def test_each_limit_is_a_setting(tmp_path: Path, run: Ingest, settings: dict[str, float], sentence: str) -> None:
    path = videos.write_video(tmp_path / "v.mp4", seconds=3)
    with pytest.raises(UnsupportedMediaError, match=sentence):
        run(path, **settings)


def test_a_huge_picture_is_refused_without_being_decoded(tmp_path: Path, run: Ingest) -> None:
    """A few kilobytes that would unfold to 100 megapixels a picture."""
    blank = np.zeros((64, 8192, 3), np.uint8)
    path = videos.write_video(tmp_path / "wide.mp4", lambda *_: blank, seconds=1, rate=5)
    with pytest.raises((UnsupportedMediaError, UnreadableMediaError), match="8192x64"):
        run(path)


@pytest.mark.slow
def test_a_flood_of_pictures_is_refused(tmp_path: Path, run: Ingest) -> None:
    """A bomb in time: thousands of empty pictures within one second."""
    blank = np.full((16, 16, 3), 90, np.uint8)
    path = videos.write_video(tmp_path / "flood.mp4", lambda *_: blank, seconds=1.5, rate=3000)
    with pytest.raises(UnsupportedMediaError, match="at most 960 per second"):
        run(path)


def test_damage_up_to_a_share_is_skipped_and_beyond_it_refused(tmp_path: Path, run: Ingest) -> None:
    whole = videos.write_video(tmp_path / "w.mp4", seconds=6, options={"g": "15"})
    little = videos.damage(whole, tmp_path / "little.mp4", [(0.4, 0.41)])
    assert run(little).facts.duration_s == pytest.approx(6, abs=0.1)
    with pytest.raises(UnreadableMediaError, match="damaged"):
        run(little, max_bad_share=0.0)


def test_a_missing_or_changed_object_can_be_tried_again(tmp_path: Path, store: ObjectStore) -> None:
    path = videos.write_video(tmp_path / "v.mp4", seconds=2)
    data = path.read_bytes()
    ref = store.put_bytes(data, store.join("", "in", "a.mp4"), "video/mp4")
    digest = hashlib.sha256(b"something else").hexdigest()
    changed = dataclasses.replace(ref, sha256=digest)
    gone = ObjectRef(store.join("", "in", "gone.mp4"), digest, 10, "video/mp4")
    for wrong in (changed, gone):
        job = IngestJob(Recording("r1", (SourceFile(wrong),)), store.root, store.join("", "out"), IntakeSettings())
        with pytest.raises(ObjectMissingError) as raised:
            ingest(job, lambda *_: None)
        assert raised.value.retryable


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_can_be_tried_again(
    tmp_path: Path, run: Ingest, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = videos.write_video(tmp_path / "v.mp4", seconds=2, tone_hz=300)

    def full(*arguments: object) -> None:
        raise OSError(number, "no space")

    monkeypatch.setattr("services.intake.sound.WavWriter._write", full)
    with pytest.raises(StorageFullError) as raised:
        run(path)
    assert raised.value.retryable


def test_a_disk_that_fills_while_the_proxy_grows_is_noticed(tmp_path: Path, run: Ingest) -> None:
    """/dev/full answers every write with ENOSPC, as a full disk does."""
    path = videos.write_video(tmp_path / "v.mp4", videos.scene(640, 360, noise=20), seconds=2)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.intake.service._PROXY_NAME", "../../../../../../../../../../dev/full")
        with pytest.raises(StorageFullError):
            run(path)


def test_a_recording_without_files_is_refused(store: ObjectStore) -> None:
    job = IngestJob(Recording("r1", ()), store.root, store.join("", "out"), IntakeSettings())
    with pytest.raises(InvalidRequestError, match="at least one"):
        ingest(job, lambda *_: None)


def _peak_kib(path: Path, root: str, answer: Queue[int]) -> None:
    """In a process of its own, because a peak never falls again."""
    store = ObjectStore(root)
    ref = store.put_file(path, store.join("", "in", path.name), "video/mp4")
    job = IngestJob(Recording("r1", (SourceFile(ref),)), root, store.join("", "out"), IntakeSettings())
    ingest(job, lambda *_: None)
    answer.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path: Path, store: ObjectStore) -> None:
    """What is kept of 40 s more may be a few megabytes; their pictures would be 40."""
    context = multiprocessing.get_context("spawn")
    room = videos.scene(320, 180)
    pictures = [room(index, index / 12) for index in range(24)]
    peaks = []
    for seconds in (3, 43):
        path = tmp_path / f"v{seconds}.mp4"
        videos.write_video(path, lambda index, _: pictures[index % 24], seconds=seconds, rate=12)
        answer = context.Queue()
        process = context.Process(target=_peak_kib, args=(path, store.root, answer))
        process.start()
        peaks.append(answer.get(timeout=120))
        process.join()
    assert peaks[1] - peaks[0] < 15_000
