"""What people enter for a case: tests, interventions and their own reads."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends

from gateway.auth import Identity, requires
from gateway.bodies import body_of, described
from gateway.cases import Entries
from gateway.context import Parts
from gateway.models import PROBLEMS
from gateway.models_entries import InterventionIn, InterventionOut, MarksIn, ReadIn, ReadOut, TestIn, TestOut
from gateway.routes.cases import RequestId

router = APIRouter(prefix="/cases/{case_id}", tags=["entries"], responses=PROBLEMS)

_reader = requires("reader")
_submitter = requires("submitter")
Reader = Annotated[Identity, Depends(_reader)]
Submitter = Annotated[Identity, Depends(_submitter)]

# In a route's signature the caller stands before the body: nobody's body is read before it is known whose it is.
NewTest = Annotated[TestIn, Depends(body_of(TestIn))]
NewIntervention = Annotated[InterventionIn, Depends(body_of(InterventionIn))]
NewRead = Annotated[ReadIn, Depends(body_of(ReadIn))]
Marks = Annotated[MarksIn, Depends(body_of(MarksIn))]


@router.get("/tests", summary="Ictal and post-ictal testing of a case")
async def tests(case_id: str, parts: Parts, caller: Reader) -> list[TestOut]:
    """In time order by recording."""
    return [TestOut.of(one) for one in (await _entries(parts, caller, case_id)).tests]


@router.post("/tests", status_code=201, summary="Add one item of testing", openapi_extra=described(TestIn))
async def add_test(
    case_id: str, caller: Submitter, body: NewTest, parts: Parts, request_id: RequestId = None
) -> TestOut:
    """Entries are added, never changed. The report shows them from the next run on (`POST /cases/{id}/rerun`)."""
    return TestOut.of(await parts.cases.add_test(caller, case_id, request_id or str(uuid4()), body.to_domain()))


@router.get("/interventions", summary="Interventions of a case")
async def interventions(case_id: str, parts: Parts, caller: Reader) -> list[InterventionOut]:
    """In time order by recording."""
    return [InterventionOut.of(one) for one in (await _entries(parts, caller, case_id)).interventions]


@router.post("/interventions", status_code=201, summary="Add one intervention", openapi_extra=described(InterventionIn))
async def add_intervention(
    case_id: str, caller: Submitter, body: NewIntervention, parts: Parts, request_id: RequestId = None
) -> InterventionOut:
    """Entries are added, never changed. The report shows them from the next run on (`POST /cases/{id}/rerun`)."""
    added = await parts.cases.add_intervention(caller, case_id, request_id or str(uuid4()), body.to_domain())
    return InterventionOut.of(added)


@router.get("/reads", summary="Closed reads of a case, and the caller's own open one")
async def reads(case_id: str, parts: Parts, caller: Reader) -> list[ReadOut]:
    """In the order they were started. All are kept; nobody sees another's read before it is closed."""
    return [ReadOut.of(one) for one in (await _entries(parts, caller, case_id)).reads]


@router.post("/reads", status_code=201, summary="Begin to read a case", openapi_extra=described(ReadIn))
async def start_read(
    case_id: str, caller: Reader, body: NewRead, parts: Parts, request_id: RequestId = None
) -> ReadOut:
    """The caller is the reader. 409 for a second open read, or for one blinded to the AI by somebody who has already
    fetched the case's report. Watching the video is no breach.
    """
    return ReadOut.of(await parts.cases.start_read(caller, case_id, request_id or str(uuid4()), body.to_domain()))


@router.put(
    "/reads/{read_id}", summary="Save the marks of an open read, and close it", openapi_extra=described(MarksIn)
)
async def save_read(
    case_id: str, read_id: str, caller: Reader, body: Marks, parts: Parts, request_id: RequestId = None
) -> ReadOut:
    """Replaces all marks. With `close` the read never changes again: saving it is answered 409. Whoever fetched the
    report before closing is no longer stated as blinded to the AI.
    """
    saved = await parts.cases.save_read(
        caller, case_id, request_id or str(uuid4()), read_id, body.to_domain(), close=body.close
    )
    return ReadOut.of(saved)


async def _entries(parts: Parts, caller: Identity, case_id: str) -> Entries:
    return await parts.cases.entries(caller, case_id)
