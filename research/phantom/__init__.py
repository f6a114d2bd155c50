"""A seeded generator of bedside videos with exact ground truth. It is no patient: see ``docs/phantom.md``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from research.phantom.truth import Truth


def make(
    script: str | Path,
    seed: int,
    out: Path,
    *,
    size: tuple[int, int] = (640, 360),
    rate_hz: float | None = None,
    camera: str | None = None,
    infrared: bool | None = None,
    mirrored: bool = False,
    audio: bool = False,
) -> Truth:
    """Render a named script, or one from a TOML or JSON file, and write the truth beside the video.

    Args:
        script: a name from `research.phantom.scripts.SCRIPTS`, or the path of a script file.
        seed: everything random.
        out: the MP4; the truth goes to the same place with the ending ``.truth.json``.
        size: width and height in pixels, even.
        rate_hz: frame rate, 25 by default.
        camera: ceiling_corner (default), bed_end, side or overhead.
        infrared: grey night vision (default) or colours.
        mirrored: save the picture mirrored.
        audio: add a sound track.

    Raises:
        InvalidRequestError: a name, file or option breaks a rule.

    """
    from research.phantom.render import render
    from research.phantom.script import load_script
    from research.phantom.scripts import named
    from research.phantom.truth import truth_to_json

    is_file = isinstance(script, Path) or script.endswith((".toml", ".json"))
    chosen = load_script(Path(script)) if is_file else named(str(script))
    truth = render(chosen, seed, out, size, rate_hz, camera, infrared, mirrored, audio=audio)
    truth_path(out).write_text(truth_to_json(truth), encoding="utf-8")
    return truth


def truth_path(video: Path) -> Path:
    """Where the truth of a phantom video lies: ``clip.mp4`` has ``clip.truth.json``."""
    return video.with_suffix(".truth.json")
