from __future__ import annotations

import dataclasses
import functools
import importlib
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ictogram.model.v1 import case_pb2, recording_pb2, report_pb2, semiology_pb2
from ictogram.work.v1 import work_pb2

from schemas.case import Case, PatientContext, Priority, Subject
from schemas.errors import InvalidRequestError
from schemas.recording import Box, IntakeResult, Interval, Recording, Tri
from schemas.report import ReportFiles
from schemas.segmentation import Segmentation
from schemas.semiology import Finding, FindingStatus, SemiologyResult
from services.runtime import convert

PLAIN = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
}


@functools.cache
def records(cls: Any) -> st.SearchStrategy[Any]:
    """Any value of a dataclass or named tuple, every field drawn."""
    drawn = {shape.name: fields(shape) for shape in convert.shapes(cls)}
    return st.builds(cls, **drawn)


def fields(shape: convert.Shape) -> st.SearchStrategy[Any]:
    kind = shape.kind
    if kind in PLAIN:
        inner = PLAIN[kind]
    elif issubclass(kind, StrEnum):
        inner = st.sampled_from(list(kind))
    else:
        inner = records(kind)
    if shape.repeated:
        return st.lists(inner, max_size=2).map(tuple)
    return st.none() | inner if shape.optional else inner


ROUND_TRIPS = [
    (IntakeResult, "recording"),
    (Recording, "recording"),
    (Segmentation, "segmentation"),
    (SemiologyResult, "semiology"),
    (ReportFiles, "report"),
    (Case, "case"),
]


def message_type(cls: type, module: str) -> Any:
    return getattr(importlib.import_module(f"ictogram.model.v1.{module}_pb2"), cls.__name__)


@pytest.mark.parametrize(("cls", "module"), ROUND_TRIPS, ids=lambda value: getattr(value, "__name__", ""))
def test_values_survive_protobuf_and_json(cls: type, module: str) -> None:
    target = message_type(cls, module)

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(records(cls))
    def check(value: Any) -> None:
        message = target.FromString(convert.to_proto(value, target).SerializeToString())
        assert convert.from_proto(message, cls) == value
        assert convert.from_json(cls, convert.to_json(value)) == value
        assert convert.from_plain(cls, convert.to_plain(value)) == value

    check()


def test_interval_and_box_are_arrays_in_json() -> None:
    recording = Recording("r1", (), patient_box=Box(0.1, 0.2, 0.3, 0.4))
    assert convert.to_plain(recording)["patient_box"] == [0.1, 0.2, 0.3, 0.4]
    assert convert.to_json(Interval(1.5, 2)) == b"[1.5,2.0]"


def test_an_enum_left_out_reads_as_the_fields_default() -> None:
    recording = convert.from_proto(recording_pb2.Recording(id="r1"), Recording)
    assert recording.mirrored is Tri.UNKNOWN
    subject = case_pb2.Subject(identifier="1")
    assert convert.from_proto(case_pb2.Case(id="c", subject=subject), Case).priority is Priority.BATCH


def test_an_enum_without_default_must_be_given() -> None:
    with pytest.raises(InvalidRequestError, match=r"Finding.status is 0; it must be one of FINDING_STATUS_NOT_ASSESS"):
        convert.from_proto(semiology_pb2.Finding(id="x", sign="clonic"), Finding)


def test_a_number_of_a_newer_enum_is_refused() -> None:
    message = semiology_pb2.Finding(id="x", status="FINDING_STATUS_PRESENT")
    message.reason = 999  # type: ignore[assignment]
    with pytest.raises(InvalidRequestError, match=r"Finding\.reason is 999"):
        convert.from_proto(message, Finding)


def test_an_enum_with_a_member_unspecified_keeps_it() -> None:
    occurrence = semiology_pb2.Occurrence(onset_s={"lo": 1, "hi": 2}, offset_s={"lo": 3, "hi": 4})
    from schemas.segmentation import BodyPart
    from schemas.semiology import Occurrence

    assert convert.from_proto(occurrence, Occurrence).body_part is BodyPart.UNSPECIFIED


