"""Outlines, crops and drawings: smooth, of the patient alone, and empty where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.recording import Interval
from services.media.masks import MaskTrack
from services.segmentation.joints import Joint, Joints, JointTrack
from services.segmentation.views import draw
from services.segmentation.views.crops import CropPath, face_path, hand_paths, neither
from services.segmentation.views.outline import Outlines
from tests.services.segmentation.bodies import body

PROXY = (320, 180)
STEP_S = 0.4


def boxes(*columns: int | None, others: int | None = None, step_s: float = STEP_S) -> MaskTrack:
    """A patient eight cells wide whose left edge is at these columns of 64."""
    patient = np.zeros((len(columns), 36, 64), bool)
    other = np.zeros_like(patient)
    for row, column in enumerate(columns):
        if column is not None:
            patient[row, 8:28, column : column + 8] = True
        if others is not None:
            other[row, 8:28, others : others + 4] = True
    return MaskTrack.of(np.arange(len(columns)) * step_s, patient, other)


def track(*found: Joints | None) -> JointTrack:
    return JointTrack.of([STEP_S * k for k in range(len(found))], found)


# --- outlines


def test_an_outline_moves_between_masks() -> None:
    outlines = Outlines(boxes(20, 24), ())
    middles = []
    for time_s in (0.0, 0.2, 0.4):
        alpha = outlines.at(time_s, 320, 180)
        assert alpha is not None
        assert alpha.sum() == pytest.approx(8 * 20 * 25, rel=0.08)
        middles.append(np.nonzero(alpha > 0.5)[1].mean() + 0.5)
    assert middles == pytest.approx([120, 130, 140], abs=1.0)


def test_others_are_never_inside_even_with_a_margin() -> None:
    alpha = Outlines(boxes(20, 20, others=28), ()).at(0.1, 320, 180, margin=0.05)
    assert alpha is not None
    assert alpha[90, 141:159].max() == 0
    assert alpha[90, 90] == 1, "the margin widens the other side"


def test_no_outline_where_the_patient_is_missing_or_masks_are_far_apart() -> None:
    assert Outlines(boxes(20, 20), (Interval(0.0, 0.1),)).at(0.05, 320, 180) is None
    assert Outlines(boxes(20, 20, step_s=3.0), ()).at(1.5, 320, 180) is None
    assert Outlines(boxes(None, None), ()).at(0.0, 320, 180) is None
    assert (
        Outlines(MaskTrack.of(np.zeros(0), np.zeros((0, 4, 4), bool), np.zeros((0, 4, 4), bool)), ()).at(0, 9, 9)
        is None
    )


# --- crops


def test_the_face_is_in_the_middle_of_its_square_and_the_square_moves_smoothly() -> None:
    jitter = np.random.default_rng(2).normal(0, 2, 12)
    path = face_path(track(*(body(160 + shift, 60) for shift in jitter)), boxes(20), PROXY, 12 * STEP_S)
    assert path.missing == ()
    cuts = [path.at(time_s) for time_s in np.arange(0, 4.8, 0.1)]
    shown = np.array([(cut.x, cut.y, cut.width) for cut in cuts if cut is not None])
    assert len(shown) == 48
    assert np.abs(shown[:, 0] - 160).max() < 3
    assert shown[:, 0].std() < 0.6 * jitter.std()
    assert np.ptp(shown[:, 2]) < 0.5, "no zooming in and out"
    assert 24 < shown[0, 2] < 48, "a head and some room: ears are 14 px apart, shoulders 40 px wide as the trunk says"


def test_a_hidden_face_is_shown_for_its_direction_and_reported_missing() -> None:
    hidden = body(160, 60, hidden=range(5))
    path = face_path(track(body(160, 60), *[hidden] * 6), boxes(*[29] * 7), PROXY, 7 * STEP_S)
    assert path.missing == (Interval(pytest.approx(0.2, abs=0.01), pytest.approx(2.8)),)
    cut = path.at(2.0)
    assert cut is not None
    assert abs(cut.x - 160) < 4


def test_without_joints_the_head_end_of_the_mask_is_shown_and_reported_missing() -> None:
    path = face_path(track(body(160, 45), *[None] * 9), boxes(*[28] * 10), PROXY, 10 * STEP_S)
    assert path.missing == (Interval(pytest.approx(0.2, abs=0.01), pytest.approx(4.0)),)
    cut = path.at(3.0)
    assert cut is not None
    assert cut.x == pytest.approx(160, abs=4)
    assert 40 <= cut.y < 60, "the upper end of a mask from 40 to 140"
    nothing = face_path(track(None, None), boxes(28, 28), PROXY, 0.8)
    assert nothing.at(0.2) is None
    assert nothing.missing == (Interval(0.0, 0.8),)


def test_each_hand_has_its_own_rectangle() -> None:
    left, right = hand_paths(track(body(160, 40), body(160, 40, hidden=[Joint.RIGHT_WRIST])), 2.0)
    cut = left.at(0.0)
    assert cut is not None
    assert (cut.x, cut.y) == pytest.approx((180.7, 93.6))
    assert cut.height == 2 * cut.width
    assert right.at(0.0) is not None
    assert right.at(0.4) is None
    assert neither((left, right), 0.8) == ()
    hidden = body(160, 40, hidden=[Joint.LEFT_WRIST, Joint.RIGHT_WRIST])
    assert neither(hand_paths(track(hidden, hidden), 2.0), 0.8) == (Interval(0.0, 0.8),)
    assert CropPath(np.zeros(0), np.zeros((0, 4)), ()).width_px() == 0


# --- drawings


def test_the_silhouette_keeps_the_patient_and_nothing_else() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (180, 320, 3), np.uint8)
    outline = np.zeros((180, 320), np.float32)
    outline[40:80, 100:140] = 1
    for fill, value in (("black", 0), ("grey", draw.GREY)):
        shown = draw.silhouette(picture, outline, fill)  # type: ignore[arg-type]
        assert (shown[40:80, 100:140] == picture[40:80, 100:140]).all()
        assert (shown[outline == 0] == value).all()
        assert (draw.silhouette(picture, None, fill) == value).all()  # type: ignore[arg-type]
    blurred = draw.silhouette(picture, outline, "blur")
    assert (blurred[40:80, 100:140] == picture[40:80, 100:140]).all()
    assert blurred[outline == 0].std() < 0.2 * picture.std()


def test_the_skeleton_is_orange_on_the_patients_left_and_blue_on_the_right() -> None:
    drawn = draw.skeleton(np.zeros((180, 320, 3), np.uint8), body(160, 40))
    left, right = drawn[60:90, 170:190], drawn[60:90, 130:150]
    assert left[..., 2].max() > 200
    assert left[..., 0].max() < 60
    assert right[..., 0].max() > 200
    assert right[..., 2].max() < 90
    assert draw.skeleton(np.zeros((180, 320, 3), np.uint8), body(160, 40, hidden=range(17))).max() == 0


def test_the_privacy_view_shows_no_pixel_of_the_recording() -> None:
    outline = np.zeros((180, 320), np.float32)
    outline[40:80, 100:140] = 1
    shown = draw.privacy(outline, None, 320, 180)
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 2, "one colour on black"
    assert draw.privacy(None, body(160, 40), 320, 180).max() == 0, "no mask: a black frame, skeleton or not"
    assert draw.privacy(outline, body(120, 40), 320, 180)[..., 2].max() > 200
