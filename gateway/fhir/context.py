"""What all resources of one bundle share: the patient, the order, the performer, clocks and devices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape

from gateway.fhir import ids
from gateway.fhir.clock import RecordingClock, clock_of, instant
from gateway.fhir.coding import AI_ASSERTED, V2_IDENTIFIER_TYPE, Json
from gateway.fhir.site import SiteProfile
from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from schemas.report import Report, ReportedRecording


def narrative(text: str) -> Json:
    """A generated narrative of one plain sentence."""
    return {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(text, quote=False)}</div>',
    }


def ai_label() -> Json:
    """Meta of everything that an engine said."""
    return {"security": [AI_ASSERTED]}


@dataclass(frozen=True)
class Context:
    """A report at a site."""

    report: Report
    """What is told."""
    site: SiteProfile
    """Who tells it."""

    @cached_property
    def recordings(self) -> dict[str, ReportedRecording]:
        """Recordings under their ids."""
        return {reported.recording.id: reported for reported in self.report.recordings}

    @cached_property
    def clocks(self) -> dict[str, RecordingClock]:
        """Clocks under recording ids."""
        return {key: clock_of(one.recording, one.facts, self.site) for key, one in self.recordings.items()}

    def recording(self, recording_id: str) -> ReportedRecording:
        """A recording of the report. Raises `InvalidRequestError` when it has none of that id."""
        if recording_id not in self.recordings:
            raise InvalidRequestError(
                f"recording {recording_id!r} is not in the report; an episode must lie in one that is"
            )
        return self.recordings[recording_id]

    @cached_property
    def made_at(self) -> str:
        """Instant at which this version was made."""
        return instant(self.report.created_at, self.site.zone)

    @property
    def subject(self) -> Json:
        """The patient, named by identifier: the receiver holds the Patient, we never create one."""
        subject = self.report.subject
        found: Json = {"type": "Patient"}
        if subject.identifier:
            system = subject.system or self.site.patient_system or self.site.naming("patient")
            found["identifier"] = _identifier("MR", system, subject.identifier)
        name = ", ".join(part for part in (subject.family, subject.given) if part)
        if self.site.patient_name and name:
            found["display"] = name
        elif not subject.identifier:
            found["display"] = "Patient not identified"
        return found

    @property
    def order(self) -> Json | None:
        """The order, named by its placer number; none when there is none."""
        order = self.report.order
        if order is None or not order.identifier:
            return None
        system = order.system or self.site.order_system or self.site.naming("order")
        return {"type": "ServiceRequest", "identifier": _identifier("PLAC", system, order.identifier)}

    @property
    def encounter(self) -> Json | None:
        """The visit, named by its number; none when it is not known."""
        order = self.report.order
        if order is None or not order.encounter:
            return None
        system = self.site.encounter_system or self.site.naming("encounter")
        # no identifier type: R4's list has none for a visit
        return {"type": "Encounter", "identifier": {"system": system, "value": order.encounter}}

    @property
    def organization(self) -> Json:
        """The performing unit."""
        if self.site.organization_reference:
            return {"reference": self.site.organization_reference, "display": self.site.organization_display}
        identifier = {"system": self.site.naming("site"), "value": self.report.site_id}
        return {"type": "Organization", "identifier": identifier, "display": self.site.organization_display}

    def device(self, engine: EngineInfo) -> Json:
        """Reference to an engine."""
        return {"reference": f"Device/{ids.device(self.site, engine)}"}

    def document(self, recording_id: str) -> Json:
        """Reference to a recording. Raises `InvalidRequestError` when the report has none of that id."""
        self.recording(recording_id)
        return {"reference": f"DocumentReference/{ids.recording(self.site, self.report, recording_id)}"}

    def result_id(self, kind: str, name: str) -> str:
        """Id of a result of this report."""
        return ids.result(self.site, self.report, kind, name)


def _identifier(kind: str, system: str, value: str) -> Json:
    return {"type": {"coding": [{"system": V2_IDENTIFIER_TYPE, "code": kind}]}, "system": system, "value": value}
