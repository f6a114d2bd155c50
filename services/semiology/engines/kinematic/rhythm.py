"""Rhythmic movement: where it repeats at 2–6 Hz, its waveform, its single jerks, and how they evolve.

Band and reference after Kalitzin 2012 and Geertsema 2018 (share of 2–6 Hz in 0.5–12.5 Hz of the optical flow). That
ratio only nominates a run. Whether it looks clonic is read from its jerks: a fast contraction and a slower relaxation
with a pause make a peaked, skewed velocity, and the pauses lengthen (burst frequency falls; Case 2025), while voluntary
rhythms swing evenly at a constant pace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.semiology.engines.kinematic.flow import MotionGrid
from services.semiology.engines.kinematic.waveform import Floats, Train, jerk_train, waveform

WINDOW_S = 4.0
"""Spectral window: 8 cycles at 2 Hz."""
HOP_S = 0.5
"""Step of the window; finer timing comes from the jerks themselves."""
BAND_HZ = (2.0, 6.0)
REFERENCE_HZ = (0.5, 12.5)
RATIO = 0.5
"""Share of the band in the reference above which a cell is rhythmic (the published rule's value)."""
SMALLEST_SPEED = 0.008
"""Velocity (root mean square in the band, picture long sides per second) below which a cell is noise: 2.5 px/s at the
working size, a fifth of a pixel of swing at 2 Hz; flow noise of a still picture lies 20 times lower."""
SMALLEST_CELLS = 2
"""Adjacent rhythmic cells of a source: a moving hand covers at least two."""
MOST_CELLS = 40
"""The strongest cells that enter a run's waveform; more add cost, no information."""
GAP_S = 2.0
"""Pause within one run: late clonic jerks come slower than the band, then the jerks decide."""


@dataclass
class Run:
    """A rhythmic source over time, grown window by window."""

    first: int
    """First window."""
    last: int
    """Last window."""
    energy: Floats
    """(rows, columns) band power summed over windows."""
    recent: npt.NDArray[np.bool_]
    """(rows, columns) cells of the last window in which it was seen, widened by one cell."""
    ratio: list[float]
    """Band ratio of each window."""
    places: list[tuple[float, float]]
    """Centre (row, column) of the source in each window."""

    @property
    def travel(self) -> float:
        """Cells between where the source is in the first and in the last third of its windows."""
        third = max(1, len(self.places) // 3)
        begin, end = np.median(self.places[:third], axis=0), np.median(self.places[-third:], axis=0)
        return float(np.hypot(*(end - begin)))


@dataclass(frozen=True)
class Rhythm:
    """A rhythmic run with its jerks."""

    energy: Floats
    """(rows, columns) where it moves, band power."""
    cells: npt.NDArray[np.bool_]
    """(rows, columns) cells that carry it."""
    ratio: float
    """Median share of 2–6 Hz."""
    speed: float
    """Velocity (root mean square) of its strongest cell, picture long sides per second."""
    travel: float
    """How far its place moved from its first to its last third, picture widths: somebody who walks moves on."""
    train: Train
    """Its jerks."""


def rhythms(grid: MotionGrid, weight: Floats) -> tuple[Rhythm, ...]:
    """Rhythmic runs inside `weight` (rows, columns; 0 where the patient is not), in time order."""
    found = [_describe(grid, run) for run in _runs(grid, weight)]
    return tuple(sorted((r for r in found if r is not None), key=lambda r: r.train.onset_s))


def _runs(grid: MotionGrid, weight: Floats) -> list[Run]:
    length, hop = round(WINDOW_S * grid.rate_hz), max(1, round(HOP_S * grid.rate_hz))
    frequency = np.fft.rfftfreq(length, 1 / grid.rate_hz)
    taper = np.hanning(length)[:, None].astype(np.float32)
    gain = 2.0 / float((taper**2).sum()) / length  # mean square of a tapered signal from its one-sided spectrum
    band = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    reference = (frequency >= REFERENCE_HZ[0]) & (frequency <= REFERENCE_HZ[1])
    open_runs: list[Run] = []
    done: list[Run] = []
    flat_weight = weight.reshape(-1)
    for window in range(max(0, (len(grid.time_s) - length) // hop + 1)):
        part = np.s_[window * hop : window * hop + length]
        moved = (grid.speed[part].max(axis=0).reshape(-1) > SMALLEST_SPEED) & (flat_weight > 0)
        band_power = np.zeros(flat_weight.size, np.float32)
        total_power = np.full(flat_weight.size, 1e-12, np.float32)
        if moved.any():
            velocity = grid.velocity[part].reshape(length, -1, 2)[:, moved].astype(np.float32).reshape(length, -1)
            power = np.abs(np.fft.rfft(velocity * taper, axis=0)) ** 2 * gain
            band_power[moved] = power[band].sum(axis=0).reshape(-1, 2).sum(axis=1)
            total_power[moved] = power[reference].sum(axis=0).reshape(-1, 2).sum(axis=1) + 1e-12
        ratio = band_power / total_power
        rhythmic = (ratio >= RATIO) & (band_power >= SMALLEST_SPEED**2)
        sources = _sources(rhythmic.reshape(weight.shape))
        _link(open_runs, sources, window, band_power.reshape(weight.shape), ratio.reshape(weight.shape))
        late = window - round(GAP_S / HOP_S)
        done += [run for run in open_runs if run.last < late]
        open_runs = [run for run in open_runs if run.last >= late]
    return done + open_runs


def _sources(rhythmic: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    """Connected groups of rhythmic cells."""
    import cv2

    count, labels = cv2.connectedComponents(rhythmic.astype(np.uint8), connectivity=8)
    groups = [labels == k for k in range(1, count)]
    return [group for group in groups if int(group.sum()) >= SMALLEST_CELLS]


def _link(runs: list[Run], sources: list[npt.NDArray[np.bool_]], window: int, power: Floats, ratio: Floats) -> None:
    """Adds each source to the runs it touches; runs that a source joins become one."""
    for source in sources:
        wide = _widened(source)
        touched = [run for run in runs if bool((run.recent & wide).any())]
        energy = np.where(source, power, 0)
        share = float(np.average(ratio[source], weights=power[source]))
        place = (float(np.average(np.nonzero(source)[0])), float(np.average(np.nonzero(source)[1])))
        if not touched:
            runs.append(Run(window, window, energy, wide, [share], [place]))
            continue
        run = touched[0]
        for other in touched[1:]:
            run.first = min(run.first, other.first)
            run.energy = run.energy + other.energy
            run.recent = run.recent | other.recent
            run.ratio += other.ratio
            run.places += other.places
            runs[:] = [kept for kept in runs if kept is not other]
        run.recent = wide | run.recent if run.last == window else wide
        run.last, run.energy = window, run.energy + energy
        run.ratio.append(share)
        run.places.append(place)


def _widened(cells: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    import cv2

    widened: npt.NDArray[Any] = cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8))
    return widened.astype(bool)


def _describe(grid: MotionGrid, run: Run) -> Rhythm | None:
    """The run's waveform and jerks; none when no train of jerks is in it."""
    if run.last - run.first < 2:
        return None
    floor = max(0.1 * float(run.energy.max()), float(np.partition(run.energy.ravel(), -MOST_CELLS)[-MOST_CELLS]))
    cells = run.energy >= floor
    hop, length = round(HOP_S * grid.rate_hz), round(WINDOW_S * grid.rate_hz)
    begin, end = run.first * hop, run.last * hop + length
    signal = waveform(grid, cells, begin, end)
    train = jerk_train(signal, grid.time_s, begin, end, grid.rate_hz)
    if train is None:
        return None
    strongest = np.unravel_index(int(run.energy.argmax()), run.energy.shape)
    inside = (grid.time_s >= train.onset_s) & (grid.time_s <= train.offset_s)
    moving = grid.velocity[inside][:, strongest[0], strongest[1]].astype(np.float32)
    speed = float(np.sqrt((moving**2).sum(axis=1).mean())) if inside.any() else 0.0
    travel = run.travel / run.energy.shape[1]
    return Rhythm(run.energy, cells, float(np.median(run.ratio)), speed, travel, train)
