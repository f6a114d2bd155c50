"""What each measured event says of which sign, and why a sign could not be judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from schemas.catalogue import Sign, load_catalogue
from schemas.recording import Interval, Tri
from schemas.segmentation import BodyPart, ViewKind
from schemas.semiology import Measure, Reason, Side, StateBefore
from services.semiology.engines import Answer, Proposal, Sighting
from services.semiology.engines.kinematic.body import Sides
from services.semiology.engines.kinematic.events import Event, Kind
from services.semiology.engines.kinematic.head import HeadSource
from services.semiology.engines.kinematic.scene import Seen

LOWEST_RATE_HZ = 15.0
"""Effective frames per second under which no rhythm can be judged (clinical rule)."""
ONE_SIDE = (Side.LEFT, Side.RIGHT)

ASLEEP_S = 60.0
"""Stillness that has to be seen before "apparently asleep" is said (clinical rule)."""
ASLEEP_SHARE = 0.03
"""Sleepers shift now and then: up to 3 % of the minute."""
AWAKE_SHARE = 0.2
"""Movement in a fifth of the time before."""

Test = Callable[[Event], bool]

BOTH_SIDES = (Side.BILATERAL_SYMMETRIC, Side.BILATERAL_LEFT_GT, Side.BILATERAL_RIGHT_GT)
ARM_PARTS = (BodyPart.ARM, BodyPart.WHOLE_BODY)

RULES: dict[str, Test] = {
    "clonic": lambda e: e.kind is Kind.CLONIC,
    "unilateral_clonic": lambda e: e.kind is Kind.CLONIC and e.side in ONE_SIDE,
    "tonic": lambda e: e.kind is Kind.TONIC,
    "unilateral_tonic": lambda e: e.kind is Kind.TONIC and e.side in ONE_SIDE,
    "full_body_shaking": lambda e: e.shaking or (e.kind is Kind.CLONIC and e.part is BodyPart.WHOLE_BODY),
    "arms_move_simultaneously": lambda e: (
        e.kind in {Kind.CLONIC, Kind.TONIC} and e.side in BOTH_SIDES and e.part in ARM_PARTS
    ),
    "asynchronous_movement": lambda e: e.kind is Kind.HYPERKINETIC,
    "hyperkinetic": lambda e: e.kind is Kind.HYPERKINETIC,
    "pelvic_thrusting": lambda e: e.kind is Kind.PELVIC,
    "limb_automatisms": lambda e: e.kind is Kind.AUTOMATISM,
    "manual_automatisms": lambda e: e.kind is Kind.AUTOMATISM,
    "head_turning": lambda e: e.kind is Kind.HEAD_TURN,
    "version": lambda e: e.kind is Kind.HEAD_TURN and e.forced,
    "behavioural_arrest": lambda e: e.kind is Kind.ARREST,
}
"""Sign → which events show it."""

NOT_OF_LIMBS = ("head_turning", "version", "behavioural_arrest")
"""Signs that a hand on the patient's limbs does not hide."""
NEEDS_FACE = ("head_turning", "version")
NEEDS_AXIS = ("pelvic_thrusting", "limb_automatisms", "manual_automatisms", "arms_move_simultaneously")
NEEDS_SIDES = ("unilateral_clonic", "unilateral_tonic")
ANSWERED = (*RULES, "bilateral_tonic_clonic", "occur_during_sleep")
SETTLE_S = 2.0
"""After the last jerk, limbs fall and breath is drawn: movement within this is still the seizure's end."""
SEQUENCE_GAP_S = 3.0
"""Clonic jerks follow the tonic phase directly in bilateral tonic-clonic movements."""


def answers_for(events: Sequence[Event], episode: Proposal, scene: Seen) -> tuple[Answer, ...]:
    """One answer per sign that this engine can judge, and the reason where a measured face is too small."""
    catalogue = load_catalogue()
    answers = [_answer(catalogue.by_id[sign], events, episode, scene) for sign in RULES]
    answers.append(_tonic_clonic(catalogue.by_id["bilateral_tonic_clonic"], events, episode, scene))
    answers.append(_asleep(episode, scene))
    answers += [answer for sign in catalogue.signs if (answer := _small_face(sign, scene)) is not None]
    return tuple(answers)


def _answer(sign: Sign, events: Sequence[Event], episode: Proposal, scene: Seen) -> Answer:
    blocked = _blocked(sign, episode, scene)
    if blocked is not None:
        return blocked
    shown = [e for e in events if RULES[sign.id](e)]
    sightings = tuple(sighting(e, scene) for e in shown if e.duration_s >= sign.min_duration_s)
    best = max((e.sign_score for e in shown), default=0.0)
    judged_s = assessable_s(episode, scene)
    if sign.id not in NOT_OF_LIMBS:
        # Which limb staff touch is not known: no limb counts as looked at meanwhile, but what moved is not thrown away.
        free_s = assessable_s(episode, scene, [contact.span for contact in scene.segmentation.staff_contacts])
        judged_s = max(free_s, *(s.offset_s.middle_s - s.onset_s.middle_s for s in sightings), 0.0)
        if judged_s <= 0:
            text = "Somebody touched the patient during the whole episode; whose movement it is cannot be told."
            return Answer(sign.id, reason=Reason.TOUCHED_BY_STAFF, reason_text=text)
    return Answer(sign.id, sightings, assessable_s=judged_s, score=best)


