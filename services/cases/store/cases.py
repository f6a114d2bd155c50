"""Cases: opening one, and reading them back as the domain knows them."""

# ruff: noqa: S608 - only column names of ours are put into statements; values are always parameters

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from schemas.case import Case, CaseStatus, OrderRef, PatientContext, Priority, StepName, StepState, StepStatus, Subject
from schemas.errors import AlreadyExistsError, InvalidRequestError, NotFoundError
from schemas.recording import (
    AnchorSource,
    Box,
    ClockAnchor,
    EegAlignment,
    ObjectRef,
    Recording,
    SourceFile,
    Tri,
)
from services.cases.store import objects, runs
from services.cases.store.database import Connection
from services.cases.store.requests import ensure_site


@dataclass(frozen=True, slots=True)
class NewCase:
    """What opens a case."""

    site_id: str
    subject: Subject
    recordings: tuple[Recording, ...]
    order: OrderRef | None
    context: PatientContext
    priority: Priority


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case and how far its latest run is."""

    case: Case
    steps: tuple[StepState, ...]


def content_digest(recordings: Iterable[Recording]) -> str:
    """SHA-256 over the digests and places of all files: equal for the same content, however it is named."""
    content = [[[file.object.sha256, file.start_s] for file in recording.files] for recording in recordings]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def create(connection: Connection, new: NewCase, traceparent: str, max_attempts: int) -> tuple[str, bool]:
    """Open a case with its first run; its id, and whether the same content was already here for this order and patient.

    Stat for content that is here as batch makes the case stat. Raises InvalidRequestError for a case without
    recordings, files or patient identifier, and AlreadyExistsError when something else was said about the same content.
    """
    _check(new)
    ensure_site(connection, new.site_id)
    patient_id = _patient(connection, new.site_id, new.subject)
    version = _context(connection, new.site_id, patient_id, new.context)
    order = new.order or OrderRef(identifier="")
    identity = (
        new.site_id,
        patient_id,
        new.order is not None,
        order.system,
        order.identifier,
        content_digest(new.recordings),
    )
    row = connection.execute(
        """
        INSERT INTO "case" (site_id, patient_id, has_order, order_system, order_identifier, content_digest,
                            order_encounter, context_version, priority, status)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'queued') ON CONFLICT DO NOTHING RETURNING id
        """,
        (*identity, order.encounter, version, new.priority),
    ).fetchone()
    if row is None:
        case_id = _existing(connection, identity)
        _require_same(load(connection, case_id), new)
        if new.priority is Priority.STAT:
            runs.make_stat(connection, case_id)
        return case_id, True
    case_id = str(row["id"])
    for position, recording in enumerate(new.recordings):
        _add_recording(connection, new.site_id, case_id, position, recording)
    runs.start(
        connection,
        site_id=new.site_id,
        case_id=case_id,
        recording_ids=[recording.id for recording in new.recordings],
        priority=new.priority,
        traceparent=traceparent,
        max_attempts=max_attempts,
    )
    return case_id, False


def view(connection: Connection, case_id: str) -> CaseView:
    """One case with the steps of its latest run. Raises NotFoundError, also outside the transaction's site."""
    case = load(connection, case_id)
    rows = connection.execute(
        """
        SELECT name, recording_id, status, fraction, message, stage, attempt, error_code, error_message, reused,
               coalesce(extract(epoch FROM coalesce(finished_at, now()) - started_at), 0)::float8 AS elapsed_s
          FROM step WHERE run_id = %s
        """,
        (case.run_id,),
    ).fetchall()
    places = {name.value: place for place, name in enumerate(StepName)}
    order = {recording.id: place for place, recording in enumerate(case.recordings)}
    rows.sort(key=lambda row: (order.get(row["recording_id"], len(order)), places[row["name"]]))
    return CaseView(case, tuple(_step(row) for row in rows))


def load(connection: Connection, case_id: str) -> Case:
    """One case. Raises NotFoundError, also outside the transaction's site."""
    found = _load(connection, "WHERE c.id = %s", (case_id,))
    if not found:
        raise NotFoundError(f"there is no case {case_id}")
    return found[0]


def newest(
    connection: Connection, statuses: Sequence[CaseStatus], before: tuple[str, str] | None, limit: int
) -> list[Case]:
    """Cases of the transaction's site, newest first, after the place ``before`` (created_at, id)."""
    conditions, parameters = ["true"], list[object]()
    if statuses:
        conditions.append("c.status = ANY(%s)")
        parameters.append([status.value for status in statuses])
    if before is not None:
        conditions.append("(c.created_at, c.id) < (%s::timestamptz, %s::uuid)")
        parameters.extend(before)
    tail = f"WHERE {' AND '.join(conditions)} ORDER BY c.created_at DESC, c.id DESC LIMIT %s"
    return _load(connection, tail, (*parameters, limit))


def _check(new: NewCase) -> None:
    if not new.recordings or any(not recording.files for recording in new.recordings):
        raise InvalidRequestError("a case needs at least one recording, and each recording at least one file")
    if not new.subject.identifier:
        raise InvalidRequestError("the patient has no identifier; a case belongs to one")


