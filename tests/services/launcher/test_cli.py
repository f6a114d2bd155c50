"""What users may type and name their files, and what the command line says to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from schemas.case import PatientContext
from schemas.errors import InvalidRequestError
from services.launcher import cli
from services.launcher.analysis import Journey, Request, analyze, make_folder, output_folders, read_context
from services.launcher.client import GatewayClient
from services.launcher.show import printable
from services.launcher.stack import EmbeddedStack


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a command line; gives its exit status and what stands on stderr."""

    def command(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["ictogram", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return command


@pytest.mark.parametrize("name", ["[/red].mp4", "no [bold]such[/bold] file.mp4", "Ünïcode – \u202e.mp4", "x" * 200])
def test_names_are_quoted_and_never_read_as_markup(run: Callable[..., tuple[int, str]], name: str) -> None:
    assert run("analyze", name) == (1, f"ictogram: there is no file {printable(name)}\n")


def test_output_folder_is_checked_before_anything_is_computed(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    video, taken = tmp_path / "v.mp4", tmp_path / "taken"
    video.touch()
    taken.touch()
    status, error = run("analyze", str(video), "--out", str(taken))
    assert (status, error) == (1, f"ictogram: the folder {taken} cannot be made: File exists\n")
    with pytest.raises(InvalidRequestError, match="Not a directory"):
        make_folder(taken / "below")


@pytest.mark.parametrize("port", ["-1", "65536", "ten"])
def test_impossible_ports_are_refused(run: Callable[..., tuple[int, str]], tmp_path: Path, port: str) -> None:
    status, error = run("up", "--home", str(tmp_path / "home"), "--port", port)
    assert status == 2
    assert "--port" in error
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/ictogram"])
def test_impossible_home_is_one_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidRequestError, match=r"the stack cannot live in .*; use another --home"):
        EmbeddedStack(tmp_path / place).start()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", "[1]"),
        ("c.json", '{"age_years": NaN}'),
        ("c.json", '{"nickname": "x"}'),
        ("c.json", "[" * 100_000),
        ("c.toml", "age_years = inf"),
        ("c.toml", "= 1"),
    ],
)
def test_bad_context_is_refused(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequestError):
        read_context(path)


def test_misspelt_context_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("suspected_spasm = true", encoding="utf-8")
    with pytest.raises(InvalidRequestError, match=r"no field 'suspected_spasm'; it may have .*suspected_spasms"):
        read_context(path)


def test_context_takes_a_toml_date(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("last_seizure_at = 2024-05-01T10:00:00Z\nage_years = 31", encoding="utf-8")
    assert read_context(path) == PatientContext(last_seizure_at="2024-05-01 10:00:00+00:00", age_years=31)


def test_a_file_that_cannot_be_opened_stops_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: GatewayClient, path: Path, _sent: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(GatewayClient, "upload", refuse)
    names = [b"one [bold] \xff.mp4", b"two\x1b[2J.mp4"]
    videos = [tmp_path / os.fsdecode(name) for name in names]
    for video in videos:
        video.touch()
    with (tmp_path / "screen").open("w", encoding="utf-8") as screen:
        with GatewayClient("http://127.0.0.1:1", "token") as client:
            journeys = analyze(client, videos, tmp_path / "out", Request(("", "P")), Console(file=screen))
        errors = [journey.error.message for journey in journeys if journey.error]
    assert errors == [f"{video}: Permission denied" for video in videos]
    shown = (tmp_path / "screen").read_text(encoding="utf-8")
    assert "one [bold] \N{REPLACEMENT CHARACTER}.mp4" in shown
    assert "\x1b[2J" not in shown


def test_same_stem_is_refused_and_one_video_needs_no_folder() -> None:
    out = Path("out")
    assert output_folders([Path("a/x.mp4")], out) == [out]
    with pytest.raises(InvalidRequestError, match="'x'"):
        output_folders([Path("a/x.mp4"), Path("b/x.mov")], out)


def test_journey_shows_its_error_as_it_is() -> None:
    screen = Console(record=True, width=80)
    screen.print(Journey(Path("v"), "v", Path("out"), error=InvalidRequestError("wrong [/red]")).show())
    assert "wrong [/red]" in screen.export_text()


def test_ctrl_c_while_loading_ends_without_a_word(tmp_path: Path) -> None:
    """The signal comes from within the first module that is loaded, so at the earliest moment that is ours."""
    slow = tmp_path / "typer.py"
    slow.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise SystemExit('still here')\n")
    code = "from services.launcher.entry import main; main()"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[3]}"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")
