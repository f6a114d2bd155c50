from __future__ import annotations

import numpy as np
import pytest

from research.phantom.acts import MOVEMENTS, perform
from research.phantom.acts.ictal import BURST_S, jerk_times
from research.phantom.acts.postures import POSES, assume
from research.phantom.acts.stage import Stage
from research.phantom.scene import play
from research.phantom.script import Act, Script
from research.phantom.skeleton import Motion
from schemas.catalogue import load_catalogue
from schemas.errors import InvalidRequestError

RATE_HZ = 50.0


def _stage(seconds: float = 30.0, posture: str = "supine") -> Stage:
    motion = Motion(np.arange(int(seconds * RATE_HZ)) / RATE_HZ)
    assume(motion, POSES[posture])
    return Stage(motion, np.random.default_rng(7))


def _moved(stage: Stage, joint: str, onset_s: float, offset_s: float) -> float:
    inside = (stage.time_s >= onset_s) & (stage.time_s < offset_s)
    return float(np.ptp(stage.motion[joint][inside]))


def test_jerks_slow_down_exponentially_between_the_scripted_rates() -> None:
    starts = jerk_times(10.0, 50.0, 5.0, 0.5, np.random.default_rng(1))
    gaps = np.diff(starts)
    assert 1 / gaps[:5].mean() == pytest.approx(5.0, rel=0.12)
    assert 1 / gaps[-2:].mean() == pytest.approx(0.5, rel=0.35)
    log_slope = np.polyfit(starts[:-1], np.log(gaps), 1)[0]
    assert log_slope == pytest.approx(np.log(10) / 40, rel=0.1)
    assert starts[0] == 10.0
    assert starts[-1] + BURST_S <= 50.0


def test_a_one_sided_clonic_act_moves_that_arm_only_and_says_when() -> None:
    stage = _stage()
    marks = perform(Act("clonic", 8.0, 20.0, "right", 1, {"first_hz": 3.0, "last_hz": 2.0}), stage)
    assert _moved(stage, "right_elbow", 12.0, 18.0) > 25
    assert _moved(stage, "left_elbow", 0.0, 30.0) == 0
    assert {m.sign for m in marks} == {"clonic", "unilateral_clonic"}
    assert all(m.side == "right" and m.onset_s == 8.0 and 19.0 < m.offset_s <= 20.0 for m in marks)
    still = _moved(stage, "right_elbow", marks[0].offset_s + 1.6, 30.0)
    assert still < 1e-6


def test_a_tonic_act_moves_once_and_then_holds_with_a_fine_tremble() -> None:
    stage = _stage()
    perform(Act("tonic", 5.0, 20.0, "bilateral_symmetric", 1), stage)
    assert _moved(stage, "left_shoulder_flex", 4.0, 7.0) > 20
    assert 0 < _moved(stage, "left_shoulder_flex", 7.0, 18.0) < 8


def test_version_is_large_and_sustained_and_an_unforced_turn_is_neither() -> None:
    forced, free = _stage(), _stage()
    perform(Act("version", 5.0, 15.0, "right", 1), forced)
    perform(Act("head_turn", 5.0, 15.0, "right"), free)
    hold = (forced.time_s > 8) & (forced.time_s < 14.5)
    assert forced.motion["head_yaw"][hold].max() < -55
    assert free.motion["head_yaw"].min() > -50


def test_arrest_freezes_what_was_going_on_and_lets_it_resume() -> None:
    stage = _stage(posture="sitting")
    perform(Act("fidget", 1.0, 29.0, "bilateral_symmetric"), stage)
    perform(Act("arrest", 12.0, 20.0, episode=1), stage)
    busy = _moved(stage, "left_fingers", 4.0, 11.0)
    assert _moved(stage, "left_fingers", 12.6, 19.2) < 1e-6 < busy
    assert _moved(stage, "left_fingers", 21.0, 28.0) > 0.3 * busy


def test_figure_four_names_the_straight_elbow() -> None:
    stage = _stage()
    marks = perform(Act("figure4", 5.0, 15.0, "left", 1), stage)
    at = int(10 * RATE_HZ)
    assert stage.motion["left_elbow"][at] < 15
    assert stage.motion["right_elbow"][at] > 90
    assert next(m for m in marks if m.sign == "figure4").side == "left"


def test_full_body_shaking_keeps_its_rate() -> None:
    stage = _stage(40.0)
    perform(Act("shaking", 4.0, 36.0, "bilateral_symmetric", 1, {"hz": 4.6, "steady": 1.0}), stage)
    inside = (stage.time_s > 6) & (stage.time_s < 34)
    wave = stage.motion["left_elbow"][inside]
    power = np.abs(np.fft.rfft(wave - wave.mean())) ** 2
    hz = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    assert hz[power.argmax()] == pytest.approx(4.6, abs=0.1)


@pytest.mark.parametrize("kind", sorted(MOVEMENTS))
def test_every_movement_moves_something_and_marks_only_signs_of_the_catalogue(kind: str) -> None:
    known = set(load_catalogue().by_id)
    stage = _stage()
    before = stage.motion.values.copy()
    side = (
        "left"
        if kind
        in {
            "figure4",
            "dystonic",
            "version",
            "head_turn",
            "brush_teeth",
            "wave",
            "scratch",
            "eat",
            "turn_over",
            "tremor",
        }
        else "bilateral_symmetric"
    )
    marks = perform(Act(kind, 5.0, 20.0, side, 1), stage)
    assert np.isfinite(stage.motion.values).all()
    assert not np.array_equal(before, stage.motion.values)
    assert {m.sign for m in marks if m.sign} <= known
    assert all(5.0 <= m.onset_s < m.offset_s <= 20.0 for m in marks)


def test_what_a_movement_cannot_do_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="no movement is called 'dance'"):
        perform(Act("dance", 1.0, 2.0), _stage())
    with pytest.raises(InvalidRequestError, match="not 'undetermined'"):
        perform(Act("clonic", 1.0, 2.0), _stage())


def test_one_more_act_does_not_change_the_others() -> None:
    first = Act("automatisms", 4.0, 12.0, "left", 1)
    alone = play(Script("a", 30.0, (first,)), 3, 25.0)
    together = play(Script("a", 30.0, (first, Act("cough", 20.0, 28.0, "bilateral_symmetric"))), 3, 25.0)
    early = alone.time_s < 15
    np.testing.assert_array_equal(alone.patient["left_wrist"][early], together.patient["left_wrist"][early])
