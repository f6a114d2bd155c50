"""What the HTTP interface takes and gives, as JSON."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.cases import CaseView, DeliveryView, NewCase
from gateway.uploads.shelf import Upload
from schemas.case import (
    Case,
    CaseStatus,
    DeliveryStatus,
    OrderRef,
    PatientContext,
    Priority,
    StepName,
    StepStatus,
    Subject,
)
from schemas.recording import Box, ObjectRef, Recording, SourceFile, Tri

Text = Annotated[str, Field(max_length=400)]
Identifier = Annotated[str, Field(min_length=1, max_length=200)]
_LINKS = ("events", "cancel", "retry", "rerun", "deliveries", "tests", "interventions", "reads")


class RequestModel(BaseModel):
    """What a client sends: nothing unknown is taken, and no error quotes a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ResponseModel(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(frozen=True)


class SubjectIn(RequestModel):
    """The patient as the hospital names them."""

    identifier: Identifier = Field(description="Medical record number.", examples=["MRN-0815"])
    system: Text = Field(
        "", description="Namespace of the identifier (URI).", examples=["urn:oid:1.2.36.146.595.217.0.1"]
    )
    family: Text = ""
    given: Text = ""
    birth_date: str = Field("", description="ISO 8601 date; may be partial.", pattern=r"^(\d{4}(-\d{2}(-\d{2})?)?)?$")
    sex: str = Field("", description="female, male, other, unknown or empty.", pattern="^(female|male|other|unknown)?$")

    @field_validator("birth_date")
    @classmethod
    def _is_a_day(cls, text: str) -> str:
        """The pattern also fits the 31st of February."""
        try:
            date.fromisoformat(text + "0001-01-01"[len(text) :])
        except ValueError:  # its own words would quote the value
            raise ValueError("there is no such day") from None
        return text


class OrderIn(RequestModel):
    """The hospital order that asks for the reading."""

    identifier: Identifier = Field(description="Placer order number.", examples=["ORD-4711"])
    system: Text = ""
    encounter: Text = ""


class ContextIn(RequestModel):
    """What the history says. Engines that judge signs never see it."""

    version: int = Field(1, ge=1)
    age_years: float | None = Field(None, ge=0, le=130)
    handedness: str = Field("", pattern="^(left|right|ambidextrous)?$")
    language_dominance: str = Field("", pattern="^(left|right|bilateral)?$")
    language_dominance_source: Text = ""
    baseline_weakness: Text = ""
    baseline_movement: Text = ""
    prior_surgery: Text = ""
    last_seizure_at: Text = ""
    medication_taper: Text = ""
    rescue_drug: Text = ""
    rescue_drug_at: Text = ""
    history: str = Field("", max_length=20_000)
    suspected_spasms: bool = False


class RecordingIn(RequestModel):
    """One recording: the upload(s) it consists of and what is known about it."""

    upload_id: str | None = Field(
        None,
        pattern="^[0-9a-f]{32}$",
        description="A completed upload. In a multipart request: none, files come in order.",
    )
    mirrored: Tri = Field(Tri.UNKNOWN, description="Whether left and right are swapped in the picture.")
    camera: Text = Field("", description="Kind of camera; no names.", examples=["phone"])
    filmed_by: Text = Field("", description="Role of who filmed.", examples=["relative"])
    consent_scope: Text = ""
    patient_box: tuple[float, float, float, float] | None = Field(
        None,
        description="Where the patient is: left, top, right, bottom as fractions of the picture.",
        examples=[[0.2, 0.1, 0.8, 0.9]],
    )

    def to_domain(self, object_: ObjectRef) -> Recording:
        """The recording of one stored file; cases gives it its number."""
        return Recording(
            id="",
            files=(SourceFile(object_),),
            mirrored=self.mirrored,
            camera=self.camera,
            filmed_by=self.filmed_by,
            consent_scope=self.consent_scope,
            patient_box=Box(*self.patient_box) if self.patient_box else None,
        )


class CaseIn(RequestModel):
    """One reading task over one or more recordings of one patient."""

    subject: SubjectIn
    recordings: tuple[RecordingIn, ...] = Field(min_length=1, max_length=32)
    order: OrderIn | None = None
    context: ContextIn = ContextIn()
    priority: Priority = Priority.BATCH

    def to_domain(self, objects: tuple[ObjectRef, ...]) -> NewCase:
        """The case over these stored files, one per recording."""
        return NewCase(
            subject=Subject(**self.subject.model_dump()),
            recordings=tuple(item.to_domain(stored) for item, stored in zip(self.recordings, objects, strict=True)),
            order=OrderRef(**self.order.model_dump()) if self.order else None,
            patient_context=PatientContext(**self.context.model_dump()),
            priority=self.priority,
        )


class UploadOut(ResponseModel):
    """How far an upload is."""

    id: str
    size_bytes: int
    received_bytes: int
    complete: bool = Field(description="All bytes are there and stored; the upload can be named in a case.")
    sha256: str = Field(description="Digest of the stored bytes; empty until complete.")
    media_type: str

    @classmethod
    def of(cls, upload: Upload, received_bytes: int) -> Self:
        stored = upload.object
        return cls(
            id=upload.id,
            size_bytes=upload.size_bytes,
            received_bytes=received_bytes,
            complete=stored is not None,
            sha256=stored.sha256 if stored else "",
            media_type=stored.media_type if stored else "",
        )


class StepOut(ResponseModel):
    """How far a step has come."""

    name: StepName
    recording_id: str = Field(description="Recording it works on; empty for steps over the whole case.")
    status: StepStatus
    fraction: float = Field(description="0-1.")
    message: str
    attempt: int
    error_code: str = Field(description="Code of its last error; empty without one.")
    error_message: str
    reused: bool = Field(description="The result was found under the same key and not computed again.")
    elapsed_s: float = Field(description="Seconds since it started, or that it took.")


class RecordingOut(ResponseModel):
    """One recording of a case."""

    id: str
    mirrored: Tri
    camera: str
    filmed_by: str
    size_bytes: int
    sha256: tuple[str, ...] = Field(description="Digests of its files.")
    video: str = Field(description="Path of the playable copy; ?source=original gives the file as sent.")


class ReportLinks(ResponseModel):
    """Where the latest report is."""

    id: str
    version: int
    json_: str = Field(serialization_alias="json")
    pdf: str
    html: str
    fhir: str


class CaseOut(ResponseModel):
    """One reading task over one or more recordings of one patient."""

    id: str
    status: CaseStatus
    priority: Priority
    created_at: str
    error_code: str = Field(
        description="Code of the error that failed it; empty without one.", examples=["unreadable-media"]
    )
    error_message: str = Field(examples=["The file could not be read as a video."])
    subject: SubjectIn
    order: OrderIn | None
    recordings: tuple[RecordingOut, ...]
    report: ReportLinks | None
    run_id: str
    links: dict[str, str] = Field(description="Paths of what can be done with it.")

    @classmethod
    def of(cls, case: Case) -> Self:
        """What a case looks like from outside; addresses inside the object store stay inside."""
        base = f"/cases/{case.id}"
        return cls(
            id=case.id,
            status=case.status,
            priority=case.priority,
            created_at=case.created_at,
            error_code=case.error_code,
            error_message=case.error_message,
            subject=SubjectIn.model_construct(**_fields(case.subject, SubjectIn)),
            order=OrderIn.model_construct(**_fields(case.order, OrderIn)) if case.order else None,
            recordings=tuple(_recording(base, recording) for recording in case.recordings),
            report=_report(base, case) if case.report_version else None,
            run_id=case.run_id,
            links={"self": base, **{name: f"{base}/{name}" for name in _LINKS}},
        )


class CaseViewOut(ResponseModel):
    """A case and how far its latest run is."""

    case: CaseOut
    steps: tuple[StepOut, ...]

    @classmethod
    def of(cls, view: CaseView) -> Self:
        steps = tuple(StepOut.model_construct(**_fields(step, StepOut)) for step in view.steps)
        return cls(case=CaseOut.of(view.case), steps=steps)


class CasePage(ResponseModel):
    """Cases, newest first."""

    cases: tuple[CaseOut, ...]
    next_page_token: str = Field(description="Empty on the last page.")


class DeliveryOut(ResponseModel):
    """One report version on its way to one destination."""

    id: str
    report_id: str
    version: int
    destination_id: str
    status: DeliveryStatus
    attempts: int
    error_code: str
    error_message: str
    receipt: str
    delivered_at: str

    @classmethod
    def of(cls, view: DeliveryView) -> DeliveryOut:
        return cls.model_construct(**_fields(view, cls))


class Problem(BaseModel):
    """An error after RFC 9457, sent as ``application/problem+json``."""

    type: str = Field(examples=["urn:ictogram:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no such case."])
    code: str = Field(description="Stable code of the error.", examples=["not-found"])
    retryable: bool = Field(description="Whether the same request can succeed later; then Retry-After says when.")
    case_id: str | None = Field(None, description="The case that is meant, where another one than the asked-for is.")
    differs: tuple[str, ...] | None = Field(
        None, description="Fields that say something else than was said before.", examples=[["recordings.0.mirrored"]]
    )
    trace_id: str | None = Field(None, description="Leads to the logs; quote it when you report an error.")


def _fields(source: object, model: type[BaseModel]) -> dict[str, Any]:
    return {name: getattr(source, name) for name in model.model_fields}


def _recording(base: str, recording: Recording) -> RecordingOut:
    return RecordingOut(
        id=recording.id,
        mirrored=recording.mirrored,
        camera=recording.camera,
        filmed_by=recording.filmed_by,
        size_bytes=sum(file.object.size_bytes for file in recording.files),
        sha256=tuple(file.object.sha256 for file in recording.files),
        video=f"{base}/recordings/{recording.id}/video",
    )


def _report(base: str, case: Case) -> ReportLinks:
    query = f"?version={case.report_version}"
    return ReportLinks(
        id=case.report_id,
        version=case.report_version,
        json_=f"{base}/report.json{query}",
        pdf=f"{base}/report.pdf{query}",
        html=f"{base}/report.html{query}",
        fhir=f"{base}/report/fhir{query}",
    )


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text, "content": {"application/problem+json": {}}}
    for status, text in {
        401: "No valid credentials.",
        403: "The credentials do not allow this.",
        404: "There is nothing under that id at the caller's site.",
        409: "The case is not in a state that allows this, or something else was said about the same content before.",
        422: "The request breaks a rule.",
        429: "Too busy; try again after Retry-After seconds.",
        503: "A part of the system cannot be reached; try again after Retry-After seconds.",
    }.items()
}
"""Responses that every route may give, for the OpenAPI document."""
