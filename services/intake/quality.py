"""How well a recording can be seen, measured on few and small pictures: light, focus, camera movement, cuts."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np

from schemas.recording import Interval, Quality, Tri
from services.intake.settings import IntakeSettings
from services.media.geometry import Image

_SMALL_PX = 160
_BLOCKS = (3, 4)
_TEXTURE = 6.0
_RESPONSE = 0.15
_AGREE_PX = 0.75
_AGREE_SHARE = 0.6
_FEWEST_BLOCKS = 4
_JUMP = 10.0
_JUMP_OVER_MEDIAN = 5.0
_SAME_SCENE = 0.5
_LIGHT_LUMA = 8.0
_COLOURLESS_SPREAD = 2.0
_COLOURLESS_SHARE = 0.9
_MERGE_S = 1.0

Grey = np.ndarray[Any, np.dtype[np.float32]]


class _Sample(NamedTuple):
    time_s: float
    luma: float
    high_luma: float
    sharpness: float
    colour_spread: float
    shift_px: float
    jump: float
    likeness: float


class QualityMeter:
    """Takes sampled proxy pictures in time order; `quality` and `infrared` say what they came to."""

    def __init__(self, settings: IntakeSettings) -> None:
        cv2.setNumThreads(1)
        self._settings = settings
        self._samples: list[_Sample] = []
        self._before: Grey | None = None
        self._windows: dict[tuple[int, int], Any] = {}

    def see(self, time_s: float, luma: Image, colour: tuple[Image, Image]) -> None:
        """Luma (H x W, 16-235) and both colour planes (H/2 x W/2) of a proxy picture."""
        scale = _SMALL_PX / max(luma.shape)
        size = (max(16, round(luma.shape[1] * scale)), max(16, round(luma.shape[0] * scale)))
        small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
        full = (small.astype(np.float32) - 16) * (255 / 219)
        shift = jump = 0.0
        likeness = 1.0
        if self._before is not None:
            jump = float(np.abs(full - full.mean() - self._before + self._before.mean()).mean())
            jump = max(jump, abs(float(full.mean() - self._before.mean())))
            shift = self._shift(self._before, full)
            if jump > _JUMP:
                likeness = _likeness(self._before, full)
        self._before = full
        self._samples.append(
            _Sample(
                time_s,
                float(np.median(full)),
                float(np.percentile(full, 90)),
                float(cv2.Laplacian(luma, cv2.CV_16S).var()),
                float(max(plane[::2, ::2].std() for plane in colour)),
                shift,
                jump,
                likeness,
            )
        )

    def quality(self, frozen: tuple[Interval, ...], end_s: float) -> Quality:
        """Spans and instants over the whole recording."""
        if not self._samples:
            return Quality(frozen=frozen)
        rows = np.array(self._samples, np.float64)
        times, luma, high, sharp, _, shift, jump, likeness = rows.T
        settings = self._settings
        dark = high < settings.dark_luma
        lit = sharp[~dark]
        sharpness = float(np.median(lit)) if lit.size else float(np.median(sharp))
        blurred = ~dark & (sharp < max(settings.blur_sharpness, settings.blur_relative * sharpness))
        sudden = (jump > _JUMP) & (jump > _JUMP_OVER_MEDIAN * np.median(jump))
        moving = (shift >= settings.shift_px) & ~dark
        step_s = 1 / settings.analysis_rate_hz
        cuts = sudden & (likeness < _SAME_SCENE) & ~moving
        # scenes do not change several times a second: that is a camera swung too fast to be followed
        swung = cuts & (np.convolve(cuts | moving, np.ones(2 * round(0.4 / step_s) + 1), "same") > 1)
        cuts, moving = cuts & ~swung, moving | swung
        light = sudden & ~cuts & ~moving & (np.abs(np.diff(luma, prepend=luma[:1])) > _LIGHT_LUMA)
        middles = times - step_s / 2
        return Quality(
            dark=_spans(times, dark, step_s, end_s),
            blurred=_spans(times, blurred, step_s, end_s),
            camera_moving=_spans(times - step_s, moving, step_s, end_s),
            frozen=frozen,
            cuts_s=tuple(float(t) for t in middles[cuts]),
            light_changes_s=tuple(float(t) for t in middles[light]),
            brightness=float(np.clip(np.median(luma), 0, 255)),
            sharpness=sharpness,
        )

    def infrared(self) -> Tri:
        """Yes where hardly any lit picture shows two colours, no where hardly any lacks them."""
        lit = [sample for sample in self._samples if sample.high_luma >= self._settings.dark_luma]
        if not lit:
            return Tri.UNKNOWN
        share = sum(sample.colour_spread < _COLOURLESS_SPREAD for sample in lit) / len(lit)
        if share >= _COLOURLESS_SHARE:
            return Tri.YES
        return Tri.NO if share <= 1 - _COLOURLESS_SHARE else Tri.UNKNOWN

    def _shift(self, before: Grey, after: Grey) -> float:
        """Length of the shift on which most textured blocks agree, pixels of the small picture; 0 when none."""
        rows, columns = _BLOCKS
        height, width = before.shape[0] // rows, before.shape[1] // columns
        window = self._windows.get((width, height))
        if window is None:
            window = self._windows[width, height] = cv2.createHanningWindow((width, height), cv2.CV_32F)
        shifts = []
        for row in range(rows):
            for column in range(columns):
                part = np.s_[row * height : (row + 1) * height, column * width : (column + 1) * width]
                if before[part].std() < _TEXTURE:
                    continue
                # copies, because phaseCorrelate windows its arguments in place
                moved, response = cv2.phaseCorrelate(before[part].copy(), after[part].copy(), window)
                if response > _RESPONSE:
                    shifts.append(moved)
        if len(shifts) < _FEWEST_BLOCKS:
            return 0.0
        found = np.array(shifts)
        middle = np.median(found, axis=0)
        agree = np.hypot(*(found - middle).T) < _AGREE_PX + 0.2 * float(np.hypot(*middle))
        return float(np.hypot(*middle)) if agree.mean() >= _AGREE_SHARE else 0.0


def _likeness(before: Grey, after: Grey) -> float:
    """Correlation of the two pictures' edges, which a change of light leaves in place: -1 to 1."""
    first, second = (_edges(picture) for picture in (before, after))
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 0 else 1.0


def _edges(picture: Grey) -> Grey:
    soft = cv2.GaussianBlur(picture, (0, 0), 1.5)
    return np.asarray(np.log1p(np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))))


def _spans(
    times: np.ndarray[Any, Any], flags: np.ndarray[Any, Any], length_s: float, end_s: float
) -> tuple[Interval, ...]:
    """Flagged samples, each lasting `length_s`, joined over gaps shorter than a second."""
    spans: list[Interval] = []
    for lo in times[flags]:
        start, stop = max(0.0, float(lo)), min(end_s, float(lo) + length_s)
        if spans and start - spans[-1].hi < _MERGE_S:
            spans[-1] = Interval(spans[-1].lo, stop)
        else:
            spans.append(Interval(start, stop))
    return tuple(spans)
