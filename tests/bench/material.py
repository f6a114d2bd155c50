"""Videos to measure with: drawn once, kept in pytest's cache, the same content on every machine."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from research.phantom import make
from research.phantom.script import script_to_plain
from research.phantom.scripts import named

WIDTH, HEIGHT, RATE = 1920, 1080, 30
BIT_RATE = 6_000_000
"""What a phone or a ward camera writes at this size."""
_NOISE = 3.0
_SEED = 7

Plane = np.ndarray[Any, np.dtype[np.uint8]]


def seizure_1080p(folder: Path) -> Path:
    """60 s of 1080p30 H.264 with sound at about 6 Mb/s: a phantom seizure, enlarged, with fresh camera noise."""
    target = folder / "seizure-1080p.mp4"
    if not target.exists():
        small = seizure_360p(folder)
        partial = target.with_suffix(".partial.mp4")
        _enlarge(small, partial)
        partial.rename(target)
    return target


def seizure_360p(folder: Path) -> Path:
    """60 s of 640x360 at 30 pictures a second with sound: a forced turn, then a convulsion, by the phantom."""
    target = folder / "seizure-360p.mp4"
    if not target.exists():
        script = folder / "seizure.json"
        plain = script_to_plain(replace(named("versive_then_clonic"), window=(5.0, 65.0)))
        script.write_text(json.dumps(plain), encoding="utf-8")
        partial = target.with_suffix(".partial.mp4")
        make(script, _SEED, partial, rate_hz=float(RATE), infrared=False, audio=True)
        partial.rename(target)
    return target


def _enlarge(source: Path, target: Path) -> None:
    random = np.random.default_rng(_SEED)
    grain = random.normal(0, _NOISE, (HEIGHT + 64, WIDTH + 64)).astype(np.int16)
    # slower presets and other rate controls change the file more than the time to decode it
    options = {"preset": "veryfast", "maxrate": "8M", "bufsize": "12M"}
    with av.open(str(source)) as read, av.open(str(target), "w", options={"movflags": "+faststart"}) as out:
        video = out.add_stream("libx264", rate=RATE, options=options)
        video.width, video.height, video.pix_fmt, video.bit_rate = WIDTH, HEIGHT, "yuv420p", BIT_RATE
        sound = out.add_stream_from_template(read.streams.audio[0])
        for packet in read.demux(read.streams.video[0], read.streams.audio[0]):
            if packet.stream.type == "audio":
                if packet.dts is not None:
                    packet.stream = sound
                    out.mux(packet)
                continue
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                out.mux(video.encode(_noisy(frame, grain, random)))
        out.mux(video.encode(None))


def _noisy(frame: av.VideoFrame, grain: np.ndarray[Any, np.dtype[np.int16]], random: np.random.Generator) -> Any:
    """The frame at full size with grain that differs from picture to picture."""
    large = frame.reformat(WIDTH, HEIGHT, "yuv420p").to_ndarray()
    top, left = random.integers(0, 64, 2)
    luma = large[:HEIGHT].astype(np.int16) + grain[top : top + HEIGHT, left : left + WIDTH]
    large[:HEIGHT] = np.clip(luma, 16, 235).astype(np.uint8)
    noisy = av.VideoFrame.from_ndarray(large, "yuv420p")
    noisy.pts, noisy.time_base = frame.pts, frame.time_base
    return noisy


def looped(source: Path, times: int, target: Path) -> Path:
    """The pictures of `source` over and over, by copying packets: hours of video in a second."""
    with av.open(str(target), "w") as out:
        stream = None
        shift = 0
        for _ in range(times):
            with av.open(str(source)) as read:
                video = read.streams.video[0]
                stream = stream or out.add_stream_from_template(video)
                shift += _copy(read, video, out, stream, shift)
    return target


def _copy(read: Any, video: Any, out: Any, stream: Any, shift: int) -> int:
    """Copy one round of packets; returns how long it lasts, in ticks."""
    end = 0
    for packet in read.demux(video):
        if packet.dts is None:
            continue
        end = max(end, packet.pts + packet.duration)
        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
        out.mux(packet)
    return end


def twins(source: Path, folder: Path, count: int) -> Iterator[Path]:
    """Copies that decode alike but differ in their bytes, so that no earlier result is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        twin = folder / f"{source.stem}-{number:03d}.mp4"
        shutil.copyfile(source, twin)
        with twin.open("ab") as file:
            file.write(struct.pack(">I4sI", 12, b"free", number + 1))
        yield twin


def short_clip(folder: Path) -> Path:
    """Two seconds of 320x180 at 15 pictures a second: as little as a case may be about."""
    target = folder / "short.mp4"
    random = np.random.default_rng(_SEED)
    with av.open(str(target), "w") as out:
        video = out.add_stream("libx264", rate=15, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        for index in range(30):
            frame = av.VideoFrame.from_ndarray(random.integers(60, 120, (180, 320), np.uint8), "gray")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 15)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return target
