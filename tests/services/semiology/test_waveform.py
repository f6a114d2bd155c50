"""Jerk trains read from bare signals: what slows and jerks against what swings evenly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from services.semiology.engines.kinematic.waveform import Train, jerk_train

RATE_HZ = 30.0
Curve = npt.NDArray[np.float64]


def clock(seconds: float = 45.0) -> Curve:
    return np.arange(int(seconds * RATE_HZ)) / RATE_HZ


def slowing_jerks(first_s: float, last_s: float, first_hz: float, last_hz: float) -> tuple[Curve, list[float]]:
    """Velocity of jerks (fast out, slow back) whose pauses lengthen, and when each begins."""
    time_s, curve, begins, at = clock(), np.zeros(len(clock())), [], first_s
    while at < last_s:
        begins.append(at)
        since = time_s - at
        curve += np.where((since >= 0) & (since < 0.1), np.sin(np.pi * since / 0.1), 0)
        curve -= np.where((since >= 0.1) & (since < 0.3), 0.5 * np.sin(np.pi * (since - 0.1) / 0.2), 0)
        share = (at - first_s) / (last_s - first_s)
        at += 1 / (first_hz * (last_hz / first_hz) ** share)
    return curve, begins


def read(curve: Curve, begin_s: float, end_s: float) -> Train:
    train = jerk_train(curve, clock(), int(begin_s * RATE_HZ), int(end_s * RATE_HZ), RATE_HZ)
    assert train is not None
    return train


def test_a_clonic_train_slows_and_jerks() -> None:
    curve, begins = slowing_jerks(10, 30, 4.0, 1.2)
    train = read(curve, 11, 26)
    assert train.start_hz == pytest.approx(3.4, abs=0.5)
    assert train.end_hz == pytest.approx(1.4, abs=0.3)
    assert train.trend > 0.6
    assert max(train.peakedness - 2.1, train.skew - 0.3) > 0.5
    assert len(train.times_s) == pytest.approx(len(begins), abs=2)


def test_onset_and_offset_are_followed_out_of_the_nominated_span() -> None:
    curve, begins = slowing_jerks(10, 35, 4.0, 0.5)
    train = read(curve, 12, 24)
    assert train.onset_s == pytest.approx(begins[0], abs=0.3)
    assert train.offset_s == pytest.approx(begins[-1], abs=0.6)


def test_an_even_voluntary_swing_neither_slows_nor_jerks() -> None:
    time_s = clock()
    curve = np.sin(2 * np.pi * 3.0 * time_s) * ((time_s > 8) & (time_s < 40))
    train = read(curve, 9, 39)
    assert abs(train.trend) < 0.2
    assert train.peakedness < 2.0
    assert train.skew < 0.2


def test_tremor_before_the_jerks_is_not_taken_into_the_train() -> None:
    curve, begins = slowing_jerks(15, 30, 3.5, 1.5)
    time_s = clock()
    curve = curve + 0.25 * np.sin(2 * np.pi * 8 * time_s) * ((time_s > 5) & (time_s < 15))
    assert read(curve, 16, 28).onset_s > begins[0] - 1.2


def test_three_jerks_are_no_train() -> None:
    curve, _ = slowing_jerks(10, 10.9, 3.0, 3.0)
    assert jerk_train(curve, clock(), 270, 420, RATE_HZ) is None
