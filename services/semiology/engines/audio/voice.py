"""Where a voice sounds, from the sound alone: no model, no words, and no idea whose voice it is.

A voice stands out from the room's noise, repeats itself at the pitch of a throat (75–600 Hz, from men to crying
children; Titze 1994, Principles of Voice Production) and carries that pitch in several partials at once. Monitors beep
in one partial, fans and pumps do not rise over their own level, and steps and bangs have no pitch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.recording import Interval

Floats = npt.NDArray[Any]

RATE_HZ = 16_000
FRAME = 640
"""40 ms: three periods of the lowest voice."""
HOP = 160
"""10 ms."""
PITCH_HZ = (75.0, 600.0)
FASTEST_HZ = 2000.0
"""Tones above the range of voices are looked for up to here: a beep repeats itself at a voice's pitch, too."""
BLOCK_S = 30.0
"""The room's noise is learned from so much sound at a time; a voice that never pauses for longer is taken for noise."""
NOISE_SHARE = 20.0
"""Percentile of the frames' levels that is the room's noise."""
RISE_DB = (6.0, 15.0)
PERIODIC = (0.35, 0.6)
PARTIALS = (0.05, 0.25)
"""From nothing to full evidence: level over the noise, self-similarity at the pitch (0-1), and share of the energy
outside of the strongest partial. Chosen by hand on synthetic vowels, beeps and noise."""
VOICED = 0.5
"""Score from which a frame counts as voice."""
JOIN_S = 0.3
"""Pauses shorter than this belong to one utterance."""
SILENT_DB = -90.0


@dataclass(frozen=True)
class VoiceTrack:
    """How much each instant sounds like a voice."""

    time_s: Floats
    """(n,) middle of each frame, seconds from the recording's first frame."""
    score: Floats
    """(n,) 0-1; no probability."""

    def utterances(self, shortest_s: float) -> tuple[tuple[Interval, float], ...]:
        """Stretches of voice of at least `shortest_s` with their mean score, in time order."""
        voiced = self.score >= VOICED
        edges = np.flatnonzero(np.diff(np.concatenate(([0], voiced.astype(np.int8), [0]))))
        runs: list[list[int]] = []
        for first, past in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if runs and float(self.time_s[first] - self.time_s[runs[-1][1] - 1]) < JOIN_S:
                runs[-1][1] = past
            else:
                runs.append([first, past])
        half_s = HOP / RATE_HZ / 2
        found = []
        for first, past in runs:
            span = Interval(float(self.time_s[first]) - half_s, float(self.time_s[past - 1]) + half_s)
            if span.length_s >= shortest_s:
                part = self.score[first:past]
                found.append((span, float(part[part >= VOICED].mean())))
        return tuple(found)


def voice_in(pieces: Iterable[Floats]) -> VoiceTrack:
    """The voice in mono sound at 16 kHz, given in pieces ([-1, 1], the first sample at time 0); memory stays flat."""
    times, scores = [], []
    for begin, block in _blocks(pieces):
        score = _scores(block)
        times.append((begin + np.arange(len(score)) * HOP + FRAME / 2) / RATE_HZ)
        scores.append(score)
    if not times:
        return VoiceTrack(np.zeros(0), np.zeros(0))
    return VoiceTrack(np.concatenate(times), np.concatenate(scores))


def _blocks(pieces: Iterable[Floats]) -> Iterator[tuple[int, Floats]]:
    """First sample and samples of blocks that overlap by what a frame needs."""
    length = round(BLOCK_S * RATE_HZ)
    held, begin = np.zeros(0, np.float32), 0
    for piece in pieces:
        held = np.concatenate((held, piece))
        while len(held) >= length + FRAME - HOP:
            yield begin, held[: length + FRAME - HOP]
            held, begin = held[length:], begin + length
    if len(held) >= FRAME:
        yield begin, held


def _scores(block: Floats) -> Floats:
    """(frames,) 0-1: the weakest of the three kinds of evidence."""
    frames = np.lib.stride_tricks.sliding_window_view(block, FRAME)[::HOP].astype(np.float32)
    level = 20 * np.log10(np.sqrt((frames**2).mean(axis=1)) + 10 ** (SILENT_DB / 20))
    rise = level - np.percentile(level, NOISE_SHARE)
    loud = rise > RISE_DB[0]
    score = np.zeros(len(frames))
    if loud.any():
        spectrum = np.abs(np.fft.rfft(frames[loud] * np.hanning(FRAME), 4 * FRAME, axis=1)) ** 2
        periodic, partials = _periodicity(spectrum), _partials(spectrum)
        evidence = (_ramp(rise[loud], RISE_DB), _ramp(periodic, PERIODIC), _ramp(partials, PARTIALS))
        score[loud] = np.min(evidence, axis=0)
    return score


def _periodicity(spectrum: Floats) -> Floats:
    """(frames,) self-similarity at the pitch of a voice; 0 where a faster tone explains it."""
    similarity = np.fft.irfft(spectrum, axis=1)
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(FRAME), 4 * FRAME)) ** 2)
    similarity = similarity / (similarity[:, :1] + 1e-12) / (window / window[0] + 1e-3)
    slow, quick, fast = (round(RATE_HZ / hz) for hz in (PITCH_HZ[0], PITCH_HZ[1], FASTEST_HZ))
    pitch = similarity[:, quick:slow].max(axis=1)
    tone = similarity[:, fast:quick].max(axis=1)
    return np.where(tone > 0.95 * pitch, 0.0, pitch)


def _partials(spectrum: Floats) -> Floats:
    """(frames,) share of the energy from 75 Hz to 4 kHz that lies outside of the strongest partial."""
    resolution_hz = RATE_HZ / (4 * FRAME)
    low, high = round(PITCH_HZ[0] / resolution_hz), round(4000 / resolution_hz)
    band = spectrum[:, low:high]
    strongest = band.argmax(axis=1)
    near = np.abs(np.arange(band.shape[1])[None, :] - strongest[:, None]) * resolution_hz < PITCH_HZ[0]
    return np.asarray(1 - (band * near).sum(axis=1) / (band.sum(axis=1) + 1e-20))


def _ramp(values: Floats, ends: tuple[float, float]) -> Floats:
    return np.clip((values - ends[0]) / (ends[1] - ends[0]), 0, 1)
