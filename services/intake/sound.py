"""The sound as later steps read it: 16 kHz, mono, 16 bit WAV on the recording's clock, nothing in it but samples."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from services.media.decode import AUDIO_RATE_HZ, Samples

MEDIA_TYPE = "audio/wav"
_BLOCK = 1 << 16
_MOST_SAMPLES = (2**32 - 4096) // 2


class WavWriter:
    """Writes samples as they come; no file before the first of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: wave.Wave_write | None = None
        self._written = 0

    @property
    def heard(self) -> bool:
        """At least one sample came."""
        return self._file is not None

    def hear(self, samples: Samples, start_s: float) -> None:
        """Append samples of a file that starts at `start_s`; silence fills the time before it. Raises OSError."""
        if not samples.size:
            return
        if self._file is None:
            self._file = wave.open(str(self._path), "wb")  # noqa: SIM115 - closed by close()
            self._file.setnchannels(1)
            self._file.setsampwidth(2)
            self._file.setframerate(AUDIO_RATE_HZ)
        self._silence_until(round(start_s * AUDIO_RATE_HZ))
        self._write(np.clip(np.rint(samples * 32767.0), -32768, 32767).astype("<i2"))

    def close(self) -> None:
        """Finish the file. Raises OSError."""
        if self._file is not None:
            self._file.close()

    def _silence_until(self, sample: int) -> None:
        while self._written < sample:
            self._write(np.zeros(min(_BLOCK, sample - self._written), "<i2"))

    def _write(self, samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
        assert self._file is not None
        samples = samples[: max(0, _MOST_SAMPLES - self._written)]
        self._file.writeframesraw(samples.tobytes())
        self._written += samples.size
