from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.catalogue import Sampling, SamplingKind, load_catalogue
from schemas.recording import Interval, Tri
from schemas.segmentation import BodyPart, StaffContact, View, ViewKind
from schemas.semiology import Reason
from services.semiology.engines.vlm.windows import Asked, Plan, lost_of, plan_of, share_lost, spans_of, views_of
from tests.services.semiology.vlm import samples

CLIP = Sampling(SamplingKind.CLIP, 10.0, 5.0, 2.0)
FULL = samples.view(ViewKind.FULL_FRAME)


def _plan(asked: list[Asked], *views: View, duration_s: float = 30.0, **segmentation: object) -> Plan:
    made = {view.kind: view for view in views}
    return plan_of(
        asked,
        samples.facts(duration_s),
        samples.segmentation(**segmentation),
        made.get,
        lambda _, kind: (224, 224) if kind is ViewKind.FACE_CROP else (448, 252),
    )


def test_windows_come_every_hop_and_the_last_ends_with_the_recording() -> None:
    assert spans_of(CLIP, 20.0) == (Interval(0, 10), Interval(5, 15), Interval(10, 20))
    assert spans_of(CLIP, 23.0)[-1] == Interval(13.0, 23.0)
    assert {round(span.length_s, 6) for span in spans_of(CLIP, 23.7)} == {10.0}
    assert spans_of(CLIP, 20.3)[-1] == Interval(10, 20), "less than one picture is left over"


def test_a_recording_shorter_than_a_window_is_one_window() -> None:
    assert spans_of(CLIP, 4.0) == (Interval(0.0, 4.0),)
    assert spans_of(CLIP, 0.0) == ()


@pytest.mark.parametrize("duration_s", [3.1, 29.9, 60.0, 601.3])
def test_every_instant_is_covered_whatever_the_sign_samples(duration_s: float) -> None:
    for sign in load_catalogue().signs:
        spans = spans_of(sign.sampling, duration_s)
        covered = share_lost(Interval(0.0, duration_s), spans)
        assert covered >= 1 - 1.5 / sign.sampling.fps / duration_s, sign.id


def test_questions_to_one_adapter_about_one_window_stand_together() -> None:
    limbs = samples.adapter_card("limbs", ("clonic", "unilateral_clonic"))
    clonic, one_sided = samples.sign("clonic"), samples.sign("unilateral_clonic")
    tonic = samples.sign("tonic", sampling=clonic.sampling)
    plan = _plan([Asked(clonic, limbs), Asked(one_sided, limbs), Asked(tonic, samples.card())], FULL)
    assert len(plan.looks) == len(spans_of(clonic.sampling, 30.0)), "three signs, each window decoded once"
    (first, together), (second, alone) = plan.looks[0].asks
    assert (first, [sign.id for sign in together]) == (limbs, ["clonic", "unilateral_clonic"])
    assert (second, [sign.id for sign in alone]) == (samples.card(), ["tonic"])


def test_the_first_view_that_shows_something_answers() -> None:
    hands = samples.view(ViewKind.HANDS, Interval(0.0, 12.0))
    plan = _plan([Asked(samples.sign("manual_automatisms"), samples.card())], hands, FULL)
    seen = {look.span.lo: look.view for look in plan.looks}
    assert seen[0.0] is ViewKind.FULL_FRAME, "the hands are missing in most of the first window"
    assert seen[10.0] is ViewKind.HANDS


def test_facial_signs_need_the_face_and_no_picture_of_the_room_replaces_it() -> None:
    stare = samples.sign("blank_stare")
    assert ViewKind.FULL_FRAME in stare.views
    assert views_of(stare, samples.card(), {ViewKind.FULL_FRAME: FULL}.get) == ()
    face = samples.view(ViewKind.FACE_CROP, Interval(5.0, 10.0))
    plan = _plan([Asked(stare, samples.card())], face, FULL, duration_s=15.0)
    assert [look.span for look in plan.looks] == [Interval(0, 5), Interval(10, 15)]
    assert [(lost.span, lost.reason) for lost in plan.dropped["blank_stare"]] == [
        (Interval(5, 10), Reason.FACE_NOT_VISIBLE)
    ]


