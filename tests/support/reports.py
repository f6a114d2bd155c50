"""Synthetic readings and reports for tests: no patient, no video needed.

`report()` is a rich one: recording r1 with two episodes (one captured whole, one cut off at the end), recording r2 with
nothing found. `job()` gives the compose job behind it, `readings()` what localization gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from schemas.case import Case, OrderRef, PatientContext, Priority, Subject
from schemas.catalogue import Sign, load_catalogue
from schemas.engine import EngineInfo
from schemas.recording import (
    IntakeResult,
    Interval,
    ObjectRef,
    Quality,
    Recording,
    RecordingFacts,
    SourceFile,
    Tri,
)
from schemas.report import LocalizationResult, Report
from schemas.segmentation import BodyPart
from schemas.semiology import (
    Coverage,
    CoverageGap,
    Episode,
    Finding,
    FindingStatus,
    Measure,
    Occurrence,
    Reason,
    SemiologyResult,
    Side,
    StateBefore,
)
from services.localization.service import LocalizeJob, RecordingReading, localize
from services.report.assemble import assemble
from services.report.job import ComposeJob, ReportInput

KINEMATIC = EngineInfo(
    name="kinematic",
    version="1.0.0",
    digest="3f7ab19ec24d5f0c9be1d0a2c7741e02aa6d5d0e1f0b7bb0a1c2d3e4f5a6b7c8",
    training="training-free",
    answers=("clonic", "version", "head_turning", "tonic", "manual_automatisms", "hyperkinetic", "figure4"),
)
MOTION = EngineInfo(
    name="motion",
    version="1.0.0",
    digest="9d02aa71e4b6c8d0e2f4a6b8c0d2e4f60718293a4b5c6d7e8f90a1b2c3d4e5f6",
    training="training-free",
)
SUBJECT = Subject(
    identifier="SYN-000417",
    system="urn:oid:2.16.840.1.113883.19.5",
    family="Example",
    given="Synthia",
    birth_date="1991-04-12",
    sex="female",
)
LOSSES = ("People who cover each other are told apart by their outline only.",)

_NO_ANSWER: Mapping[Reason, tuple[str, ...]] = {
    Reason.FACE_TOO_SMALL: (
        "blank_stare", "close_eyes", "eye_blinking", "face_pulling", "face_twitching", "oral_automatisms",
        "eye_version",
    ),
    Reason.NO_PRECEDING_ACTIVITY: ("behavioural_arrest",),
    Reason.NO_AUDIO: ("ictal_vocalization", "ictal_speech", "cough"),
}  # fmt: skip


def ref(name: str, media_type: str = "video/mp4") -> ObjectRef:
    """An address of an object that need not exist."""
    return ObjectRef(f"file:///objects/s1/c1/{name}", "0" * 64, 1, media_type)


def occurrence(
    finding_id: str,
    number: int,
    onset_s: tuple[float, float],
    offset_s: tuple[float, float],
    side: Side = Side.UNDETERMINED,
    body_part: BodyPart | None = None,
) -> Occurrence:
    """An occurrence of the sign that the finding's id names."""
    sign = finding_id.split("-", 2)[2]
    known = load_catalogue().by_id[sign]
    return Occurrence(
        id=f"{finding_id}-{number}",
        sign=sign,
        onset_s=Interval(*onset_s),
        offset_s=Interval(*offset_s),
        side=side,
        side_refers_to=known.side_refers_to,
        side_confirmed=True,
        body_part=body_part or known.body_part,
        score=0.82,
        rationale="Rhythmic movement at 2.8 Hz in 14 of 20 cells of the region, band ratio 0.71 over 22.5 s.",
        measures=(Measure("band_ratio_2_6_hz", 0.71, "1"), Measure("frequency_hz", 2.8, "Hz")),
    )


def shown(
    episode_id: str, sign: str, *occurrences: Occurrence, status: FindingStatus = FindingStatus.PRESENT
) -> Finding:
    """A finding that is present or possible."""
    return Finding(
        id=f"{episode_id}-{sign}",
        sign=sign,
        status=status,
        score=max((one.score for one in occurrences), default=None),
        assessable_s=50.0,
        episode_s=52.6,
        occurrences=occurrences,
        engine=KINEMATIC,
        catalogue_version=load_catalogue().version,
    )