def _blocked(sign: Sign, episode: Proposal, scene: Seen) -> Answer | None:
    """The reason why a sign cannot be judged in an episode; none when it can."""
    blocked = _without_rate(sign, scene) or _without_body(sign, scene)
    if blocked is not None:
        return blocked
    if sign.id == "behavioural_arrest" and not active_before(episode, scene, sign.needs_before_s):
        text = f"Less than {sign.needs_before_s:.0f} s of activity were seen before; a pause cannot be told from rest."
        return Answer(sign.id, reason=Reason.NO_PRECEDING_ACTIVITY, reason_text=text)
    if assessable_s(episode, scene) <= 0:
        gap = next((g for g in scene.gaps if g.span.hi >= episode.onset_s.lo), None)
        reason = gap.reason if gap else Reason.TOO_SHORT
        return Answer(sign.id, reason=reason, reason_text="Movement could not be judged during the whole episode.")
    return None


def _without_rate(sign: Sign, scene: Seen) -> Answer | None:
    """The reason when rhythm cannot be read from the recording at all."""
    facts = scene.facts
    if sign.rhythmic and 0 < facts.effective_rate_hz < LOWEST_RATE_HZ:
        text = (
            f"The picture changes {facts.effective_rate_hz:.1f} times a second; "
            f"rhythm needs at least {LOWEST_RATE_HZ:.0f}."
        )
        return Answer(sign.id, reason=Reason.FRAME_RATE_TOO_LOW, reason_text=text)
    if sign.rhythmic and Tri.YES in {facts.slow_motion, facts.edited}:
        text = "The video is slowed or edited; rates and durations hold only after it was retimed."
        return Answer(sign.id, reason=Reason.SLOW_MOTION, reason_text=text)
    return None


def _without_body(sign: Sign, scene: Seen) -> Answer | None:
    """The reason when the parts that a sign speaks of were not found."""
    body = scene.body
    if sign.id in NEEDS_FACE and (body.head is None or not body.sides_named):
        return Answer(sign.id, reason=Reason.FACE_NOT_VISIBLE, reason_text="No face was found to see turn.")
    if sign.id in NEEDS_AXIS and body.along is None:
        text = f"Arms, pelvis and legs could not be told apart: {body.how}."
        return Answer(sign.id, reason=Reason.BODY_AXIS_UNKNOWN, reason_text=text)
    if sign.id in NEEDS_SIDES and not body.sides_named:
        text = f"Left and right could not be told apart: {body.how}."
        return Answer(sign.id, reason=Reason.BODY_AXIS_UNKNOWN, reason_text=text)
    return None


def _tonic_clonic(sign: Sign, events: Sequence[Event], episode: Proposal, scene: Seen) -> Answer:
    """A tonic phase directly followed by bilateral clonic jerks; both phases make one sighting."""
    blocked = _blocked(sign, episode, scene)
    if blocked is not None:
        return blocked
    sightings = []
    for jerks in (e for e in events if e.kind is Kind.CLONIC and e.side in BOTH_SIDES):
        tonic = next((e for e in events if e.kind is Kind.TONIC and _leads(e, jerks)), None)
        if tonic is not None:
            both = replace(
                jerks,
                onset_s=tonic.onset_s,
                onset_error_s=tonic.onset_error_s,
                part=BodyPart.WHOLE_BODY,
                sign_score=min(tonic.sign_score, jerks.sign_score),
                words=f"{tonic.words} {jerks.words}",
                measures=(*tonic.measures, *jerks.measures),
            )
            sightings.append(sighting(both, scene))
    best = max((s.score for s in sightings), default=0.0)
    return Answer(sign.id, tuple(sightings), assessable_s=assessable_s(episode, scene), score=best)


def _leads(tonic: Event, jerks: Event) -> bool:
    return tonic.onset_s < jerks.onset_s and abs(jerks.onset_s - tonic.offset_s) <= SEQUENCE_GAP_S


