"""What the tiny model learns from: short phantom recordings, cut into windows, with the truth of each sign.

Painting is slow, so recordings are painted small, at the rate at which a model sees them, and kept in a folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from research.phantom.look import Look
from research.phantom.render import prepare, truth_of
from research.phantom.scene import generator
from research.phantom.script import Script
from research.phantom.scripts import named, vary
from research.phantom.truth import Truth

Pictures = NDArray[np.uint8]

SIGNS = ("clonic", "tonic", "hyperkinetic", "full_body_shaking")
"""Signs of the catalogue that the model learns to answer for."""
SIZE = (112, 56)
"""Width and height at which a picture is shown, pixels: whole multiples of the 28 pixels of a token, eight tokens."""
STORED_SIZE = (112, 63)
"""Width and height at which pictures are kept."""
RATE_HZ = 2.0
"""Pictures per second."""
WINDOW = 10
"""Pictures in a window: five seconds."""
HOP = 2
"""Pictures from window to window."""
RECORDED_S = 26.0
"""Longest part of a script that is painted."""
PAINTED_SIZE = (224, 126)
STORIES = (
    *("tonic_clonic", "tonic", "focal_clonic_right_arm", "focal_clonic_left_arm", "hyperkinetic", "full_body_shaking"),
    *("figure4", "calm", "asleep", "gesturing", "waving", "fidgeting", "turning_over", "scratching", "empty_bed"),
)
"""Scripts in turn: six with the signs, one with a posture that is tonic, and eight without any."""


@dataclass(frozen=True, slots=True)
class Window:
    """Five seconds of one recording."""

    pictures: Pictures
    """Grey, (frames, height, width)."""
    truth: dict[str, bool]
    """Whether each sign can be seen; signs that only touch the window are left out."""
    recording: int
    """Seed of the recording that it comes from."""


def windows(seeds: Sequence[int], folder: Path, *, workers: int = 1) -> list[Window]:
    """Windows of the recordings with these seeds; what is not in the folder is painted first.

    The story of a recording follows from its seed: `STORIES` in turn, with sides, rates and sizes of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [seed for seed in seeds if not _file(folder, seed).exists()]
    if workers == 1:
        for seed in missing:
            _paint(seed, folder)
    else:
        # Spawned: a fork of a process with threads inherits locks that nobody will ever let go.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as painters:
            list(painters.map(_paint, missing, [folder] * len(missing)))
    return [window for seed in seeds for window in _cut(seed, folder)]


def recording(seed: int) -> tuple[Script, Look]:
    """The script and the look of the recording with this seed."""
    script = vary(named(STORIES[seed % len(STORIES)]), seed)
    look = Look(size=PAINTED_SIZE, rate_hz=RATE_HZ)
    longest = max(0.0, script.duration_s - RECORDED_S)
    acts = [act for act in script.acts if act.episode] or list(script.acts)
    middle = (acts[0].onset_s + acts[-1].offset_s) / 2 if acts else script.duration_s / 2
    wanted = middle - RECORDED_S / 2 + float(generator(seed, "recorded part").uniform(-8.0, 8.0))
    start = min(max(0.0, wanted), longest)
    return replace(script, window=(start, min(start + RECORDED_S, script.duration_s))), look


def shrink(picture: Pictures) -> Pictures:
    """A painted picture at the size at which it is kept."""
    return np.asarray(cv2.resize(picture, STORED_SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def truth_in(truth: Truth, start_s: float, end_s: float) -> dict[str, bool]:
    """Which signs can be seen in a span: yes over at least half of it, no when not at all, else left out."""
    answers: dict[str, bool] = {}
    occurrences = [each for episode in truth.episodes for each in episode.occurrences]
    for sign in SIGNS:
        spans = [(each.onset_s, each.offset_s, each.visible) for each in occurrences if each.sign == sign]
        seen = [min(hi, end_s) - max(lo, start_s) for lo, hi, _ in spans]
        if not any(part > 0 for part in seen):
            answers[sign] = False
        elif any(part >= (end_s - start_s) / 2 and span[2] for part, span in zip(seen, spans, strict=True)):
            answers[sign] = True
    return answers


def _paint(seed: int, folder: Path) -> None:
    cv2.setNumThreads(1)
    script, look = recording(seed)
    pictures = np.stack([shrink(picture) for picture in prepare(script, seed, look).frames()])
    unfinished = _file(folder, seed).with_suffix(".part.npz")
    np.savez_compressed(unfinished, pictures=pictures)
    unfinished.replace(_file(folder, seed))


def _file(folder: Path, seed: int) -> Path:
    return folder / f"{seed:05d}.npz"


def _cut(seed: int, folder: Path) -> Iterator[Window]:
    script, look = recording(seed)
    truth = truth_of(script, seed, look)
    with np.load(_file(folder, seed)) as stored:
        pictures = stored["pictures"]
    for first in range(0, len(pictures) - WINDOW + 1, HOP):
        span = first / RATE_HZ, (first + WINDOW) / RATE_HZ
        yield Window(pictures[first : first + WINDOW], truth_in(truth, *span), seed)