def test_a_missing_message_is_refused_unless_it_has_a_default() -> None:
    with pytest.raises(InvalidRequestError, match=r"Case\.subject is missing"):
        convert.from_proto(case_pb2.Case(id="c"), Case)
    assert convert.from_proto(case_pb2.Case(subject=case_pb2.Subject()), Case).context == PatientContext()


def test_zero_and_absence_differ_where_none_is_allowed() -> None:
    finding = Finding("f", "clonic", FindingStatus.PRESENT, score=0.0)
    message = convert.to_proto(finding, semiology_pb2.Finding)
    assert convert.from_proto(message, Finding).score == 0.0
    without = convert.to_proto(dataclasses.replace(finding, score=None), semiology_pb2.Finding)
    assert not without.HasField("score")
    assert convert.from_proto(without, Finding).score is None


def test_an_empty_record_stays_present() -> None:
    message = convert.to_proto(Case("c", "s", Subject(""), ()), case_pb2.Case)
    assert message.HasField("subject")


def test_member_names_with_hyphenated_values_map() -> None:
    from schemas.report import ReportStatus

    numbers = convert._numbers(ReportStatus, report_pb2.DESCRIPTOR.enum_types_by_name["ReportStatus"])
    assert numbers[ReportStatus.ENTERED_IN_ERROR] == report_pb2.REPORT_STATUS_ENTERED_IN_ERROR


def test_wrong_json_names_the_place_and_not_the_value() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        convert.from_json(Subject, b'{"identifier": ["Canary"]}')
    assert "identifier" in caught.value.message
    assert "Canary" not in caught.value.message


def test_broken_json_is_an_invalid_request() -> None:
    with pytest.raises(InvalidRequestError, match="not a valid Subject"):
        convert.from_json(Subject, b"{")


def test_job_dataclasses_of_services_convert_too() -> None:
    @dataclass(frozen=True)
    class Info:
        service: str
        slots: int

    message = work_pb2.ServiceInfo(service="intake", slots=2)
    assert convert.from_proto(message, Info) == Info("intake", 2)
    assert convert.to_proto(Info("intake", 2), work_pb2.ServiceInfo) == message


def test_keyword_only_dataclasses_convert() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Step:
        stage: str
        fraction: float = 0.0

    assert convert.from_proto(work_pb2.Progress(stage="a", fraction=0.5), Step) == Step(stage="a", fraction=0.5)


@pytest.mark.parametrize(
    ("annotation", "complaint"),
    [
        (list[str], "does not fit"),
        (str | int, "only X \\| None"),
        (tuple[str, str], "only tuple\\[X, ...\\]"),
        (bytes, "does not fit"),
        (str | None, "must be optional"),
        (tuple[str, ...], "one of the two is repeated"),
    ],
)
def test_types_that_a_message_cannot_hold_are_refused(annotation: Any, complaint: str) -> None:
    cls = dataclasses.make_dataclass("Odd", [("service", annotation)])
    with pytest.raises(TypeError, match=complaint):
        convert.from_proto(work_pb2.ServiceInfo(), cls)


def test_a_field_that_the_message_lacks_is_refused() -> None:
    cls = dataclasses.make_dataclass("Odd", [("colour", str)])
    with pytest.raises(TypeError, match="has no such field"):
        convert.to_proto(cls("red"), work_pb2.ServiceInfo)


def test_enum_prefix() -> None:
    assert convert.enum_prefix("SideRefersTo") == "SIDE_REFERS_TO_"
    assert convert.enum_prefix("Tri") == "TRI_"


def test_infinity_survives_protobuf_and_is_refused_in_json() -> None:
    message = convert.to_proto(Interval(-math.inf, math.inf), recording_pb2.Interval)
    assert convert.from_proto(message, Interval) == Interval(-math.inf, math.inf)
    with pytest.raises(ValueError, match="not JSON compliant"):
        convert.to_json(Interval(0.0, math.nan))