def withheld(episode_id: str, sign: Sign) -> Finding:
    """A finding for a sign that was not shown: not seen, not assessable or not tested."""
    status, reason, engine = FindingStatus.NOT_ASSESSABLE, Reason.NO_ENGINE, None
    for why, signs in _NO_ANSWER.items():
        if sign.id in signs:
            reason, engine = why, KINEMATIC
    if sign.id == "verbal_responsiveness":
        status, reason = FindingStatus.NOT_TESTED, Reason.NO_QUESTION_HEARD
    elif sign.id in {"pelvic_thrusting", "hyperkinetic", "full_body_shaking", "asynchronous_movement"}:
        status, reason, engine = FindingStatus.NOT_SEEN, Reason.NONE, KINEMATIC
    words = {Reason.FACE_TOO_SMALL: "The face is 31 px high in the source; 44 px are needed."}
    return Finding(
        id=f"{episode_id}-{sign.id}",
        sign=sign.id,
        status=status,
        reason=reason,
        reason_text=words.get(reason, ""),
        score=0.12 if status is FindingStatus.NOT_SEEN else None,
        assessable_s=50.0 if status is FindingStatus.NOT_SEEN else 0.0,
        episode_s=52.6,
        engine=engine,
        catalogue_version=load_catalogue().version,
    )


def complete(episode: Episode) -> Episode:
    """The episode with a finding for every sign of the catalogue, in its order."""
    have = {finding.sign: finding for finding in episode.findings}
    findings = tuple(have.get(sign.id) or withheld(episode.id, sign) for sign in load_catalogue().signs)
    return replace(episode, findings=findings)


def whole_episode() -> Episode:
    """r1-e1: head turn, version to the left, clonic right arm, bilateral ending, automatisms; all of it captured."""
    name = "r1-e1"
    right, left = Side.RIGHT, Side.LEFT
    findings = (
        shown(name, "occur_during_sleep", occurrence(f"{name}-occur_during_sleep", 1, (0, 0), (71.8, 72.4))),
        shown(
            name, "manual_automatisms",
            occurrence(f"{name}-manual_automatisms", 1, (74.9, 75.9), (82.0, 83.0), left),
            occurrence(f"{name}-manual_automatisms", 2, (84.0, 85.0), (88.2, 89.0), left),
            status=FindingStatus.POSSIBLE,
        ),
        shown(name, "head_turning", occurrence(f"{name}-head_turning", 1, (72.0, 72.6), (75.2, 76.0), left)),
        shown(name, "version", occurrence(f"{name}-version", 1, (90.1, 90.9), (99.0, 100.2), right)),
        shown(name, "figure4", occurrence(f"{name}-figure4", 1, (97.4, 99.6), (103.8, 105.0), right),
              status=FindingStatus.POSSIBLE),
        shown(name, "unilateral_clonic",
              occurrence(f"{name}-unilateral_clonic", 1, (98.2, 98.8), (108.0, 109.0), right, BodyPart.ARM)),
        shown(name, "clonic",
              occurrence(f"{name}-clonic", 1, (98.2, 98.8), (123.6, 125.1), Side.BILATERAL_RIGHT_GT, BodyPart.ARM)),
        shown(name, "nose_wiping", occurrence(f"{name}-nose_wiping", 1, (139.0, 140.0), (141.0, 142.0), left),
              status=FindingStatus.POSSIBLE),
    )  # fmt: skip
    return complete(
        Episode(
            id=name,
            recording_id="r1",
            score=0.91,
            onset_s=Interval(71.8, 72.4),
            offset_s=Interval(124.0, 125.4),
            onset_captured=True,
            offset_captured=True,
            state_before=StateBefore.APPARENTLY_ASLEEP,
            rationale="Movement rises to 9 times its level of the minute before and turns rhythmic at 2.8 Hz.",
            findings=findings,
        )
    )


def cut_episode() -> Episode:
    """r1-e2: tonic posture and clonic jerks, still going on when the recording ends."""
    name = "r1-e2"
    ending = occurrence(f"{name}-clonic", 1, (312.0, 312.8), (360.0, 360.0), Side.RIGHT, BodyPart.ARM)
    findings = (
        shown(name, "tonic", occurrence(f"{name}-tonic", 1, (303.0, 304.6), (311.0, 312.2), Side.UNDETERMINED)),
        shown(name, "clonic", replace(ending, censored_right=True)),
    )
    return complete(
        Episode(
            id=name,
            recording_id="r1",
            score=0.78,
            onset_s=Interval(303.0, 304.6),
            offset_s=Interval(360.0, 360.0),
            onset_captured=True,
            offset_captured=False,
            findings=findings,
            rationale="Sustained posture, then rhythmic movement at 3.1 Hz.",
        )
    )


