"""The command ``ictogram``. Each command wires parts together; the work is elsewhere."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from schemas.errors import IctogramError, InvalidRequestError

if TYPE_CHECKING:
    from services.launcher.analysis import Journey
    from services.launcher.stack import EmbeddedStack

app = typer.Typer(
    name="ictogram",
    help="Decision support that turns a seizure video into a traceable semiology report. Research use only.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

DEMO_PATIENT = "ictogram:phantom|PHANTOM-0001"
"""The demo's patient is a drawing."""
DEMO_SCRIPT = "versive_then_clonic"
DEMO_SEED = 7
DEMO_CAMERA = "bed_end"
DEMO_SIZE = (640, 360)
"""Small enough to be drawn in half a minute; the proxy of a larger recording has this size, too."""

Home = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Folder of the stack: database, objects, logs, token. Kept between runs.", show_default=False
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]


class Choice(StrEnum):
    """Answer to a question that may stay open."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Urgency(StrEnum):
    """How soon a case is wanted."""

    STAT = "stat"
    BATCH = "batch"


def main() -> None:
    """Run the command line; an error is one clear sentence on stderr and a non-zero exit."""
    try:
        app()
    except IctogramError as error:
        from services.launcher.show import printable

        # Messages quote what the user typed: never read as markup, never cut into lines.
        sentence = Text.assemble(("ictogram:", "red"), f" {printable(error.message)}")
        Console(stderr=True, highlight=False).print(sentence, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:  # while the commands are being put together; later it is caught where it can be tidied up
        sys.exit(130)


@app.command(epilog="Example: ictogram demo --out ./demo-output --exit")
def demo(
    out: Annotated[Path, typer.Option(help="Where the four files go.")] = Path("demo-output"),
    leave: Annotated[bool, typer.Option("--exit", help="Stop when the report is written.")] = False,
    home: Home = None,
) -> None:
    """Show the whole path on a phantom: make a video, send it in, watch it, write report and bundle."""
    from research import phantom
    from services.launcher.analysis import Request, analyze, make_folder, parse_identifier

    console = Console()
    make_folder(out)
    with _stack(home, console) as stack:
        video = stack.home / "phantom.mp4"
        with console.status("Drawing a phantom seizure (no patient: a seeded animation)"):
            phantom.make(DEMO_SCRIPT, DEMO_SEED, video, size=DEMO_SIZE, camera=DEMO_CAMERA, infrared=False)
        with stack.client() as client:
            journeys = analyze(
                client,
                [video],
                out,
                Request(patient=parse_identifier(DEMO_PATIENT, "--patient"), mirrored="no"),
                console,
            )
        _raise_first_error(journeys)
        if not leave:
            _serve_until_stopped(stack, console)


@app.command(
    epilog="Examples: ictogram analyze seizure.mp4 --patient 'urn:oid:1.2.3|4711' --order A-17   ·   "
    "ictogram analyze *.mp4 --out results"
)
def analyze(
    videos: Annotated[list[Path], typer.Argument(help="One or more video files.", show_default=False)],
    patient: Annotated[str, typer.Option(help="Identifier, or system|identifier.")] = "ictogram:local|unidentified",
    order: Annotated[str | None, typer.Option(help="Order number, or system|number.", show_default=False)] = None,
    context: Annotated[
        Path | None,
        typer.Option(help="JSON or TOML file with the history (age_years, handedness …).", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where files go; with several videos one folder per video.")] = Path(
        "ictogram-output"
    ),
    mirrored: Annotated[Choice, typer.Option(help="Is the picture mirrored (front camera)?")] = Choice.UNKNOWN,
    priority: Annotated[Urgency, typer.Option(help="stat goes before batch.")] = Urgency.BATCH,
    home: Home = None,
    quiet: Quiet = False,
) -> None:
    """Read videos: report.pdf, report.html, report.json and bundle.json for each."""
    from schemas.case import PatientContext
    from services.launcher.analysis import Request, make_folder, output_folders, parse_identifier, read_context
    from services.launcher.analysis import analyze as run

    missing = [video for video in videos if not video.is_file()]
    if missing:
        raise InvalidRequestError(f"there is no file {missing[0]}")
    for folder in output_folders(videos, out):
        make_folder(folder)
    request = Request(
        patient=parse_identifier(patient, "--patient"),
        order=parse_identifier(order, "--order") if order is not None else None,
        context=read_context(context) if context is not None else PatientContext(),
        mirrored=mirrored.value,
        priority=priority.value,
    )
    console = Console(quiet=quiet)
    with _stack(home, console) as stack, stack.client() as client:
        journeys = run(client, videos, out, request, console)
    _raise_first_error(journeys)


@app.command(epilog="Example: ictogram up --home ./ictogram-home --port 8080")
def up(
    home: Home = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the gateway; 0 takes a free one.")] = 8480,
) -> None:
    """Serve the whole embedded stack until stopped (Ctrl-C)."""
    console = Console()
    with _stack(home or Path.home() / ".local/share/ictogram", console, port) as stack:
        _serve_until_stopped(stack, console)


@app.command(epilog="Example: ICTOGRAM_ADDRESS_INTAKE=0.0.0.0:50051 ictogram serve intake")
def serve(
    service: Annotated[
        str, typer.Argument(help="intake, segmentation, semiology, localization, report, monitoring, cases or gateway")
    ],
) -> None:
    """Run one service in this process (production)."""
    from services.launcher.parts import serve as run

    run(service)


@app.command(epilog="Examples: ictogram work journey   ·   ictogram work semiology   ·   ictogram work delivery")
def work(
    queue: Annotated[str, typer.Argument(help="journey (every step), one step's name, or delivery")],
) -> None:
    """Run a worker for a queue (production)."""
    from services.launcher.parts import work as run

    run(queue)


@app.command(epilog="Example: ICTOGRAM_CASES_DATABASE=postgresql://… ictogram migrate")
def migrate() -> None:
    """Bring the database to this version's schema; safe to repeat."""
    from services.launcher.parts import migrate as run

    run()


