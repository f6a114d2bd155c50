"""A recording as a DocumentReference: where the video is, on which clock, with its checksum. Never the bytes."""

from __future__ import annotations

from gateway.fhir import ids
from gateway.fhir.coding import Json, concept, extension, local
from gateway.fhir.context import Context, narrative
from schemas.recording import SourceFile
from schemas.report import ReportedRecording

LARGEST_UNSIGNED_INT = 2**31 - 1
"""R4's unsignedInt ends here; a larger file has no `size`."""


def document(context: Context, reported: ReportedRecording) -> Json:
    """A DocumentReference of one recording."""
    recording = reported.recording
    clock = context.clocks[recording.id]
    own_id = ids.recording(context.site, context.report, recording.id)
    start, end = clock.at(0.0), clock.at(reported.facts.duration_s)
    surroundings: Json = {}
    if context.encounter is not None:
        surroundings["encounter"] = [context.encounter]
    if start is not None and end is not None:
        surroundings["period"] = {"start": start, "end": end}
    if context.order is not None:
        surroundings["related"] = [context.order]
    found: Json = {
        "resourceType": "DocumentReference",
        "id": own_id,
        "text": narrative(f"Seizure video, {reported.facts.duration_s:.1f} s"),
        "extension": [extension("recording-clock", valueCode=clock.code)],
        "identifier": [{"system": context.site.naming("result"), "value": own_id}],
        "status": "current",
        "type": concept(local("document", "seizure-video")),
        "subject": context.subject,
        "date": context.made_at,
        "custodian": context.organization,
        "content": [{"attachment": _attachment(context, recording.id, file)} for file in recording.files],
    }
    return {**found, "context": surroundings} if surroundings else found


def _attachment(context: Context, recording_id: str, file: SourceFile) -> Json:
    path = context.site.video_path.format(case_id=context.report.case_id, recording_id=recording_id)
    size = file.object.size_bytes
    title = "Original recording" if file.start_s == 0 else f"Original recording, continued at {file.start_s:.3f} s"
    return {
        "contentType": file.object.media_type,
        "url": context.site.application + path,
        **({"size": size} if size <= LARGEST_UNSIGNED_INT else {}),
        "title": title,
        "extension": [extension("sha256", valueString=file.object.sha256)],
    }