def _patient(connection: Connection, site_id: str, subject: Subject) -> str:
    """The patient's id; what is newly known of them replaces what was known, what is not said stays."""
    row = connection.execute(
        """
        INSERT INTO patient AS p (site_id, system, identifier, family, given, birth_date, sex)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (site_id, system, identifier) DO UPDATE
           SET family = coalesce(nullif(excluded.family, ''), p.family),
               given = coalesce(nullif(excluded.given, ''), p.given),
               birth_date = coalesce(nullif(excluded.birth_date, ''), p.birth_date),
               sex = coalesce(nullif(excluded.sex, ''), p.sex), updated_at = now()
        RETURNING id
        """,
        (
            site_id,
            subject.system,
            subject.identifier,
            subject.family,
            subject.given,
            subject.birth_date,
            subject.sex,
        ),
    ).fetchone()
    assert row is not None
    return str(row["id"])


_CONTEXT = tuple(field.name for field in fields(PatientContext) if field.name != "version")


def _context(connection: Connection, site_id: str, patient_id: str, context: PatientContext) -> int:
    """The version of the history that says this; a new one unless the latest says the same. The patient is locked."""
    latest = connection.execute(
        f"SELECT version, {', '.join(_CONTEXT)} FROM patient_context WHERE patient_id = %s"
        " ORDER BY version DESC LIMIT 1",
        (patient_id,),
    ).fetchone()
    said = tuple(getattr(context, name) for name in _CONTEXT)
    if latest is not None and tuple(latest[name] for name in _CONTEXT) == said:
        return int(latest["version"])
    version = 1 if latest is None else int(latest["version"]) + 1
    places = ", ".join(["%s"] * (len(_CONTEXT) + 3))
    connection.execute(
        f"INSERT INTO patient_context (patient_id, version, site_id, {', '.join(_CONTEXT)}) VALUES ({places})",
        (patient_id, version, site_id, *said),
    )
    return version


def _existing(connection: Connection, identity: tuple[object, ...]) -> str:
    row = connection.execute(
        'SELECT id FROM "case" WHERE site_id = %s AND patient_id = %s AND has_order = %s AND order_system = %s'
        " AND order_identifier = %s AND content_digest = %s",
        identity,
    ).fetchone()
    assert row is not None
    return str(row["id"])


def _require_same(known: Case, new: NewCase) -> None:
    """Nothing that is said about known content is dropped in silence. Names fields only: values may be patient data.

    Raises AlreadyExistsError with the details ``case_id`` and ``differs``.
    """
    differs = [
        f"recordings.{place}.{name}"
        for place, (old, said) in enumerate(zip(known.recordings, new.recordings, strict=True))
        for name in _STATEMENTS
        if getattr(old, name) != getattr(said, name)
    ]
    differs += [f"context.{name}" for name in _CONTEXT if getattr(known.context, name) != getattr(new.context, name)]
    if known.order and new.order and known.order.encounter != new.order.encounter:
        differs.append("order.encounter")
    if differs:
        raise AlreadyExistsError(
            f"the same content is already here for this order as case {known.id}, and something else was said about it:"
            f" {', '.join(differs)}; nothing was changed",
            details={"case_id": known.id, "differs": ",".join(differs)},
        )


_STATEMENTS = tuple(field.name for field in fields(Recording) if field.name not in ("id", "files"))


def _add_recording(connection: Connection, site_id: str, case_id: str, position: int, recording: Recording) -> None:
    key = (case_id, recording.id)
    box = list(recording.patient_box) if recording.patient_box else None
    connection.execute(
        "INSERT INTO recording (case_id, id, site_id, position, mirrored, camera, filmed_by, consent_scope,"
        " patient_box) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *key,
            site_id,
            position,
            recording.mirrored,
            recording.camera,
            recording.filmed_by,
            recording.consent_scope,
            box,
        ),
    )
    for place, file in enumerate(recording.files):
        ref = file.object
        connection.execute(
            "INSERT INTO recording_file (case_id, recording_id, position, site_id, uri, sha256, size_bytes, media_type,"
            " start_s) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (*key, place, site_id, ref.uri, ref.sha256, ref.size_bytes, ref.media_type, file.start_s),
        )
    for place, anchor in enumerate(recording.anchors):
        connection.execute(
            "INSERT INTO clock_anchor (case_id, recording_id, position, site_id, pts_us, at, time_zone, source,"
            " uncertainty_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *key,
                place,
                site_id,
                anchor.pts_us,
                anchor.at,
                anchor.time_zone,
                anchor.source,
                anchor.uncertainty_ms,
            ),
        )
    if recording.eeg is not None:
        eeg = recording.eeg
        connection.execute(
            "INSERT INTO eeg_alignment (case_id, recording_id, site_id, file_id, offset_ms, uncertainty_ms, drift_ppm)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (*key, site_id, eeg.file_id, eeg.offset_ms, eeg.uncertainty_ms, eeg.drift_ppm),
        )
    objects.remember(connection, site_id, case_id, "source", [file.object for file in recording.files])


