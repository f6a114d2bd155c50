"""Detectors on made-up movement grids, and the reasons why a sign is not judged."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas.catalogue import load_catalogue
from schemas.engine import EngineInfo
from schemas.recording import IntakeResult, Interval, ObjectRef, Recording, RecordingFacts, Tri
from schemas.segmentation import BodyPart, Segmentation, StaffContact
from schemas.semiology import CoverageGap, Reason, Side
from services.semiology.engines import Answer, Evidence, Proposal
from services.semiology.engines.kinematic.activity import activity_of
from services.semiology.engines.kinematic.body import Sides, body_of
from services.semiology.engines.kinematic.engine import events_in, parts_of
from services.semiology.engines.kinematic.episodes import proposals_of
from services.semiology.engines.kinematic.events import Event, Kind, joined
from services.semiology.engines.kinematic.flow import MotionGrid
from services.semiology.engines.kinematic.head import Head, HeadSource
from services.semiology.engines.kinematic.scene import Scene, gaps_of, moving_frames
from services.semiology.engines.kinematic.signs import answers_for, motionless_after
from services.semiology.engines.kinematic.tonic import tonic_events

RATE_HZ, SECONDS = 30.0, 40
SHAPE, ASPECT = (18, 32), 9 / 16
HEAD = Head(0.5, 0.12, 0.06, HeadSource.FACE, 0, 1.0)
FACTS = RecordingFacts("mp4", "h264", 1920, 1080, 0, SECONDS, 0, 1200, 30, 30, False, False, False)  # noqa: FBT003
LEFT_ARM = np.s_[6:9, 20:23]


def scene(velocity: np.ndarray, facts: RecordingFacts = FACTS, gaps: tuple[CoverageGap, ...] = ()) -> Scene:
    count = len(velocity)
    grid = MotionGrid(
        rate_hz=RATE_HZ,
        time_s=np.arange(1, count + 1) / RATE_HZ,
        velocity=velocity.astype(np.float16),
        speed=np.hypot(velocity[..., 0], velocity[..., 1]).astype(np.float16),
        camera=np.zeros((count, 2), np.float32),
        light=np.zeros(count, bool),
        same=np.zeros(count, bool),
        aspect=ASPECT,
    )
    body = body_of(SHAPE, ASPECT, HEAD, np.ones(SHAPE, np.float32), None, Tri.NO)
    segmentation = Segmentation(EngineInfo("none", "1", "0"), ObjectRef("", "", 0, ""), 1.0, None)
    return Scene(
        time_s=grid.time_s,
        rate_hz=RATE_HZ,
        body=body,
        facts=facts,
        segmentation=segmentation,
        gaps=gaps,
        moving=moving_frames(grid),
        begin_s=0.0,
        end_s=float(SECONDS),
        grid=grid,
    )


def still() -> np.ndarray:
    return np.zeros((int(SECONDS * RATE_HZ), *SHAPE, 2))


def jerking(first_s: float = 10, last_s: float = 28) -> np.ndarray:
    velocity, at = still(), first_s
    time_s = np.arange(len(velocity)) / RATE_HZ
    while at < last_s:
        since = time_s - at
        pulse = np.where((since >= 0) & (since < 0.1), 1.0, 0) - np.where((since >= 0.1) & (since < 0.3), 0.5, 0)
        velocity[:, *LEFT_ARM, 1] += 0.15 * pulse[:, None, None]
        at += 0.3 + 0.02 * (at - first_s)
    return velocity


def test_slowing_jerks_of_one_arm_make_one_episode_with_its_side_and_onset() -> None:
    made = scene(jerking())
    events = events_in(made)
    clonic = max((e for e in events if e.kind is Kind.CLONIC), key=lambda e: e.score)
    assert clonic.score > 0.6
    assert clonic.side is Side.LEFT
    assert clonic.onset_s == pytest.approx(10.0, abs=0.5)
    (episode,) = proposals_of(events, made)
    assert episode.onset_captured
    assert "slowing" in episode.rationale


def test_an_even_swing_of_one_arm_makes_no_episode() -> None:
    velocity = still()
    time_s = np.arange(len(velocity)) / RATE_HZ
    swing = 0.15 * np.sin(2 * np.pi * 3 * time_s) * ((time_s > 8) & (time_s < 35))
    velocity[:, *LEFT_ARM, 1] = swing[:, None, None]
    made = scene(velocity)
    assert proposals_of(events_in(made), made) == ()


def test_jerks_that_keep_time_make_no_episode() -> None:
    """Clapping, tapping: as sharp as clonic jerks, but without slowing and without any unsteadiness."""
    velocity = still()
    time_s = np.arange(len(velocity)) / RATE_HZ
    for at in np.arange(10.0, 26.0, 0.4):
        since = time_s - at
        pulse = np.where((since >= 0) & (since < 0.1), 1.0, 0) - np.where((since >= 0.1) & (since < 0.3), 0.5, 0)
        velocity[:, *LEFT_ARM, 1] += 0.15 * pulse[:, None, None]
    made = scene(velocity)
    assert proposals_of(events_in(made), made) == ()


def test_a_rhythm_that_walks_through_the_picture_makes_no_episode() -> None:
    velocity = still()
    time_s = np.arange(len(velocity)) / RATE_HZ
    swing = 0.15 * np.sign(np.sin(2 * np.pi * 2 * time_s)) * np.abs(np.sin(2 * np.pi * 2 * time_s)) ** 4
    for k in range(len(velocity)):
        column = round(2 + 28 * (time_s[k] - 10) / 12)
        if 10 <= time_s[k] < 22:
            velocity[k, 6:14, max(0, column - 2) : column + 2, 0] = swing[k]
    made = scene(velocity)
    assert proposals_of(events_in(made), made) == ()


def test_somebody_who_walks_out_is_no_arrest_but_handling_that_stops_is() -> None:
    velocity = still()
    time_s = np.arange(len(velocity)) / RATE_HZ
    busy = (time_s < 14) | (time_s > 28)
    velocity[busy, 6:9, 14:20, 0] = 0.06 * np.sin(2 * np.pi * 0.7 * time_s[busy])[:, None, None]
    stopped = scene(velocity)
    assert any(e.kind is Kind.ARREST and e.score > 0.5 for e in events_in(stopped))
    walking = still()
    for k in np.flatnonzero(time_s < 14):
        column = round(2 + 26 * time_s[k] / 14)
        walking[k, 4:14, column : column + 3, 0] = 0.06
    assert not [e for e in events_in(scene(walking)) if e.kind is Kind.ARREST]


@pytest.mark.parametrize(("last_s", "still_s"), [(20.0, 16.0), (45.0, None)])
def test_stillness_after_jerks_is_measured_unless_they_outlast_the_recording(
    last_s: float, still_s: float | None
) -> None:
    made = scene(jerking(first_s=8, last_s=last_s))
    jerks = max((e for e in events_in(made) if e.kind is Kind.CLONIC), key=lambda e: e.score)
    measured = [measure.value for measure in motionless_after(jerks, made)]
    assert measured == ([] if still_s is None else [pytest.approx(still_s, abs=2.5)])


def test_movement_from_the_first_frame_means_the_onset_was_not_captured() -> None:
    made = scene(jerking(first_s=-5, last_s=20))
    (episode,) = proposals_of(events_in(made), made)
    assert not episode.onset_captured


def test_stillness_makes_no_event() -> None:
    assert events_in(scene(still())) == ()


def test_a_held_posture_with_tremor_is_tonic() -> None:
    velocity = still()
    time_s = np.arange(len(velocity)) / RATE_HZ
    rise = 0.12 * ((time_s > 10) & (time_s < 10.6)) - 0.12 * ((time_s > 20) & (time_s < 20.6))
    tremor = 0.03 * np.sin(2 * np.pi * 9 * time_s) * ((time_s > 10.6) & (time_s < 20))
    velocity[:, *LEFT_ARM, 1] = (rise + tremor)[:, None, None]
    made = scene(velocity)
    activity = activity_of(made)
    assert activity is not None
    tonic = max(tonic_events(activity, made.body, (), SECONDS), key=lambda e: e.score)
    assert tonic.score > 0.6
    assert tonic.onset_s == pytest.approx(10.0, abs=0.6)
    assert tonic.offset_s == pytest.approx(20.0, abs=0.8)
    assert tonic.side is Side.LEFT


def episode(begin: float = 10, end: float = 28, *, captured: bool = True) -> Proposal:
    return Proposal(
        onset_s=Interval(begin, begin),
        offset_s=Interval(end, end),
        onset_captured=captured,
        offset_captured=True,
        score=0.8,
        rationale="",
    )


def clonic_event(side: Side = Side.LEFT) -> Event:
    return Event(Kind.CLONIC, 10, 28, 0.3, 0.3, 0.8, 0.8, side, BodyPart.ARM, "jerks")


def answered(made: Scene, events: tuple[Event, ...] = (), span: Proposal | None = None) -> dict[str, Answer]:
    return {answer.sign: answer for answer in answers_for(events, span or episode(), made)}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(FACTS, effective_rate_hz=12.0), Reason.FRAME_RATE_TOO_LOW),
        (replace(FACTS, slow_motion=Tri.YES), Reason.SLOW_MOTION),
        (replace(FACTS, edited=Tri.YES), Reason.SLOW_MOTION),
    ],
)
def test_rhythm_is_not_judged_at_a_low_rate_or_in_slowed_video(facts: RecordingFacts, reason: Reason) -> None:
    made = scene(jerking(), facts)
    assert [e for e in events_in(made) if e.kind is Kind.CLONIC] == []
    answer = answered(made)["clonic"]
    assert answer.reason is reason
    assert answer.assessable_s == 0
    assert answer.reason_text


def test_a_gap_over_the_whole_episode_is_named() -> None:
    made = scene(still(), gaps=(CoverageGap(Interval(0, 40), Reason.DARK),))
    assert answered(made)["clonic"].reason is Reason.DARK


def touched(made: Scene, begin: float, end: float) -> Scene:
    contact = StaffContact(Interval(begin, end), BodyPart.UNSPECIFIED)
    return replace(made, segmentation=replace(made.segmentation, staff_contacts=(contact,)))


def test_while_staff_touch_the_patient_no_limb_counts_as_looked_at() -> None:
    quiet = scene(still())
    assert answered(touched(quiet, 14, 20))["tonic"].assessable_s == pytest.approx(12)
    hidden = answered(touched(quiet, 5, 30))["tonic"]
    assert (hidden.assessable_s, hidden.reason) == (0.0, Reason.TOUCHED_BY_STAFF)


def test_what_moves_while_touched_is_kept_and_says_so() -> None:
    clonic = answered(touched(scene(jerking()), 5, 30), (clonic_event(),))["clonic"]
    assert clonic.assessable_s == pytest.approx(18)
    assert clonic.sightings[0].touched_by_staff


def unlocated(made: Scene, begin_s: float) -> tuple[CoverageGap, ...]:
    """Gaps of a part that begins at `begin_s` of a 640 s recording in which the patient's place was not found."""
    nothing = ObjectRef("", "", 0, "")
    everywhere = (Interval(0.0, 640.0),)
    evidence = Evidence(
        recording=Recording("r1", ()),
        intake=IntakeResult(FACTS, nothing, 640, 360, RATE_HZ, None),
        segmentation=replace(made.segmentation, patient_missing=everywhere),
        proxy=Path(),
        masks=None,
    )
    return gaps_of(evidence, replace(made.grid, time_s=made.grid.time_s + begin_s))


