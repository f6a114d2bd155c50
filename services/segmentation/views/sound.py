"""Sound without its steady noise: FFmpeg's spectral filter, which comes along with the decoder.

`afftdn` lowers each band by what a noise floor explains (a spectral suppression rule after Ephraim and Malah 1984). We
tell it the floor that we measured; its own tracking hardly follows. It learns nothing and knows nothing of speech: fans
and hiss go, monitors that beep and other voices stay.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from services.media.decode import AUDIO_RATE_HZ

MEDIA_TYPE = "audio/wav"
REDUCTION_DB = 14.0
"""At most so much: more, and what is left of the noise begins to twitter."""
_QUIET_SHARE = 0.2
_ABOVE_FLOOR_DB = 5.0
_FLOOR_DB = (-80.0, -20.0)
_RUMBLE_HZ = 70
_BLOCK = 800
"""50 ms."""
_LAG = AUDIO_RATE_HZ // 40
"""Samples by which `afftdn` comes late without saying so: two of its hops."""

Samples16 = npt.NDArray[np.int16]


def noise_floor_db(source: Path) -> float:
    """Level of the quietest fifth of a WAV, decibels of full scale (negative), in blocks of 50 ms."""
    counts = np.zeros(121, np.int64)
    with wave.open(str(source), "rb") as heard:
        for block in _blocks(heard):
            power = float(np.mean(np.square(block.astype(np.float64) / 32768)))
            counts[round(np.clip(-10 * np.log10(power + 1e-12), 0, 120))] += 1
    loudest_first = np.cumsum(counts) / max(1, counts.sum())
    return -float(np.searchsorted(loudest_first, 1 - _QUIET_SHARE))


def denoise(source: Path, target: Path) -> None:
    """Write a denoised copy of a 16 kHz mono 16 bit WAV, as long and on the same clock. Raises OSError."""
    floor_db = float(np.clip(noise_floor_db(source) + _ABOVE_FLOOR_DB, *_FLOOR_DB))
    graph = _graph(floor_db)
    with wave.open(str(source), "rb") as heard, wave.open(str(target), "wb") as cleaned:
        cleaned.setparams(heard.getparams())
        count, skip = heard.getnframes(), _LAG
        fed = 0
        for block in chain(_blocks(heard), (np.zeros(_LAG, np.int16),)):
            frame = av.AudioFrame.from_ndarray(block[None].copy(), "s16", "mono")
            frame.sample_rate, frame.pts = AUDIO_RATE_HZ, fed
            fed += block.size
            graph.push(frame)
            skip = _drain(graph, cleaned, skip)
        graph.push(None)
        _drain(graph, cleaned, skip)
        cleaned.writeframes(b"")
        if cleaned.getnframes() != count:
            raise RuntimeError(f"denoising made {cleaned.getnframes()} samples of {count}")


def _blocks(heard: wave.Wave_read) -> Iterator[Samples16]:
    while (block := np.frombuffer(heard.readframes(_BLOCK), "<i2")).size:
        yield block


def _graph(floor_db: float) -> Any:
    filters = (
        ("highpass", f"f={_RUMBLE_HZ}"),
        ("afftdn", f"nr={REDUCTION_DB}:nf={floor_db}"),
        ("aformat", f"sample_fmts=s16:channel_layouts=mono:sample_rates={AUDIO_RATE_HZ}"),
    )
    graph = av.filter.Graph()
    last = graph.add_abuffer(sample_rate=AUDIO_RATE_HZ, format="s16", layout="mono")
    for name, arguments in filters:
        added = graph.add(name, arguments)
        last.link_to(added)
        last = added
    last.link_to(graph.add("abuffersink"))
    graph.configure()
    return graph


def _drain(graph: Any, target: wave.Wave_write, skip: int) -> int:
    """Write what the filters have ready, without the first `skip` samples; how many are still to be skipped."""
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return skip
        samples = np.asarray(frame.to_ndarray(), "<i2").reshape(-1)
        target.writeframesraw(samples[skip:].tobytes())
        skip = max(0, skip - samples.size)
