from __future__ import annotations

import uuid
from dataclasses import replace

from schemas.case import Case, StepName
from schemas.recording import Tri
from services.cases import calls
from services.cases.store.steps import Claim
from tests.services.cases.conftest import new_case, recording
from tests.support.answers import answer


def claim(kind: StepName, **changes: object) -> Claim:
    held = Claim(
        step_id=str(uuid.uuid4()),
        site_id="site-a",
        case_id=str(uuid.uuid4()),
        run_id=str(uuid.uuid4()),
        name=kind,
        recording_id="r1",
        part=0,
        attempt=1,
        max_attempts=3,
        waits=0,
        rings=1,
        lease_token=uuid.uuid4(),
        traceparent="",
        expected_digest="engine-1",
    )
    return replace(held, **changes)  # type: ignore[arg-type]


def known(**changes: object) -> calls.Known:
    new = new_case(name="video")
    case = Case("c", "site-a", new.subject, (replace(recording(), **changes),), new.order, new.context)  # type: ignore[arg-type]
    return calls.Known(case, {})


def key(held: Claim, about: calls.Known) -> str:
    return calls.key(held, calls.build(held, about, f"file:///{held.lease_token}"))


def test_ids_places_and_attempts_do_not_matter() -> None:
    moved = known()
    file = moved.case.recordings[0].files[0]
    elsewhere = replace(file, object=replace(file.object, uri="s3://other/place.mp4"))
    about = known(files=(elsewhere,))
    assert key(claim(StepName.INTAKE), moved) == key(claim(StepName.INTAKE, attempt=2), about)


def test_content_site_engine_and_what_people_said_do_matter() -> None:
    base = key(claim(StepName.INTAKE), known())
    file = known().case.recordings[0].files[0]
    other_bytes = replace(file, object=replace(file.object, sha256="0" * 64))
    others = {
        key(claim(StepName.INTAKE), known(files=(other_bytes,))),
        key(claim(StepName.INTAKE), known(mirrored=Tri.YES)),
        key(claim(StepName.INTAKE, site_id="site-b"), known()),
        key(claim(StepName.INTAKE, expected_digest="engine-2"), known()),
        key(claim(StepName.INTAKE, part=1), known()),
    }
    assert len(others | {base}) == 6


def test_the_deadline_follows_the_length_of_the_video() -> None:
    about = known()
    size = about.case.recordings[0].files[0].object.size_bytes
    assert calls.video_s(claim(StepName.INTAKE), about, 10.0) == size / 10
    result = answer(StepName.INTAKE, calls.build(claim(StepName.INTAKE), about, "file:///x"))
    measured = replace(about, results={(StepName.INTAKE, "r1"): result.SerializeToString()})
    assert calls.video_s(claim(StepName.SEGMENTATION), measured, 10.0) == 12.0
