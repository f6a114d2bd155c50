"""Which pictures repeat the one before: the true rate of the camera, and stalls of the recorder."""

from __future__ import annotations

from array import array
from typing import Any

import av
import numpy as np

from schemas.recording import Interval
from services.media.geometry import plane_samples

_SAMPLES = 2048
_MOST_OFF = 3
_MEAN_OFF = 0.05
_FEWEST_STEPS = 10
_LONGEST_STEP_S = 0.5
_MOST_REPEATS = 0.3


class Repeats:
    """Compares a thin sample of each decoded picture with the last distinct one.

    Encoders leave traces in repeated pictures, so a repeat is what stays below any camera's noise.
    """

    def __init__(self) -> None:
        self._before: np.ndarray[Any, np.dtype[np.int16]] | None = None
        self._times = array("d")
        self._distinct = array("d")

    def see(self, time_s: float, raw: av.VideoFrame) -> None:
        """Take the next decoded picture."""
        plane = plane_samples(raw, 0).reshape(-1)
        # an odd stride wanders over the columns, so that no part of the picture is left out
        sample = plane[:: max(1, plane.size // _SAMPLES) | 1].astype(np.int16)
        self._times.append(time_s)
        if self._before is not None and self._before.size == sample.size:
            off = np.abs(sample - self._before)
            if off.max() <= _MOST_OFF and off.mean() <= _MEAN_OFF:
                return
        self._before = sample
        self._distinct.append(time_s)

    def effective_rate_hz(self) -> float:
        """Median rate of distinct pictures while something changes; the file's own where too little does."""
        steps = np.diff(np.frombuffer(self._distinct, np.float64))
        steps = steps[(steps > 0) & (steps <= _LONGEST_STEP_S)]
        if steps.size < _FEWEST_STEPS:
            steps = self._steps()
        return float(1 / np.median(steps)) if steps.size else 0.0

    def variable_rate(self) -> bool:
        """Steps between pictures vary by more than a tenth of their median (5th to 95th percentile)."""
        steps = self._steps()
        if not steps.size:
            return False
        low, middle, high = np.percentile(steps, (5, 50, 95))
        return bool(high - low > 0.1 * middle + 0.002)

    def frozen(self, least_s: float, end_s: float) -> tuple[Interval, ...]:
        """Spans of identical pictures, if the recording otherwise changes from picture to picture.

        A clean recording of a still scene repeats pictures too: where many repeat everywhere, none counts as a stall.
        """
        times = np.frombuffer(self._times, np.float64)
        starts = np.frombuffer(self._distinct, np.float64)
        ends = np.append(starts[1:], end_s)
        long = ends - starts >= least_s
        inside = np.zeros(times.size, bool)
        for lo, hi in zip(starts[long], ends[long], strict=True):
            inside |= (times > lo) & (times < hi)
        outside = times.size - int(inside.sum())
        repeats = outside - starts.size
        if not outside or repeats > _MOST_REPEATS * outside:
            return ()
        return tuple(Interval(float(lo), float(hi)) for lo, hi in zip(starts[long], ends[long], strict=True))

    def _steps(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        steps = np.diff(np.frombuffer(self._times, np.float64))
        return steps[steps > 0]