def test_a_card_made_for_some_views_is_shown_no_other() -> None:
    trained = samples.card(views=(ViewKind.SILHOUETTE,))
    made = {ViewKind.FULL_FRAME: FULL, ViewKind.SILHOUETTE: samples.view(ViewKind.SILHOUETTE)}
    assert [view.kind for view in views_of(samples.sign("clonic"), trained, made.get)] == [ViewKind.SILHOUETTE]
    assert views_of(samples.sign("clonic"), trained, {ViewKind.FULL_FRAME: FULL}.get) == ()


def test_without_any_view_every_window_is_dropped_with_the_reason() -> None:
    plan = _plan([Asked(samples.sign("clonic"), samples.card())])
    assert not plan.looks
    assert {lost.reason for lost in plan.dropped["clonic"]} == {Reason.VIEW_MISSING}


def test_windows_outside_assessable_spans_are_dropped() -> None:
    plan = _plan([Asked(samples.sign("tonic"), samples.card())], FULL, patient_missing=(Interval(9.0, 30.0),))
    assert [look.span for look in plan.looks] == [Interval(0, 10)]
    assert {lost.reason for lost in plan.dropped["tonic"]} == {Reason.PATIENT_NOT_FOUND}


def test_too_few_frames_or_slow_motion_stop_rhythm_and_nothing_else() -> None:
    slow = samples.facts(rate_hz=10.0)
    assert [lost.reason for lost in lost_of(samples.sign("clonic"), slow, samples.segmentation())] == [
        Reason.FRAME_RATE_TOO_LOW
    ]
    assert lost_of(samples.sign("tonic"), slow, samples.segmentation()) == ()
    edited = replace(samples.facts(), slow_motion=Tri.YES)
    assert lost_of(samples.sign("clonic"), edited, samples.segmentation())[0].reason is Reason.SLOW_MOTION


def test_a_held_limb_is_not_assessable_while_it_is_held() -> None:
    contact = StaffContact(Interval(3.0, 6.0), BodyPart.UNSPECIFIED)
    touched = samples.segmentation(staff_contacts=(contact,))
    limb = samples.sign("clonic", body_part=BodyPart.ARM)
    assert [lost.reason for lost in lost_of(limb, samples.facts(), touched)] == [Reason.TOUCHED_BY_STAFF]
    assert lost_of(samples.sign("blank_stare"), samples.facts(), touched) == ()
    elsewhere = samples.segmentation(staff_contacts=(StaffContact(Interval(3.0, 6.0), BodyPart.HEAD),))
    assert lost_of(limb, samples.facts(), elsewhere) == ()


def test_overlapping_gaps_count_once() -> None:
    assert share_lost(Interval(0, 10), [Interval(0, 4), Interval(2, 5), Interval(9, 20)]) == pytest.approx(0.6)


@pytest.mark.parametrize(("part_px", "judged"), [(40.0, False), (48.0, True), (0.0, True)])
@pytest.mark.req("too-small-is-not-judged")
def test_a_face_with_fewer_pixels_than_the_sign_needs_is_not_judged(part_px: float, judged: bool) -> None:
    stare = samples.sign("blank_stare")
    assert stare.min_source_px == 44
    face = replace(samples.view(ViewKind.FACE_CROP), part_px=part_px)
    plan = _plan([Asked(stare, samples.card())], face, FULL)
    assert bool(plan.looks) is judged
    if not judged:
        lost = plan.dropped["blank_stare"]
        assert {one.reason for one in lost} == {Reason.FACE_TOO_SMALL}
        assert "40 px in the original; this sign needs 44 px" in lost[0].text
