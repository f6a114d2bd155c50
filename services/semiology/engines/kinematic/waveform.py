"""One limb's movement as a single signed curve, and the jerks in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.semiology.engines.kinematic.flow import MotionGrid

Floats = npt.NDArray[Any]

BLOCK_S = 8.0
"""Length over which the direction of movement is taken as fixed."""
REACH_S = 6.0
"""How far outside a rhythmic run jerks that belong to it are looked for (down to 0.2 Hz: 5 s apart)."""
FASTEST_HZ = 8.0
"""Two jerks closer than this are one."""
PEAK_SHARE = 0.4
"""A jerk's velocity peak reaches this share of its neighbours' (2 s around)."""
FIRST_SHARE = 0.12
"""The first jerks are small: looking back from the train they count down to this share of the usual strength."""
FIRST_JERKS = 3
SLOWEST_HZ = 0.2
"""Late clonic jerks are followed down to this rate (Case 2025: 0.2–5 Hz)."""
STRETCH = 2.5
"""The next pause may be this many times as long as the one before; a longer one ends the train."""


@dataclass(frozen=True)
class Train:
    """A train of jerks."""

    times_s: Floats
    """(n,) velocity peaks, seconds from the recording's first frame."""
    onset_s: float
    """Begin of the first jerk."""
    offset_s: float
    """End of the last jerk."""
    start_hz: float
    """Median rate of the first third."""
    end_hz: float
    """Median rate of the last third."""
    trend: float
    """Kendall's tau of the pauses against time: 1 when every pause is longer than the one before."""
    variation: float
    """Coefficient of variation of the pauses."""
    peakedness: float
    """Kurtosis of the velocity over its own envelope: 1.5 for a sine, higher for jerks with pauses."""
    skew: float
    """Absolute skewness of the same: 0 for an even swing, higher when one phase is faster than the other."""

    @property
    def duration_s(self) -> float:
        return self.offset_s - self.onset_s


def waveform(grid: MotionGrid, cells: npt.NDArray[np.bool_], begin: int, end: int) -> Floats:
    """(n,) the strongest common movement of `cells`, signed, over the whole part; zero far from [begin, end).

    The first principal component of all cells' velocities, per block, blocks cross-faded with their signs aligned.
    """
    count = len(grid.time_s)
    block = round(BLOCK_S * grid.rate_hz)
    half = block // 2
    reach = round(REACH_S * grid.rate_hz)
    low, high = max(0, begin - reach), min(count, end + reach)
    signal, weight = np.zeros(count), np.full(count, 1e-9)
    fade = np.hanning(block + 2)[1:-1]
    for start in range(low - half, high, half):
        left, right = max(low, start), min(high, start + block)
        if right - left < 8:
            continue
        data = grid.velocity[left:right][:, cells].astype(np.float64).reshape(right - left, -1)
        data = data - np.median(data, axis=0)
        component = _component(data)
        taper = fade[left - start : right - start]
        if float(signal[left:right] @ (component * taper)) < 0:
            component = -component
        signal[left:right] += component * taper
        weight[left:right] += taper
    return np.asarray(signal / weight)


def _component(data: Floats) -> Floats:
    """Projection on the first principal direction (by the small covariance matrix)."""
    covariance = data.T @ data
    direction = np.linalg.eigh(covariance)[1][:, -1]
    return np.asarray(data @ direction)


