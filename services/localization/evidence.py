"""The place where literature tables on signs and regions plug in, and the rules by which an aid is refused."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from schemas.case import PatientContext
from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from schemas.report import LocalizationAid
from schemas.semiology import Episode, Finding, FindingStatus

ADULT_YEARS = 18
"""Claims are made for this age and above (clinical rules: age gate)."""
INFANT_YEARS = 2
"""Below this age no finding is given at all."""
SPASM_SIGN = "epileptic_spasm"
"""A finding of this sign means that spasms are suspected."""

NO_TABLES = "The literature tables that tie signs to regions are not part of this version."
NO_EPISODE = "No episode was found, so there is nothing to localise."
NO_ONSET = "The onset was not captured in any episode, so no sign can be said to belong to the initial phase."
NO_SIGN = "No sign was found in an episode whose onset was captured."
INFANT = f"The patient is younger than {INFANT_YEARS} years: the signs do not carry over; urgent specialist review."
SPASMS = "Epileptic spasms are suspected: no aid is given; urgent specialist review."
CHILD = f"The patient is younger than {ADULT_YEARS} years: the published figures come mostly from adults."
AGE_UNKNOWN = f"The patient's age is not known: the published figures hold for {ADULT_YEARS} years and above."

NOTES = (
    "Ask for the aura first: what the patient felt comes before anything that a video can show.",
    "Only signs of the initial phase point to a region; later signs may point to a side.",
)


@runtime_checkable
class EvidenceSource(Protocol):
    """Tables of regions reported with signs. Named in the settings as ``module:Class``; made without arguments."""

    def info(self) -> EngineInfo:
        """Who gives the aid; its digest covers the tables."""
        ...

    def aid(self, episodes: Sequence[Episode], context: PatientContext) -> LocalizationAid:
        """The aid for episodes that passed every rule of `refusals`; it may still refuse, with a reason."""
        ...


def load_source(address: str) -> EvidenceSource | None:
    """The source named as ``module:Class``; none for an empty address.

    Raises `InvalidRequestError` when there is no such class or it is no `EvidenceSource`.
    """
    if not address:
        return None
    module_name, _, class_name = address.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidRequestError(f"No evidence source is found at {address!r}; it must be module:Class.") from error
    source = factory()
    if not isinstance(source, EvidenceSource):
        raise InvalidRequestError(f"{address!r} is no evidence source: it lacks info() or aid().")
    return source


def refusals(episodes: Sequence[Episode], context: PatientContext) -> tuple[str, ...]:
    """Why no aid may be given, in plain sentences; empty when nothing speaks against it."""
    reasons = [*_age_reasons(episodes, context)]
    if not episodes:
        return (*reasons, NO_EPISODE)
    captured = [episode for episode in episodes if episode.onset_captured]
    if not captured:
        reasons.append(NO_ONSET)
    elif not any(_shown(finding) for episode in captured for finding in episode.findings):
        reasons.append(NO_SIGN)
    return tuple(reasons)


def aid_for(episodes: Sequence[Episode], context: PatientContext, source: EvidenceSource | None) -> LocalizationAid:
    """The source's aid, or the refusal with all its reasons."""
    reasons = refusals(episodes, context)
    if source is None:
        reasons = (*reasons, NO_TABLES)
    if reasons or source is None:
        return LocalizationAid(refusal=" ".join(reasons), notes=NOTES)
    return source.aid(episodes, context)


def _age_reasons(episodes: Sequence[Episode], context: PatientContext) -> list[str]:
    reasons = []
    age = context.age_years
    if age is None:
        reasons.append(AGE_UNKNOWN)
    elif age < INFANT_YEARS:
        reasons.append(INFANT)
    elif age < ADULT_YEARS:
        reasons.append(CHILD)
    spasm_seen = any(
        finding.sign == SPASM_SIGN and _shown(finding) for episode in episodes for finding in episode.findings
    )
    if context.suspected_spasms or spasm_seen:
        reasons.append(SPASMS)
    return reasons


def _shown(finding: Finding) -> bool:
    return finding.status in {FindingStatus.PRESENT, FindingStatus.POSSIBLE}
