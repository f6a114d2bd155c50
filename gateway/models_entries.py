"""Tests, interventions and reads as the HTTP interface takes and gives them.

Times are seconds from the recording's first frame, as [earliest, latest].
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from gateway.cases import Opening
from gateway.models import RequestModel, ResponseModel, Text
from schemas.catalogue import Catalogue, load_catalogue
from schemas.recording import Interval
from schemas.segmentation import BodyPart
from schemas.semiology import (
    Author,
    Episode,
    EpisodeSource,
    EpisodeState,
    Finding,
    FindingStatus,
    Intervention,
    Occurrence,
    Read,
    Side,
    Test,
)
from services.runtime.convert import to_plain

RecordingId = Annotated[str, Field(pattern=r"^r[1-9][0-9]{0,3}$", examples=["r1"])]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Span = Annotated[tuple[Seconds, Seconds], Field(description="[earliest, latest], seconds from the first frame.")]
Kind = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
Words = Annotated[str, Field(max_length=2000)]
_MOST = 200


class _Timed(RequestModel):
    @field_validator("at_s", "onset_s", "offset_s", check_fields=False)
    @classmethod
    def _in_order(cls, span: tuple[float, float]) -> tuple[float, float]:
        if span[0] > span[1]:
            raise ValueError("the earliest time must not be after the latest")
        return span


class TestIn(_Timed):
    """One item of ictal or post-ictal testing."""

    recording_id: RecordingId
    kind: Kind = Field(description="Command, word to recall, naming, grip …", examples=["naming"])
    at_s: Span
    prompt: Words = Field("", description="What was asked.")
    response: Words = Field("", description="What the patient did.")
    entered_by: Text = Field("", description="Role of who enters it; no names.", examples=["nurse"])

    def to_domain(self) -> Test:
        """The item; cases gives it its id."""
        return Test("", self.recording_id, self.kind, Interval(*self.at_s), self.prompt, self.response, self.entered_by)


class InterventionIn(_Timed):
    """Something done to the patient."""

    recording_id: RecordingId
    kind: Kind = Field(description="Rescue drug, oxygen, turned to side …", examples=["oxygen"])
    at_s: Span
    entered_by: Text = Field("", description="Role of who enters it; no names.", examples=["nurse"])

    def to_domain(self) -> Intervention:
        """The intervention; cases gives it its id."""
        return Intervention("", self.recording_id, self.kind, Interval(*self.at_s), self.entered_by)


class ReadIn(RequestModel):
    """What a reader says when they begin to read."""

    role: Text = Field("", description="Role of the reader.", examples=["epileptologist"])
    blinded_to_ai: bool = Field(description="Has not seen machine findings and will not before the read is closed.")
    blinded_to_eeg: bool = Field(description="Has not seen the EEG.")
    blinded_to_history: bool = Field(description="Has not seen the history.")

    def to_domain(self) -> Opening:
        """The opening."""
        return Opening(self.role, self.blinded_to_ai, self.blinded_to_eeg, self.blinded_to_history)


class OccurrenceIn(_Timed):
    """One instance of a sign."""

    onset_s: Span
    offset_s: Span
    side: Side = Field(Side.UNDETERMINED, description="The patient's own side.")
    body_part: BodyPart = BodyPart.UNSPECIFIED


class FindingIn(RequestModel):
    """What the reader says of one sign."""

    sign: str = Field(max_length=60, description="Id from the sign catalogue.", examples=["clonic"])
    status: FindingStatus = FindingStatus.PRESENT
    occurrences: tuple[OccurrenceIn, ...] = Field((), max_length=_MOST)

    @field_validator("sign")
    @classmethod
    def _is_known(cls, sign: str) -> str:
        if sign not in _catalogue().by_id:
            raise ValueError("the sign catalogue has no such sign")
        return sign

    @model_validator(mode="after")
    def _only_what_was_seen_occurs(self) -> Self:
        if self.occurrences and self.status not in (FindingStatus.PRESENT, FindingStatus.POSSIBLE):
            raise ValueError("only a sign that is present or possible has occurrences")
        return self

    def to_domain(self) -> Finding:
        """The finding; cases gives it and its occurrences their ids."""
        sign = _catalogue().by_id[self.sign]
        return Finding(
            "",
            self.sign,
            self.status,
            catalogue_version=_catalogue().version,
            occurrences=tuple(
                Occurrence(
                    "",
                    self.sign,
                    Interval(*one.onset_s),
                    Interval(*one.offset_s),
                    side=one.side,
                    side_refers_to=sign.side_refers_to,
                    body_part=one.body_part,
                    author=Author.READ,
                )
                for one in self.occurrences
            ),
        )


class EpisodeIn(_Timed):
    """One episode as the reader sees it."""

    recording_id: RecordingId
    onset_s: Span
    offset_s: Span
    onset_captured: bool
    offset_captured: bool
    state: EpisodeState = Field(EpisodeState.CANDIDATE, description="Whether the reader calls it a seizure.")
    findings: tuple[FindingIn, ...] = Field((), max_length=_MOST)

    def to_domain(self) -> Episode:
        """The episode; a person's mark has no score."""
        return Episode(
            "",
            self.recording_id,
            0.0,
            Interval(*self.onset_s),
            Interval(*self.offset_s),
            self.onset_captured,
            self.offset_captured,
            source=EpisodeSource.HUMAN,
            state=self.state,
            findings=tuple(one.to_domain() for one in self.findings),
        )


class MarksIn(RequestModel):
    """All marks of a read."""

    episodes: tuple[EpisodeIn, ...] = Field((), max_length=_MOST, description="Empty: no episode was seen.")
    close: bool = Field(default=False, description="Close the read: from then on it never changes.")

    def to_domain(self) -> tuple[Episode, ...]:
        """The episodes."""
        return tuple(one.to_domain() for one in self.episodes)


class TestOut(ResponseModel):
    """One item of testing."""

    id: str
    recording_id: str
    kind: str
    at_s: tuple[float, float]
    prompt: str
    response: str
    entered_by: str

    @classmethod
    def of(cls, test: Test) -> Self:
        return cls.model_validate(to_plain(test))


class InterventionOut(ResponseModel):
    """One intervention."""

    id: str
    recording_id: str
    kind: str
    at_s: tuple[float, float]
    entered_by: str

    @classmethod
    def of(cls, intervention: Intervention) -> Self:
        return cls.model_validate(to_plain(intervention))


class ReadOut(ResponseModel):
    """One reader's marks."""

    id: str
    reader: str = Field(description="Pseudonymous id of the reader.")
    role: str
    blinded_to_ai: bool
    blinded_to_eeg: bool
    blinded_to_history: bool
    started_at: str
    finished_at: str = Field(description="Empty while the read is open.")
    episodes: tuple[dict[str, Any], ...] = Field(description="Episodes as in report.json.")

    @classmethod
    def of(cls, read: Read) -> Self:
        return cls.model_validate(to_plain(read))


def _catalogue() -> Catalogue:
    return load_catalogue()
