"""Joints over time: whose they are, how they are interpolated, and where they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.recording import Box, Interval
from services.media.masks import MaskTrack
from services.segmentation.joints import OTHER_SIDE, Joint, Joints, JointTrack, follow, spans_without, steady
from services.segmentation.settings import SegmentationSettings
from tests.services.segmentation.bodies import Finder, body
from tests.support import videos

STEP_S = 0.4


def track(*found: Joints | None) -> JointTrack:
    return JointTrack.of([STEP_S * k for k in range(len(found))], found)


def masks(patient: Box, others: Box | None = None) -> MaskTrack:
    def cells(box: Box | None) -> np.ndarray:  # type: ignore[type-arg]
        grid = np.zeros((5, 36, 64), bool)
        if box is not None:
            grid[:, int(box.top * 36) : int(box.bottom * 36), int(box.left * 64) : int(box.right * 64)] = True
        return grid

    return MaskTrack.of(np.arange(5) * STEP_S, cells(patient), cells(others))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return videos.write_video(tmp_path / "p.mp4", videos.scene(320, 180), seconds=2.0, rate=10)


def test_joints_move_in_a_straight_line_between_stills_but_not_over_long_gaps() -> None:
    seen = track(body(100, 40), None, body(110, 40), None, None, None, body(300, 40))
    middle = seen.at(0.4)
    assert middle is not None
    assert middle.places[Joint.NOSE] == pytest.approx([105, 40])
    assert seen.at(1.6) is None, "1.6 s between two finds: the patient may have been anywhere"
    late = seen.at(2.4 + 0.3)
    assert late is not None, "the last still stands till the end of its step"
    assert late.places[Joint.NOSE] == pytest.approx([300, 40])
    assert seen.at(2.4 + 0.6) is None
    assert JointTrack.of([], []).at(0.0) is None


def test_spans_without_agree_with_what_at_any_instant_is_given() -> None:
    seen = track(None, None, body(100, 40), None, body(110, 40), None, None, None, body(300, 40))
    gaps = spans_without(seen.time_s, seen.found, 3.6)
    assert np.array(gaps) == pytest.approx(np.array([[0.0, 0.6], [1.8, 3.0]]), abs=1e-3)
    for time_s in np.arange(0.02, 3.6, 0.05):
        assert (seen.at(time_s) is None) == any(gap.lo < time_s < gap.hi for gap in gaps), time_s
    assert spans_without(np.zeros(0), np.zeros(0, bool), 5.0) == (Interval(0.0, 5.0),)


def test_the_body_on_the_patients_mask_is_followed_and_the_nurse_is_not(video: Path) -> None:
    patient, nurse = body(80, 40), body(240, 40)
    finder = Finder([(nurse, patient)] + [(nurse,)] * 20)
    found = follow(finder, video, masks(Box(0.15, 0.1, 0.4, 0.9), Box(0.6, 0.1, 0.9, 0.9)), None, 2.5, lambda _: None)
    assert found.found.tolist() == [True, False, False, False, False]
    assert found.places[0, Joint.NOSE] == pytest.approx([80, 40])


def test_where_nobody_is_masked_nobody_is_looked_for(video: Path) -> None:
    finder = Finder([(body(80, 40),)] * 20)
    found = follow(finder, video, masks(Box(0, 0, 0, 0)), None, 2.5, lambda _: None)
    assert not found.found.any()
    assert finder.asked == []


def test_a_followed_body_costs_one_look_a_still_and_a_lost_one_a_search_a_second(video: Path) -> None:
    kept, lost = Finder([(body(80, 40),)] * 20), Finder([])
    for finder in (kept, lost):
        follow(finder, video, masks(Box(0.15, 0.1, 0.4, 0.9)), Box(0.2, 0.1, 0.4, 0.9), 2.5, lambda _: None)
    assert [before for _, before in kept.asked] == [False, True, True, True, True]
    assert kept.asked[0][0] == (48, 0, 144, 180), "the patient's region with a margin"
    assert len(lost.asked) == 2 * 2, "region and whole picture, at 0 and 1.2 s"


def test_exchanged_sides_in_single_stills_are_put_right() -> None:
    right = [body(100 + k, 40) for k in range(6)]
    wrong = [Joints(joints.places[OTHER_SIDE], joints.visible) for joints in right]
    fixed = steady(track(right[0], wrong[1], right[2], right[3], wrong[4], right[5]))
    assert fixed.places == pytest.approx(np.array([joints.places for joints in right]))
    mostly = steady(track(wrong[0], right[1], right[2], right[3], right[4]))
    assert mostly.places == pytest.approx(np.array([joints.places for joints in right[:5]])), "the majority decides"


def test_long_recordings_get_fewer_stills_but_never_too_few_to_interpolate() -> None:
    settings = SegmentationSettings()
    assert settings.joints_rate_hz(60) == 2.5
    assert settings.joints_rate_hz(2 * 3600) == pytest.approx(1.25)
    assert settings.joints_rate_hz(5000) == pytest.approx(1.8)
    assert settings.joints_rate_hz(24 * 3600) == pytest.approx(1.25)