@app.command(epilog="Example: ictogram phantom --script tonic_clonic --seed 3 --out seizure.mp4")
def phantom(
    out: Annotated[Path, typer.Option(help="Video to write; the truth goes beside it as .truth.json.")],
    script: Annotated[str, typer.Option(help="Name of a script, or a TOML/JSON file.")] = "tonic_clonic",
    seed: Annotated[int, typer.Option(help="Same seed, same video.")] = 0,
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "1280x720",
    rate_hz: Annotated[float, typer.Option(help="Frames per second.")] = 30.0,
    infrared: Annotated[bool, typer.Option(help="Night vision.")] = False,
    mirrored: Annotated[bool, typer.Option(help="Mirror the picture, not the truth.")] = False,
    camera: Annotated[str | None, typer.Option(help="ceiling_corner, bed_end, side or overhead.")] = None,
    audio: Annotated[bool, typer.Option(help="With a sound track.")] = False,
) -> None:
    """Draw a seeded phantom recording with its exact truth."""
    from research import phantom as generator

    width, _, height = size.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise InvalidRequestError(f"--size must be WIDTHxHEIGHT, such as 1280x720, but is '{size}'")
    generator.make(
        script,
        seed,
        out,
        size=(int(width), int(height)),
        rate_hz=rate_hz,
        camera=camera,
        infrared=infrared,
        mirrored=mirrored,
        audio=audio,
    )
    Console().print(f"Written: {out} and {generator.truth_path(out)} (a drawing, no patient)")


@app.command(epilog="Example: ICTOGRAM_VLM_URL=http://vllm:8000/v1 ictogram models ./weights --ask")
def models(
    folder: Annotated[Path, typer.Argument(help="Folder with one folder per model.", show_default=False)],
    ask: Annotated[bool, typer.Option(help="Ask the model server every canary, too.")] = False,
) -> None:
    """Hold weights to their cards; names and digests for those that have none yet."""
    from services.launcher import models as site

    rows = site.checked(folder)
    console = Console(highlight=False)
    console.print(site.table(rows))
    if wrong := [row.folder for row in rows if row.problem]:
        raise InvalidRequestError(f"Not ready: {', '.join(wrong)}.")
    if ask:
        site.ask()
        console.print("Every canary answers as its card says.")


@app.command(epilog="Example: ictogram settings > settings.md")
def settings() -> None:
    """Print every setting with its default and meaning, as Markdown."""
    from services.launcher.parts import settings_table

    sys.stdout.write(settings_table())


@contextmanager
def _stack(home: Path | None, console: Console, port: int = 0) -> Iterator[EmbeddedStack]:
    """The embedded stack on a kept or a temporary home; stops cleanly on Ctrl-C and SIGTERM."""
    from services.launcher.stack import EmbeddedStack

    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal must not leave a temporary home behind
        signal.signal(number, _interrupt)
    with ExitStack() as cleanup:
        if home is None:
            home = Path(
                cleanup.enter_context(tempfile.TemporaryDirectory(prefix="ictogram-", ignore_cleanup_errors=True))
            )
        stack = EmbeddedStack(home, gateway_port=port)
        with console.status("Starting Postgres, broker and services"):
            cleanup.enter_context(stack)
        yield stack


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _serve_until_stopped(stack: EmbeddedStack, console: Console) -> None:
    console.print(
        f"\nBrowse: [link={stack.link}]{stack.link}[/link]\nLogs: {escape(str(stack.logs))}\nCtrl-C stops everything.",
        soft_wrap=True,
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Stopping")


def _raise_first_error(journeys: list[Journey]) -> None:
    failed = [journey for journey in journeys if journey.error is not None]
    if failed and failed[0].error is not None:
        more = f" ({len(failed)} of {len(journeys)} videos failed)" if len(journeys) > 1 else ""
        raise type(failed[0].error)(failed[0].error.message + more)
