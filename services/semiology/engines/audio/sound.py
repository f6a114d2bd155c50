"""The recording's sound as samples, and the sound of a window as a file of its own, for models that listen."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import UnreadableMediaError
from schemas.recording import Interval
from services.semiology.engines.audio.voice import RATE_HZ

Floats = npt.NDArray[Any]


PIECE = 10 * RATE_HZ


def samples_in(path: Path) -> Iterator[Floats]:
    """The samples of a mono WAV of 16 bits at 16 kHz, as intake writes them, in pieces in [-1, 1].

    Raises `UnreadableMediaError` for any other file.
    """
    try:
        with wave.open(str(path), "rb") as file:
            found = file.getnchannels(), file.getsampwidth(), file.getframerate()
            if found != (1, 2, RATE_HZ):
                raise UnreadableMediaError(f"The sound must be mono, 2 bytes, {RATE_HZ} Hz; it is {found}.")
            while data := file.readframes(PIECE):
                yield np.frombuffer(data, "<i2").astype(np.float32) / 32768
    except (wave.Error, EOFError):
        raise UnreadableMediaError("The sound is no WAV file.") from None


def wavs_of(pieces: Iterable[Floats], spans: Sequence[Interval]) -> Iterator[tuple[Interval, bytes]]:
    """Each span (in time order, they may overlap) as a mono WAV file of 16 bits at 16 kHz; the sound is read once.

    `pieces`: the recording's sound from time 0, [-1, 1]. What lies past the end of the sound is silence; a span that
    begins there is left out.
    """
    source = iter(pieces)
    held, begin = np.zeros(0, np.float32), 0
    for span in spans:
        first, past = round(span.lo * RATE_HZ), round(span.hi * RATE_HZ)
        while begin + len(held) < past and (piece := next(source, None)) is not None:
            held = np.concatenate((held, piece))
            skipped = min(len(held), max(0, first - begin))
            held, begin = held[skipped:], begin + skipped
        samples = held[max(0, first - begin) : past - begin]
        if len(samples):
            yield span, wav(np.pad(samples, (0, past - first - len(samples))))


def wav(samples: Floats) -> bytes:
    """Mono samples in [-1, 1] at 16 kHz as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()