def test_a_patient_who_was_not_found_is_missing_only_where_nothing_moves() -> None:
    assert unlocated(scene(jerking()), 600.0) == ()
    (gap,) = unlocated(scene(still()), 0.0)
    assert gap.reason is Reason.PATIENT_NOT_FOUND
    assert (gap.span.lo, gap.span.hi) == (0.0, pytest.approx(SECONDS, abs=0.1))
    (last,) = unlocated(scene(still()), 600.0)
    assert (last.span.lo, last.span.hi) == (pytest.approx(600, abs=0.1), 640.0)


@pytest.mark.req("side-not-guessed")
def test_an_inferred_side_says_so() -> None:
    made = scene(jerking())
    inferred = replace(made, body=replace(made.body, sides=Sides.INFERRED))
    told = answered(inferred, (clonic_event(),))["clonic"].sightings[0]
    assert told.side_inferred
    assert "inferred" in told.rationale
    seen = answered(made, (clonic_event(),))["clonic"].sightings[0]
    assert not seen.side_inferred
    assert "inferred" not in seen.rationale


def test_arrest_needs_activity_before() -> None:
    assert answered(scene(still()))["behavioural_arrest"].reason is Reason.NO_PRECEDING_ACTIVITY


def test_a_small_face_is_measured_and_named() -> None:
    answer = answered(scene(still(), replace(FACTS, width_px=640, height_px=360)))["face_twitching"]
    assert answer.reason is Reason.FACE_TOO_SMALL
    assert "38 px" in answer.reason_text
    assert "face_twitching" not in answered(scene(still()))