def facts(duration_s: float, *, has_audio: bool = False) -> RecordingFacts:
    """Facts of an ordinary ward recording."""
    return RecordingFacts(
        container="mov,mp4,m4a,3gp,3g2,mj2",
        codec="h264",
        width_px=1920,
        height_px=1080,
        rotation_deg=0,
        duration_s=duration_s,
        start_us=0,
        frames=round(duration_s * 30),
        nominal_rate_hz=30.0,
        effective_rate_hz=29.9,
        variable_rate=False,
        interlaced=False,
        has_audio=has_audio,
        slow_motion=Tri.NO,
        edited=Tri.NO,
        infrared=Tri.YES,
        quality=Quality(dark=(Interval(20.0, 25.5),), camera_moving=(Interval(100.0, 101.5),), brightness=88.0),
    )


def reading(recording_id: str, mirrored: Tri, duration_s: float, episodes: tuple[Episode, ...]) -> RecordingReading:
    """One recording with its intake and semiology results."""
    recording = Recording(
        id=recording_id,
        files=(SourceFile(ref(f"{recording_id}/source.mp4")),),
        mirrored=mirrored,
        camera="ward ceiling",
        filmed_by="fixed camera",
    )
    gaps = (CoverageGap(Interval(20.0, 25.5), Reason.DARK), CoverageGap(Interval(100.0, 101.5), Reason.CAMERA_MOVING))
    coverage = Coverage(recording_id, duration_s, duration_s - 7.0, gaps)
    intake = IntakeResult(facts(duration_s), ref(f"{recording_id}/proxy.mp4"), 640, 360, 30.0, None)
    semiology = SemiologyResult((KINEMATIC,), coverage, episodes, catalogue_version=load_catalogue().version)
    return RecordingReading(recording, intake, semiology)


def readings() -> tuple[RecordingReading, ...]:
    """Two recordings of one case."""
    return (
        reading("r1", Tri.NO, 360.0, (whole_episode(), cut_episode())),
        reading("r2", Tri.UNKNOWN, 181.4, ()),
    )


def context(age_years: float | None = 35.0) -> PatientContext:
    """A short history."""
    return PatientContext(age_years=age_years, handedness="right", language_dominance="left")


def localized(
    given: tuple[RecordingReading, ...] | None = None, history: PatientContext | None = None
) -> LocalizationResult:
    """What the localization step makes of the readings."""
    job = LocalizeJob(readings() if given is None else given, history or context())
    return localize(job, _quiet)


def _quiet(fraction: float, stage: str, message: str) -> None:
    """Progress that nobody watches."""


def job(
    given: tuple[RecordingReading, ...] | None = None,
    history: PatientContext | None = None,
    object_root: str = "file:///objects",
) -> ComposeJob:
    """The compose job for the readings."""
    given = readings() if given is None else given
    history = history or context()
    case = Case(
        id="0d1f9c52-7c1b-4c0e-9f1d-2a5b8f6c7d10",
        site_id="s1",
        subject=SUBJECT,
        recordings=tuple(item.recording for item in given),
        order=OrderRef("ORD-7781", "urn:oid:2.16.840.1.113883.19.5.99", "ENC-55"),
        context=history,
        priority=Priority.BATCH,
        created_at="2026-10-14T08:02:11-04:00",
    )
    return ComposeJob(
        case=case,
        run_id="5a3c1f0e-90c4-4d0f-a2dd-3f5a7b0f1c22",
        report_id="385072cc-d2b4-5ab1-9bc9-f546ed4b49a8",
        version=1,
        created_at="2026-10-14T08:05:00-04:00",
        recordings=tuple(
            ReportInput(
                item.recording,
                item.intake,
                item.semiology.coverage,
                engines=(MOTION, KINEMATIC),
                losses=LOSSES,
                catalogue_version=item.semiology.catalogue_version,
            )
            for item in given
        ),
        localization=localized(given, history),
        object_root=object_root,
        output_prefix=f"{object_root}/s1/c1/report",
    )


def report(given: tuple[RecordingReading, ...] | None = None, history: PatientContext | None = None) -> Report:
    """The model of a report, without stills."""
    return assemble(job(given, history))