def jerk_train(signal: Floats, time_s: Floats, begin: int, end: int, rate_hz: float) -> Train | None:
    """The train of jerks around [begin, end); none with fewer than 4."""
    shape = _shape(signal[begin:end], rate_hz)
    if shape is None:
        return None
    peakedness, skew = shape
    upward = signal if skew >= 0 else -signal
    peaks = _peaks(upward, rate_hz)
    inside = peaks[(peaks >= begin) & (peaks < end)]
    if len(inside) < 4:
        return None
    chain = _chain(peaks, upward, inside, rate_hz)
    if len(chain) < 4:
        return None
    times = time_s[chain]
    pauses = np.diff(times)
    third = max(1, len(pauses) // 3)
    lead = min(0.12, 0.3 * float(np.median(pauses)))
    return Train(
        times_s=times,
        onset_s=float(times[0] - lead),
        offset_s=float(times[-1] + lead),
        start_hz=float(1 / np.median(pauses[:third])),
        end_hz=float(1 / np.median(pauses[-third:])),
        trend=_kendall(pauses),
        variation=float(np.std(pauses) / np.mean(pauses)),
        peakedness=peakedness,
        skew=abs(skew),
    )


def _shape(signal: Floats, rate_hz: float) -> tuple[float, float] | None:
    """Kurtosis and skewness of the signal over its envelope (so that a swelling amplitude does not count)."""
    length = round(2.0 * rate_hz)
    if len(signal) < length:
        return None
    envelope = np.sqrt(np.convolve(signal**2, np.ones(length) / length, "same"))
    active = envelope > 0.35 * float(np.percentile(envelope, 90))
    scaled = (signal / (envelope + 1e-12))[active]
    if len(scaled) < length:
        return None
    scaled = (scaled - scaled.mean()) / (scaled.std() + 1e-12)
    return float((scaled**4).mean()), float((scaled**3).mean())


def _peaks(signal: Floats, rate_hz: float, share: float = PEAK_SHARE) -> npt.NDArray[np.intp]:
    """Indices of upward velocity peaks that stand out from their surroundings."""
    smooth = np.convolve(signal, [0.25, 0.5, 0.25], "same")
    top = np.flatnonzero((smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:]) & (smooth[1:-1] > 0)) + 1
    if not len(top):
        return np.zeros(0, np.intp)
    near = round(2.0 * rate_hz)
    height: Floats = smooth[top]
    reference = np.array([np.percentile(height[np.abs(top - k) <= near], 80) for k in top])
    top = top[height >= share * reference]
    return _apart([int(k) for k in top], smooth, rate_hz / FASTEST_HZ)


def _apart(top: list[int], smooth: Floats, gap: float) -> npt.NDArray[np.intp]:
    """Drops the lower of two peaks closer than `gap`."""
    kept: list[int] = []
    for k in top:
        if kept and k - kept[-1] < gap:
            if smooth[k] > smooth[kept[-1]]:
                kept[-1] = k
        else:
            kept.append(k)
    return np.array(kept, dtype=np.intp)


def _chain(
    peaks: npt.NDArray[np.intp], signal: Floats, inside: npt.NDArray[np.intp], rate_hz: float
) -> npt.NDArray[np.intp]:
    """The run's jerks, continued outwards while rate and strength go on."""
    usual = float(np.median(signal[inside]))
    strong = peaks[signal[peaks] >= 0.3 * usual]
    core: npt.NDArray[np.intp] = strong[(strong >= inside[0]) & (strong <= inside[-1])]
    if len(core) < 4:
        return core
    pauses = np.diff(core) / rate_hz
    # A pause that breaks the train splits it; the longest piece stays.
    limit = np.minimum(1 / SLOWEST_HZ, STRETCH * np.maximum(_running_median(pauses), 0.3))
    pieces = np.split(core, np.flatnonzero(pauses > limit) + 1)
    chain = [int(k) for k in max(pieces, key=lambda piece: piece.size)]
    if len(chain) < 4:
        return np.asarray(chain, np.intp)
    for k in strong[strong > chain[-1]]:
        pause, last = (k - chain[-1]) / rate_hz, float(np.median(np.diff(chain[-4:]))) / rate_hz
        if pause > min(1 / SLOWEST_HZ, STRETCH * max(last, 0.3)):
            break
        chain.append(int(k))
    for k in strong[strong < chain[0]][::-1]:
        if (chain[0] - k) / rate_hz > STRETCH * max(_pace_s(chain, rate_hz), 0.25):
            break
        chain.insert(0, int(k))
    weak = _peaks(signal, rate_hz, FIRST_SHARE)
    weak = weak[signal[weak] >= FIRST_SHARE * usual]
    for k in weak[weak < chain[0]][::-1][:FIRST_JERKS]:
        # At the pace of the train: the finer tremor of a tonic phase before it is none of its jerks.
        if not 0.6 <= (chain[0] - k) / rate_hz / _pace_s(chain, rate_hz) <= STRETCH:
            break
        chain.insert(0, int(k))
    return np.asarray(chain, np.intp)


def _pace_s(chain: list[int], rate_hz: float) -> float:
    """Median of the first three pauses, seconds."""
    return float(np.median(np.diff(chain[:4]))) / rate_hz


def _running_median(values: Floats) -> Floats:
    return np.array([np.median(values[max(0, k - 2) : k + 3]) for k in range(len(values))])


def _kendall(values: Floats) -> float:
    """Kendall's tau of a sequence against its own order."""
    count = len(values)
    if count < 3:
        return 0.0
    signs = np.sign(values[None, :] - values[:, None])
    return float(np.triu(signs, 1).sum() / (count * (count - 1) / 2))