def test_sleep_is_not_said_before_a_minute_was_seen_or_when_the_onset_was_missed() -> None:
    assert answered(scene(still()))["occur_during_sleep"].reason is Reason.TOO_SHORT
    missed = answered(scene(still()), span=episode(captured=False))
    assert missed["occur_during_sleep"].reason is Reason.ONSET_NOT_CAPTURED


def test_one_sided_jerks_answer_unilateral_clonic_and_bilateral_ones_do_not() -> None:
    made = scene(still())
    assert answered(made, (clonic_event(),))["unilateral_clonic"].sightings
    assert not answered(made, (clonic_event(Side.BILATERAL_SYMMETRIC),))["unilateral_clonic"].sightings
    assert answered(made, (clonic_event(Side.BILATERAL_SYMMETRIC),))["arms_move_simultaneously"].sightings


def test_a_long_recording_is_measured_in_overlapping_parts() -> None:
    assert parts_of(60) == [(0.0, 61.0)]
    parts = parts_of(1000)
    assert parts[-1][1] == 1001
    assert all(later[0] < earlier[1] for earlier, later in itertools.pairwise(parts))
    assert max(end - begin for begin, end in parts) <= 361


def test_an_event_seen_in_two_parts_becomes_one() -> None:
    early = replace(clonic_event(), onset_s=290, offset_s=360, score=0.7, censored_right=True)
    late = replace(clonic_event(), onset_s=300, offset_s=380, score=0.9, censored_left=True)
    (one,) = joined([late, early])
    assert (one.onset_s, one.offset_s, one.score) == (290, 380, 0.9)
    assert not one.censored_left
    assert not one.censored_right


def test_every_answer_is_a_sign_of_the_catalogue() -> None:
    known = load_catalogue().by_id
    assert all(sign in known for sign in answered(scene(still())))