def _asleep(episode: Proposal, scene: Seen) -> Answer:
    """Whether the patient looked asleep for the minute before the onset."""
    sign = "occur_during_sleep"
    if not episode.onset_captured:
        text = "The recording begins during the episode; the state before it was not seen."
        return Answer(sign, reason=Reason.ONSET_NOT_CAPTURED, reason_text=text)
    if episode.onset_s.lo - scene.begin_s < ASLEEP_S and episode.state_before is StateBefore.UNKNOWN:
        seen_s = episode.onset_s.lo - scene.begin_s
        text = f"{seen_s:.0f} s were seen before the onset; apparent sleep needs {ASLEEP_S:.0f} s."
        return Answer(sign, reason=Reason.TOO_SHORT, reason_text=text)
    judged_s = assessable_s(episode, scene)
    if episode.state_before is not StateBefore.APPARENTLY_ASLEEP:
        return Answer(sign, assessable_s=judged_s, score=0.1)
    words = f"No movement but breathing in the {ASLEEP_S:.0f} s before the onset: apparently asleep (no EEG)."
    return Answer(sign, (Sighting(episode.onset_s, episode.onset_s, 0.65, rationale=words),), judged_s, score=0.65)


def _small_face(sign: Sign, scene: Seen) -> Answer | None:
    """For facial signs: the reason when the face was measured and is too small in the original."""
    head = scene.body.head
    if not sign.facial or head is None or head.source is HeadSource.SKIN:
        return None
    width_px = head.size * max(scene.facts.width_px, scene.facts.height_px)
    if width_px >= sign.min_source_px:
        return None
    text = f"The face is about {width_px:.0f} px wide in the original; this sign needs {sign.min_source_px:.0f} px."
    return Answer(sign.id, reason=Reason.FACE_TOO_SMALL, reason_text=text, view=ViewKind.FACE_CROP)


def active_before(episode: Proposal, scene: Seen, needed_s: float) -> bool:
    """Whether the patient moved for most of the `needed_s` before an episode."""
    curve, time_s = scene.moving, scene.time_s
    before = curve[(time_s >= episode.onset_s.lo - needed_s) & (time_s < episode.onset_s.lo)]
    return len(before) >= 0.9 * needed_s * scene.rate_hz and float(before.mean()) >= 0.5


def state_before(onset_s: float, scene: Seen) -> StateBefore:
    """Awake when the patient moved repeatedly before; apparently asleep after a minute without movement."""
    time_s = scene.time_s
    before = scene.moving[(time_s >= onset_s - ASLEEP_S) & (time_s < onset_s - 0.5)]
    if len(before) >= 5 * scene.rate_hz and float(before.mean()) >= AWAKE_SHARE:
        return StateBefore.AWAKE
    if len(before) >= 0.97 * (ASLEEP_S - 0.5) * scene.rate_hz and float(before.mean()) <= ASLEEP_SHARE:
        return StateBefore.APPARENTLY_ASLEEP
    return StateBefore.UNKNOWN


def assessable_s(episode: Proposal, scene: Seen, also_lost: Sequence[Interval] = ()) -> float:
    """Seconds of an episode outside every gap and every span of `also_lost`."""
    begin, end = episode.onset_s.middle_s, episode.offset_s.middle_s
    lost, reached = 0.0, begin
    for span in sorted([*(gap.span for gap in scene.gaps), *also_lost]):
        low, high = max(span.lo, reached), min(span.hi, end)
        if high > low:
            lost, reached = lost + high - low, high
    return max(0.0, end - begin - lost)


def motionless_after(event: Event, scene: Seen) -> tuple[Measure, ...]:
    """How long nothing moved after jerks ended; nothing where they outlast the recording or the view was lost."""
    after = scene.time_s > event.offset_s + SETTLE_S
    if event.censored_right or not after.any():
        return ()
    begin = float(scene.time_s[after][0])
    stirs = scene.time_s[after][scene.moving[after] > 0]
    end = float(stirs[0]) if len(stirs) else float(scene.time_s[-1])
    lost = min((gap.span.lo for gap in scene.gaps if gap.span.hi > begin), default=end)
    still_s = min(end, lost) - begin
    return (Measure("motionless_after_s", round(still_s, 1), "s"),) if still_s > 0 else ()


def sighting(event: Event, scene: Seen) -> Sighting:
    """An event as a sighting, with contact by staff noted."""
    touched = any(
        contact.span.lo < event.offset_s and contact.span.hi > event.onset_s
        for contact in scene.segmentation.staff_contacts
    )
    made = Sighting(
        onset_s=event.onset,
        offset_s=event.offset,
        score=event.sign_score,
        side=event.side,
        body_part=event.part,
        rationale=event.words,
        measures=event.measures
        if event.kind is not Kind.CLONIC
        else (*event.measures, *motionless_after(event, scene)),
        censored_left=event.censored_left,
        censored_right=event.censored_right,
        touched_by_staff=touched,
        side_inferred=scene.body.sides is Sides.INFERRED,
    )
    notes = [made.rationale]
    if touched:
        notes.append("Staff touch the patient meanwhile.")
    if made.side_inferred and event.side is not Side.UNDETERMINED:
        notes.append(f"Left and right are inferred {scene.body.how}, for a patient who faces the camera.")
    return replace(made, rationale=" ".join(notes))
