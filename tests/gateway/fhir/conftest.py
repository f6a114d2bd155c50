"""A synthetic report with one of everything that a bundle can hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.fhir.bundle import Presented, SiteProfile, transaction_bundle
from schemas.case import OrderRef, Subject
from schemas.catalogue import load_catalogue
from schemas.engine import EngineInfo
from schemas.recording import (
    AnchorSource,
    ClockAnchor,
    IntakeResult,
    Interval,
    ObjectRef,
    Recording,
    RecordingFacts,
    SourceFile,
    Tri,
)
from schemas.report import (
    REPORT_SCHEMA_VERSION,
    FlagKind,
    LocalizationAid,
    Report,
    ReportedRecording,
    ReportFiles,
    ReportStatus,
    SafetyFlag,
    Sentence,
)
from schemas.segmentation import BodyPart
from schemas.semiology import (
    Coverage,
    CoverageGap,
    Episode,
    Finding,
    FindingStatus,
    Occurrence,
    OnsetOrder,
    OrderItem,
    Phase,
    Precedence,
    Reason,
    Side,
    SideRefersTo,
    StateBefore,
)

KINEMATIC = EngineInfo("kinematic", "1.4.0", "3f" * 32, "training-free", ("clonic", "tonic", "version"))
ORDER = EngineInfo("onset-order", "1.0.0", "9d" * 32, "training-free")
CATALOGUE_VERSION = load_catalogue().version
ANCHOR = ClockAnchor(200_000, "2026-10-14T06:13:05.200+00:00", "America/New_York", AnchorSource.CONTAINER, 1000.0)
PDF = b"%PDF-1.4\n% a synthetic rendering, UNSIGNED\n%%EOF\n"
HTML = "<html><body><p>UNSIGNED \u2014 synthetic</p></body></html>".encode()
SUBJECT = Subject(
    "CANARY-MRN-000417", "urn:oid:2.16.840.1.113883.19.5", "Canaryname", "Synthia", "1991-02-03", "female"
)


def stored(data: bytes, uri: str, media_type: str) -> ObjectRef:
    return ObjectRef(uri, hashlib.sha256(data).hexdigest(), len(data), media_type)


def clonic(number: int, onset: Interval, offset: Interval, **more: Any) -> Occurrence:
    return Occurrence(
        id=f"r1-e1-clonic-{number}",
        sign="clonic",
        onset_s=onset,
        offset_s=offset,
        **{"side_refers_to": SideRefersTo.MOVING_LIMB, "body_part": BodyPart.ARM, "phase": Phase.INITIAL, **more},
    )


def findings() -> tuple[Finding, ...]:
    judged: dict[str, Any] = {
        "episode_s": 48.0,
        "engine": KINEMATIC,
        "catalogue_version": CATALOGUE_VERSION,
    }
    confirmed = clonic(1, Interval(11.9, 12.9), Interval(47.3, 48.3), side=Side.RIGHT, side_confirmed=True, score=0.93)
    unconfirmed = clonic(
        2, Interval(50.0, 51.0), Interval(58.0, 58.0), side=Side.LEFT, score=0.71, censored_right=True,
        touched_by_staff=True, phase=Phase.SUBSEQUENT,
    )  # fmt: skip
    turned = Occurrence(
        "r1-e1-version-1", "version", Interval(11.0, 13.0), Interval(16.0, 18.0), Side.LEFT,
        SideRefersTo.DIRECTION_TURNED, side_confirmed=False, body_part=BodyPart.HEAD, phase=Phase.INITIAL, score=0.5,
    )  # fmt: skip
    return (
        Finding(
            "r1-e1-clonic", "clonic", FindingStatus.PRESENT, score=0.93, assessable_s=48.0,
            occurrences=(confirmed, unconfirmed), **judged,
        ),
        Finding(
            "r1-e1-version", "version", FindingStatus.POSSIBLE, score=0.5, assessable_s=44.25, occurrences=(turned,),
            **judged,
        ),
        Finding("r1-e1-tonic", "tonic", FindingStatus.NOT_SEEN, score=0.07, assessable_s=41.5, **judged),
        Finding(
            "r1-e1-oral_automatisms", "oral_automatisms", FindingStatus.NOT_ASSESSABLE, Reason.FACE_TOO_SMALL,
            "The face is 31 px wide; this sign needs 44 px.", **judged,
        ),
        Finding(
            "r1-e1-cough", "cough", FindingStatus.NOT_ASSESSABLE, Reason.NO_ENGINE, episode_s=48.0,
            catalogue_version=CATALOGUE_VERSION,
        ),
        Finding(
            "r1-e1-verbal_responsiveness", "verbal_responsiveness", FindingStatus.NOT_TESTED, Reason.NO_QUESTION_HEARD,
            episode_s=48.0, catalogue_version=CATALOGUE_VERSION,
        ),
    )  # fmt: skip


def episode() -> Episode:
    order = OnsetOrder(
        items=(
            OrderItem("r1-e1-version-1", "version", Side.LEFT, Interval(11.0, 13.0), 1, 2),
            OrderItem("r1-e1-clonic-1", "clonic", Side.RIGHT, Interval(11.9, 12.9), 1, 2),
            OrderItem("r1-e1-clonic-2", "clonic", Side.LEFT, Interval(50.0, 51.0), 3, 3),
        ),
        precedences=(Precedence("r1-e1-clonic-1", "r1-e1-clonic-2"),),
        first_sign_reason="The onsets of version and clonic movement overlap.",
    )
    return Episode(
        "r1-e1", "r1", 0.88, Interval(10.0, 11.0), Interval(58.0, 59.0), onset_captured=True, offset_captured=False,
        state_before=StateBefore.APPARENTLY_ASLEEP, first_visible_sign_s=Interval(11.0, 12.9), findings=findings(),
        order=order,
    )  # fmt: skip


def recorded(anchors: tuple[ClockAnchor, ...] = (ANCHOR,)) -> ReportedRecording:
    facts = RecordingFacts(
        container="mov,mp4,m4a,3gp,3g2,mj2", codec="h264", width_px=1920, height_px=1080, rotation_deg=0,
        duration_s=59.2, start_us=200_000, frames=1776, nominal_rate_hz=30.0, effective_rate_hz=30.0,
        variable_rate=False, interlaced=False, has_audio=True, infrared=Tri.NO, slow_motion=Tri.NO, edited=Tri.NO,
        anchors=anchors,
    )  # fmt: skip
    source = stored(b"a video", "file:///objects/site-a/case/r1/source.mp4", "video/mp4")
    gaps = (
        CoverageGap(Interval(2.0, 5.5), Reason.DARK),
        CoverageGap(Interval(30.0, 32.0), Reason.CAMERA_MOVING),
        CoverageGap(Interval(40.0, 40.5), Reason.DARK),
    )
    return ReportedRecording(
        Recording("r1", (SourceFile(source),), mirrored=Tri.UNKNOWN), facts, Coverage("r1", 59.2, 53.2, gaps)
    )


def full_report() -> Report:
    return Report(
        schema_version=REPORT_SCHEMA_VERSION,
        id="6d0d6a52-2f8f-4d7e-9c57-5d2f5b6f0a01",
        version=1,
        status=ReportStatus.PRELIMINARY,
        case_id="0f0d6a52-2f8f-4d7e-9c57-5d2f5b6f0a02",
        run_id="1f0d6a52-2f8f-4d7e-9c57-5d2f5b6f0a03",
        site_id="site-a",
        created_at="2026-10-14T12:05:00+00:00",
        subject=SUBJECT,
        order=OrderRef("ORD-7781", "urn:oid:2.16.840.1.113883.19.5.99", "VN-5501"),
        recordings=(recorded(),),
        episodes=(episode(),),
        aid=LocalizationAid(refusal="No evidence table is installed."),
        flags=(SafetyFlag(FlagKind.OFFSET_NOT_CAPTURED, "review now: the end was not captured", "r1-e1"),),
        description=(Sentence("Clonic movement of the right arm.", ("r1-e1-clonic-1",)),),
        not_captured=(Sentence("The end was not captured.", ("r1-e1",)),),
        limits=("Research use only.",),
        engines=(KINEMATIC, ORDER),
        catalogue_version=CATALOGUE_VERSION,
    )


@dataclass(frozen=True)
class Sample:
    """A report with what a bundle needs beside it."""

    report: Report
    site: SiteProfile = field(default_factory=SiteProfile)
    presented: Presented = field(default_factory=lambda: Presented(PDF, HTML))

    def with_report(self, **changes: Any) -> Sample:
        return replace(self, report=replace(self.report, **changes))

    def with_finding(self, **changes: Any) -> Sample:
        """The first finding (clonic, present) changed, and no onset order over its occurrences."""
        first = self.report.episodes[0]
        findings = (replace(first.findings[0], **changes), *first.findings[1:])
        changed = replace(first, findings=findings, order=None)
        return self.with_report(episodes=(changed,))

    @property
    def files(self) -> ReportFiles:
        return ReportFiles(
            self.report,
            stored(b"{}", "file:///objects/report.json", "application/json"),
            stored(self.presented.html, "file:///objects/report.html", "text/html"),
            stored(self.presented.pdf, "file:///objects/report.pdf", "application/pdf"),
        )

    @property
    def intakes(self) -> tuple[IntakeResult, ...]:
        proxy = stored(b"proxy", "file:///objects/proxy.mp4", "video/mp4")
        return tuple(IntakeResult(one.facts, proxy, 640, 360, 30.0, None) for one in self.report.recordings)

    def bundle(self) -> dict[str, Any]:
        return transaction_bundle(self.report, self.files, self.intakes, self.presented, self.site)


@pytest.fixture
def sample() -> Sample:
    return Sample(full_report())


@pytest.fixture(scope="session")
def built() -> dict[str, Any]:
    """The sample's bundle, built once: copy it before changing it."""
    return Sample(full_report()).bundle()


@pytest.fixture
def without_clock(sample: Sample) -> Sample:
    return sample.with_report(recordings=(recorded(()),))


Pick = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def pick() -> Pick:
    """Resources of a bundle by type and, for Observations, by the code of their first coding."""

    def choose(bundle: dict[str, Any], kind: str, code: str = "") -> list[dict[str, Any]]:
        resources = [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]
        return [one for one in resources if not code or one["code"]["coding"][0]["code"] == code]

    return choose
