"""Safety flags and the age gate: fixed rules, one test per threshold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.case import PatientContext
from schemas.recording import Interval, Tri
from schemas.report import FlagKind
from schemas.semiology import (
    Episode,
    EpisodeState,
    Finding,
    FindingStatus,
    Measure,
    Occurrence,
    Reason,
)
from services.report.agegate import AGE_UNKNOWN, NO_FINDINGS, UNVALIDATED, Gate, gate_for
from services.report.flags import longest_convulsion_s, safety_flags
from tests.support import reports

ADULT = PatientContext(age_years=30)
SHOWN = (FindingStatus.PRESENT, FindingStatus.POSSIBLE)


def episode(
    *findings: Finding, end_s: float = 100.0, number: int = 1, start_s: float = 0.0, captured: bool = True
) -> Episode:
    return Episode(
        f"r1-e{number}", "r1", 0.9, Interval(start_s, start_s), Interval(end_s, end_s),
        onset_captured=True, offset_captured=captured, findings=findings,
    )  # fmt: skip


def finding(sign: str, *spans: tuple[float, float], status: FindingStatus = FindingStatus.PRESENT) -> Finding:
    occurrences = tuple(
        Occurrence(f"r1-e1-{sign}-{number}", sign, Interval(lo, lo), Interval(hi, hi))
        for number, (lo, hi) in enumerate(spans, start=1)
    )
    return Finding(f"r1-e1-{sign}", sign, status, occurrences=occurrences)


def kinds(*episodes: Episode, context: PatientContext = ADULT) -> list[FlagKind]:
    return [flag.kind for flag in safety_flags(episodes, context)]


@pytest.mark.req("long-convulsion-is-flagged")
@pytest.mark.parametrize("status", SHOWN)
@pytest.mark.parametrize(
    ("length_s", "expected"),
    [
        (119.9, []),
        (120.0, [FlagKind.CONVULSIVE_2_MIN]),
        (299.9, [FlagKind.CONVULSIVE_2_MIN]),
        (300.0, [FlagKind.CONVULSIVE_5_MIN]),
        (900.0, [FlagKind.CONVULSIVE_5_MIN]),
    ],
)
def test_convulsive_movement(length_s: float, expected: list[FlagKind], status: FindingStatus) -> None:
    assert kinds(episode(finding("clonic", (0, length_s), status=status), end_s=length_s)) == expected


def test_tonic_and_clonic_movement_add_up_and_pauses_are_bridged() -> None:
    one = episode(finding("tonic", (0, 60)), finding("clonic", (65, 130)), end_s=130)
    assert longest_convulsion_s(one) == 130
    apart = episode(finding("tonic", (0, 60)), finding("clonic", (71, 130)), end_s=130)
    assert longest_convulsion_s(apart) == 60


def test_uncertain_ends_count_in_full() -> None:
    wide = Occurrence("r1-e1-clonic-1", "clonic", Interval(0, 5), Interval(100, 120))
    assert (
        longest_convulsion_s(episode(Finding("r1-e1-clonic", "clonic", FindingStatus.POSSIBLE, occurrences=(wide,))))
        == 120
    )


def test_movement_that_is_not_convulsive_flags_at_ten_minutes() -> None:
    automatisms = finding("manual_automatisms", (0, 599))
    assert kinds(episode(automatisms, end_s=599.9)) == []
    assert kinds(episode(automatisms, end_s=600.0)) == [FlagKind.LONG_10_MIN]


@pytest.mark.req("missed-end-is-flagged")
def test_an_end_that_was_not_captured() -> None:
    assert kinds(episode(captured=False)) == [FlagKind.OFFSET_NOT_CAPTURED]


def test_a_cluster_by_number_or_by_nearness() -> None:
    near = (episode(end_s=60), episode(number=2, start_s=1800, end_s=1860))
    far = (episode(end_s=60), episode(number=2, start_s=1861, end_s=1900))
    other = replace(far[1], recording_id="r2")
    assert kinds(*near) == [FlagKind.CLUSTER]
    assert kinds(*far) == []
    assert kinds(near[0], other) == []
    assert kinds(*far, episode(number=3, start_s=9000, end_s=9001)) == [FlagKind.CLUSTER]


@pytest.mark.parametrize("status", SHOWN)
def test_a_fall(status: FindingStatus) -> None:
    assert kinds(episode(finding("atonic_fall", (1, 2), status=status))) == [FlagKind.FALL]


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (Measure("motionless_after_s", 29.9, "s"), []),
        (Measure("motionless_after_s", 30.0, "s"), [FlagKind.PRONE_OR_MOTIONLESS]),
        (Measure("prone_after", 1.0, "1"), [FlagKind.PRONE_OR_MOTIONLESS]),
        (Measure("prone_after", 0.0, "1"), []),
        (Measure("band_ratio_2_6_hz", 300.0, "1"), []),
    ],
)
def test_motionless_or_prone_after_a_convulsion(measure: Measure, expected: list[FlagKind]) -> None:
    jerks = finding("clonic", (0, 20))
    measured = replace(jerks, occurrences=(replace(jerks.occurrences[0], measures=(measure,)),))
    assert kinds(episode(measured)) == expected


@pytest.mark.parametrize("status", [FindingStatus.NOT_SEEN, FindingStatus.NOT_ASSESSABLE, FindingStatus.NOT_TESTED])
def test_what_was_not_shown_raises_nothing(status: FindingStatus) -> None:
    hidden = (finding("clonic", (0, 400), status=status), finding("atonic_fall", (0, 1), status=status))
    assert kinds(episode(*hidden)) == []


def test_a_rejected_episode_raises_nothing() -> None:
    assert kinds(replace(episode(captured=False), state=EpisodeState.REJECTED)) == []


@pytest.mark.req("no-findings-for-infants-and-spasms")
@pytest.mark.parametrize(
    ("context", "gate"),
    [
        (PatientContext(age_years=18), Gate.OPEN),
        (PatientContext(age_years=17.99), Gate.UNVALIDATED),
        (PatientContext(age_years=2), Gate.UNVALIDATED),
        (PatientContext(age_years=1.99), Gate.CLOSED),
        (PatientContext(age_years=30, suspected_spasms=True), Gate.CLOSED),
        (PatientContext(suspected_spasms=True), Gate.CLOSED),
        (PatientContext(), Gate.AGE_UNKNOWN),
    ],
)
def test_the_age_gate(context: PatientContext, gate: Gate) -> None:
    assert gate_for(context, (episode(),)) is gate


@pytest.mark.parametrize("status", SHOWN)
def test_a_spasm_that_is_found_closes_the_gate_and_flags(status: FindingStatus) -> None:
    seen = episode(finding("epileptic_spasm", (1, 2), status=status))
    assert gate_for(ADULT, (seen,)) is Gate.CLOSED
    assert kinds(seen) == [FlagKind.AGE_OR_SPASMS]


@pytest.mark.req("no-findings-for-infants-and-spasms")
@pytest.mark.parametrize("context", [PatientContext(age_years=1), PatientContext(age_years=30, suspected_spasms=True)])
def test_a_closed_gate_gives_no_finding_but_keeps_flags_and_places(context: PatientContext) -> None:
    report = reports.report(None, context)
    for one in report.episodes:
        assert {(f.status, f.reason) for f in one.findings} == {(FindingStatus.NOT_ASSESSABLE, Reason.AGE_OUT_OF_SCOPE)}
        assert all(f.occurrences == () and f.score is None for f in one.findings)
        assert one.order is not None
        assert one.order.items == ()
        assert one.first_visible_sign_s is None
        assert one.rationale == ""
    assert {FlagKind.AGE_OR_SPASMS, FlagKind.OFFSET_NOT_CAPTURED} <= {flag.kind for flag in report.flags}
    assert any(NO_FINDINGS in sentence.text for sentence in report.description)
    assert not any("lonic" in sentence.text for sentence in report.description)
    assert NO_FINDINGS in report.limits
    assert "urgent specialist review" in report.aid.refusal


def test_a_closed_gate_does_not_silence_a_long_convulsion() -> None:
    jerking = episode(finding("clonic", (0, 310)), end_s=310)
    reading = reports.reading("r1", Tri.NO, 360.0, (jerking,))
    flags = reports.report((reading,), PatientContext(age_years=1)).flags
    assert [flag.kind for flag in flags] == [FlagKind.AGE_OR_SPASMS, FlagKind.CONVULSIVE_5_MIN]


def test_a_child_gets_findings_marked_unvalidated_and_an_unknown_age_is_said() -> None:
    assert UNVALIDATED in reports.report(None, PatientContext(age_years=9)).limits
    assert AGE_UNKNOWN in reports.report(None, PatientContext()).limits
    adult = reports.report(None, ADULT)
    assert not {UNVALIDATED, AGE_UNKNOWN, NO_FINDINGS} & set(adult.limits)
    assert any(f.status is FindingStatus.PRESENT for one in adult.episodes for f in one.findings)


def test_flags_are_worded_as_a_request_to_look() -> None:
    report = reports.report()
    assert report.flags
    assert all(flag.text.startswith("Review now: ") for flag in report.flags)
    assert "alarm" not in " ".join(flag.text for flag in report.flags)


def test_mirroring_unknown_takes_back_a_confirmation() -> None:
    report = reports.report((reports.reading("r1", Tri.UNKNOWN, 360.0, (reports.whole_episode(),)),))
    assert not any(o.side_confirmed for one in report.episodes for f in one.findings for o in f.occurrences)
