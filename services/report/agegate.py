"""The age gate: for whom findings may be given at all (clinical rules: age gate)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from schemas.case import PatientContext
from schemas.semiology import Episode, Finding, FindingStatus, OnsetOrder, Reason

ADULT_YEARS = 18
INFANT_YEARS = 2
SPASM_SIGN = "epileptic_spasm"

NO_FINDINGS = (
    "No findings are given: the patient is younger than 2 years or epileptic spasms are suspected. "
    "Urgent specialist review."
)
UNVALIDATED = "Unvalidated for this age: what is claimed here holds for 18 years and above."
AGE_UNKNOWN = "The patient's age is not known to this report; what is claimed here holds for 18 years and above."


class Gate(StrEnum):
    """How far findings may go."""

    OPEN = "open"
    AGE_UNKNOWN = "age_unknown"
    UNVALIDATED = "unvalidated"
    CLOSED = "closed"


def gate_for(context: PatientContext, episodes: Sequence[Episode]) -> Gate:
    """Closed under 2 years and where spasms are suspected, by the history or by a finding; unvalidated under 18."""
    if context.suspected_spasms or spasms_found(episodes):
        return Gate.CLOSED
    age = context.age_years
    if age is None:
        return Gate.AGE_UNKNOWN
    if age < INFANT_YEARS:
        return Gate.CLOSED
    return Gate.UNVALIDATED if age < ADULT_YEARS else Gate.OPEN


def spasms_found(episodes: Sequence[Episode]) -> bool:
    """Whether a finding says present or possible epileptic spasms."""
    return any(
        finding.sign == SPASM_SIGN and finding.status in {FindingStatus.PRESENT, FindingStatus.POSSIBLE}
        for episode in episodes
        for finding in episode.findings
    )


def without_findings(episode: Episode) -> Episode:
    """The episode as a place to look at, with every sign withheld."""
    return replace(
        episode,
        findings=tuple(_withheld(finding) for finding in episode.findings),
        order=OnsetOrder(first_sign_reason=NO_FINDINGS),
        first_visible_sign_s=None,
        rationale="",
    )


def _withheld(finding: Finding) -> Finding:
    return replace(
        finding,
        status=FindingStatus.NOT_ASSESSABLE,
        reason=Reason.AGE_OUT_OF_SCOPE,
        reason_text=NO_FINDINGS,
        score=None,
        calibrated=False,
        assessable_s=0.0,
        occurrences=(),
    )