def _load(connection: Connection, tail: str, parameters: Sequence[object]) -> list[Case]:
    rows = connection.execute(
        f"""
        SELECT c.id::text, c.site_id, c.has_order, c.order_system, c.order_identifier, c.order_encounter, c.priority,
               c.status, c.error_code, c.error_message, c.report_id::text, c.report_version,
               coalesce(c.run_id::text, '') AS run_id, c.context_version,
               to_char(c.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at,
               p.identifier, p.system, p.family, p.given, p.birth_date, p.sex,
               {", ".join(f"h.{name}" for name in _CONTEXT)}
          FROM "case" c JOIN patient p ON p.id = c.patient_id
          JOIN patient_context h ON h.patient_id = c.patient_id AND h.version = c.context_version
         {tail}
        """,
        parameters,
    ).fetchall()
    recordings = _recordings(connection, [row["id"] for row in rows])
    return [_case(row, recordings[row["id"]]) for row in rows]


def _case(row: dict[str, Any], recordings: tuple[Recording, ...]) -> Case:
    order = OrderRef(row["order_identifier"], row["order_system"], row["order_encounter"])
    reported = row["report_version"] > 0
    return Case(
        id=row["id"],
        site_id=row["site_id"],
        subject=Subject(**{field.name: row[field.name] for field in fields(Subject)}),
        recordings=recordings,
        order=order if row["has_order"] else None,
        context=PatientContext(row["context_version"], **{name: row[name] for name in _CONTEXT}),
        priority=Priority(row["priority"]),
        status=CaseStatus(row["status"]),
        error_code=row["error_code"],
        error_message=row["error_message"],
        created_at=row["created_at"],
        report_id=row["report_id"] if reported else "",
        report_version=row["report_version"],
        run_id=row["run_id"],
    )


def _recordings(connection: Connection, case_ids: list[str]) -> dict[str, tuple[Recording, ...]]:
    """The recordings of many cases in four queries."""
    files: dict[tuple[str, str], list[SourceFile]] = defaultdict(list)
    for row in _of_cases(connection, "recording_file", "uri, sha256, size_bytes, media_type, start_s", case_ids):
        ref = ObjectRef(row["uri"], row["sha256"], row["size_bytes"], row["media_type"])
        files[row["case_id"], row["recording_id"]].append(SourceFile(ref, row["start_s"]))
    anchors: dict[tuple[str, str], list[ClockAnchor]] = defaultdict(list)
    for row in _of_cases(connection, "clock_anchor", "pts_us, at, time_zone, source, uncertainty_ms", case_ids):
        anchors[row["case_id"], row["recording_id"]].append(
            ClockAnchor(row["pts_us"], row["at"], row["time_zone"], AnchorSource(row["source"]), row["uncertainty_ms"])
        )
    found: dict[str, list[Recording]] = defaultdict(list)
    rows = connection.execute(
        """
        SELECT r.case_id::text, r.id, r.mirrored, r.camera, r.filmed_by, r.consent_scope, r.patient_box,
               e.file_id, e.offset_ms, e.uncertainty_ms, e.drift_ppm
          FROM recording r LEFT JOIN eeg_alignment e ON e.case_id = r.case_id AND e.recording_id = r.id
         WHERE r.case_id = ANY(%s::uuid[]) ORDER BY r.case_id, r.position
        """,
        (case_ids,),
    )
    for row in rows:
        key = (row["case_id"], row["id"])
        found[row["case_id"]].append(_recording(row, tuple(files[key]), tuple(anchors[key])))
    return {case_id: tuple(found[case_id]) for case_id in case_ids}


def _of_cases(connection: Connection, table: str, columns: str, case_ids: list[str]) -> Iterable[dict[str, Any]]:
    return connection.execute(
        f"SELECT case_id::text, recording_id, {columns} FROM {table} WHERE case_id = ANY(%s::uuid[])"
        " ORDER BY case_id, recording_id, position",
        (case_ids,),
    )


def _recording(row: dict[str, Any], files: tuple[SourceFile, ...], anchors: tuple[ClockAnchor, ...]) -> Recording:
    eeg = None
    if row["file_id"] is not None:
        eeg = EegAlignment(row["file_id"], row["offset_ms"], row["uncertainty_ms"], row["drift_ppm"])
    return Recording(
        id=row["id"],
        files=files,
        mirrored=Tri(row["mirrored"]),
        camera=row["camera"],
        filmed_by=row["filmed_by"],
        consent_scope=row["consent_scope"],
        anchors=anchors,
        eeg=eeg,
        patient_box=Box(*row["patient_box"]) if row["patient_box"] else None,
    )


def _step(row: dict[str, Any]) -> StepState:
    return StepState(
        name=StepName(row["name"]),
        recording_id=row["recording_id"],
        status=StepStatus(row["status"]),
        fraction=row["fraction"],
        message=row["message"] or row["stage"],
        attempt=row["attempt"],
        error_code=row["error_code"],
        error_message=row["error_message"],
        reused=row["reused"],
        elapsed_s=row["elapsed_s"],
    )
