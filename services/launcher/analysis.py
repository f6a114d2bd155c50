"""The main job from the outside: videos in, four files per video out, with live progress in between."""

from __future__ import annotations

import json
import os
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from schemas.case import PatientContext
from schemas.catalogue import Catalogue, load_catalogue
from schemas.errors import IctogramError, InvalidRequestError, by_code
from services.launcher.client import GatewayClient
from services.launcher.show import printable, progress_table, report_tables
from services.runtime.convert import from_json, to_plain

OUTPUT_FILES = {
    "report.pdf": "report.pdf",
    "report.html": "report.html",
    "report.json": "report.json",
    "bundle.json": "report/fhir",
}
"""File written for each case, and the part of the case's address it comes from."""
CASES_AT_ONCE = 4
"""Videos sent and watched at the same time."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for with the videos."""

    patient: tuple[str, str]
    """System and identifier of the patient."""
    order: tuple[str, str] | None = None
    """System and identifier of the order."""
    context: PatientContext = field(default_factory=PatientContext)
    """The history."""
    mirrored: str = "unknown"
    """Whether the videos are mirrored: yes, no or unknown."""
    priority: str = "batch"
    """stat or batch."""


@dataclass
class Journey:
    """One video on its way."""

    video: Path
    title: str
    out: Path
    sent: float = 0.0
    steps: list[Mapping[str, Any]] = field(default_factory=list)
    case: Mapping[str, Any] | None = None
    error: IctogramError | None = None
    report: Mapping[str, Any] | None = None

    def show(self) -> RenderableType:
        """Progress so far."""
        if self.error is not None:
            return Group(Text(self.title, style="bold"), Text(f"  {printable(self.error.message)}", style="red"))
        if self.case is None:
            return Group(Text(self.title, style="bold"), Text(f"  sending {self.sent:4.0%}"))
        return Group(Text(self.title, style="bold"), progress_table(self.steps))


def parse_identifier(text: str, what: str) -> tuple[str, str]:
    """``system|identifier`` or just ``identifier``.

    Raises InvalidRequestError: the identifier is empty.
    """
    system, _, identifier = text.rpartition("|")
    if not identifier.strip():
        raise InvalidRequestError(f"{what} must be 'identifier' or 'system|identifier'; the identifier is empty")
    return system.strip(), identifier.strip()


def read_context(path: Path) -> PatientContext:
    """A patient's history from a JSON or TOML file with the fields of `schemas.case.PatientContext`.

    Raises InvalidRequestError: the file cannot be read, or has a field or value that is not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
        plain = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        # Dates of TOML become text; not-a-number, which Python would take, is no JSON.
        content = json.dumps(plain, default=str, allow_nan=False).encode()
    except (OSError, RecursionError, ValueError) as error:
        raise InvalidRequestError(f"the context file cannot be read as JSON or TOML: {error}") from error
    known = {item.name for item in fields(PatientContext)}
    unknown = sorted(set(plain) - known) if isinstance(plain, dict) else []
    if unknown:  # a misspelt field must not get lost: one of them says that no findings may be made
        raise InvalidRequestError(
            f"the context file has no field '{unknown[0]}'; it may have {', '.join(sorted(known))}"
        )
    return from_json(PatientContext, content)


def output_folders(videos: Sequence[Path], out: Path) -> list[Path]:
    """Where each video's files go: `out` itself for one video, a folder named by the stem for several.

    Raises InvalidRequestError: two videos have the same stem, so that one would overwrite the other.
    """
    if len(videos) == 1:
        return [out]
    stems = [video.stem for video in videos]
    doubled = sorted({stem for stem in stems if stems.count(stem) > 1})
    if doubled:
        raise InvalidRequestError(
            f"two videos would write to the folder '{doubled[0]}'; give them different file names"
        )
    return [out / stem for stem in stems]


def make_folder(folder: Path) -> None:
    """Make a folder for results, before anything is computed for it.

    Raises InvalidRequestError: it cannot be made, or not be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequestError(f"the folder {folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidRequestError(f"the folder {folder} cannot be written to")


def analyze(
    client: GatewayClient, videos: Sequence[Path], out: Path, request: Request, console: Console
) -> list[Journey]:
    """Send the videos in, show their progress, write their files and print what was found.

    A video that fails does not stop the others; its journey carries the error.
    """
    catalogue = load_catalogue()
    journeys = [
        Journey(video, printable(video.name), folder)
        for video, folder in zip(videos, output_folders(videos, out), strict=True)
    ]

    def screen() -> RenderableType:
        return Group(*(journey.show() for journey in journeys))

    with (
        Live(get_renderable=screen, console=console, refresh_per_second=8, transient=not console.is_terminal),
        ThreadPoolExecutor(min(CASES_AT_ONCE, len(journeys))) as pool,
    ):
        list(pool.map(lambda journey: _travel(client, journey, request), journeys))
    for journey in journeys:
        _print_outcome(console, journey, catalogue)
    return journeys


def _travel(client: GatewayClient, journey: Journey, request: Request) -> None:
    try:
        if not journey.video.is_file():
            raise InvalidRequestError(f"there is no file {journey.video}")
        size = max(1, journey.video.stat().st_size)

        def sent(offset: int) -> None:
            journey.sent = offset / size

        upload_id = client.upload(journey.video, sent)
        view = client.create_case(_case_body(upload_id, request), request_id=str(uuid.uuid4()))
        journey.case, journey.steps = view["case"], view["steps"]
        for event in client.events(journey.case["id"]):
            journey.case, journey.steps = event.case, event.steps
        _finish(client, journey)
    except IctogramError as error:
        journey.error = error
    except OSError as error:  # of the user's own files: the gateway's faults are IctogramErrors
        journey.error = InvalidRequestError(f"{error.filename or journey.video}: {error.strerror}")


def _case_body(upload_id: str, request: Request) -> dict[str, Any]:
    system, identifier = request.patient
    body: dict[str, Any] = {
        "recordings": [{"upload_id": upload_id, "mirrored": request.mirrored}],
        "subject": {"system": system, "identifier": identifier},
        "context": to_plain(request.context),
        "priority": request.priority,
    }
    if request.order is not None:
        body["order"] = {"system": request.order[0], "identifier": request.order[1]}
    return body


def _finish(client: GatewayClient, journey: Journey) -> None:
    if journey.case is None or journey.case["status"] != "reported":
        case = journey.case or {}
        raise by_code(case.get("error_code") or "internal")(case.get("error_message") or "the case did not finish")
    journey.out.mkdir(parents=True, exist_ok=True)
    for name, part in OUTPUT_FILES.items():
        content = client.download(f"/cases/{journey.case['id']}/{part}")
        if name == "report.json":
            journey.report = json.loads(content)
        (journey.out / name).write_bytes(content)


def _print_outcome(console: Console, journey: Journey, catalogue: Catalogue) -> None:
    console.rule(Text(journey.title))
    if journey.error is not None:
        console.print(Text(printable(journey.error.message), style="red"))
    if journey.report is not None:
        console.print(report_tables(journey.report, catalogue))
        console.print(Text(printable(f"Written to {journey.out}: {', '.join(OUTPUT_FILES)}")))
