"""What the command line shows: live progress of a case, and its findings as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from schemas.catalogue import Catalogue

STEP_MARKS = {
    "waiting": ("·", "dim"),
    "ready": ("·", "dim"),
    "running": ("▶", "cyan"),
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("–", "yellow"),
}
STATUS_WORDS = {
    "present": ("● present", "bold"),
    "possible": ("◐ possible", "bold"),
    "not_seen": ("○ not seen", ""),
    "not_tested": ("□ not tested", "dim"),
    "not_assessable": ("▨ not assessable", "dim"),
}
"""Words and shapes differ, so that a status is told apart without colour."""
_STRENGTH = {status: place for place, status in enumerate(STATUS_WORDS)}


def printable(text: str) -> str:
    """The text without what would steer a terminal or cannot be encoded: file names may hold any byte."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def progress_table(steps: list[Mapping[str, Any]]) -> Table:
    """One line per step with a bar and what it is doing."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    for step in steps:
        mark, style = STEP_MARKS[step["status"]]
        name = step["name"] if not step["recording_id"] else f"{step['name']} {step['recording_id']}"
        fraction = 1.0 if step["status"] == "done" else float(step["fraction"])
        message = step["error_message"] or ("found under the same key" if step["reused"] else step["message"])
        table.add_row(
            Text(mark, style=style),
            name,
            ProgressBar(total=1.0, completed=fraction, width=24),
            f"{step['elapsed_s']:5.1f} s" if step["elapsed_s"] else "",
            Text(message, style="red" if step["error_message"] else "dim", overflow="ellipsis", no_wrap=True),
        )
    return table


def report_tables(report: Mapping[str, Any], catalogue: Catalogue) -> RenderableType:
    """Coverage, then episodes, findings and onset order."""
    parts: list[RenderableType] = [_coverage(report)]
    if not report["episodes"]:
        parts.append(Text("No episode was proposed. Nothing seen does not exclude a seizure.", style="bold"))
    for episode in report["episodes"]:
        parts += [_episode_heading(episode), _findings(episode, catalogue), _order(episode, catalogue)]
    parts += [Text(flag["text"], style="bold red") for flag in report["flags"]]
    parts.append(Text("UNSIGNED: made by a machine, not read by a clinician. Research use only.", style="yellow"))
    return Group(*parts)


def _coverage(report: Mapping[str, Any]) -> Text:
    lines = []
    for item in report["recordings"]:
        coverage = item["coverage"]
        lines.append(
            f"Recording {coverage['recording_id']}: looked at {coverage['duration_s']:.1f} s, "
            f"of which {coverage['assessable_s']:.1f} s could be judged"
        )
    return Text("\n".join(lines))


def _episode_heading(episode: Mapping[str, Any]) -> Text:
    onset = _interval(episode["onset_s"]) if episode["onset_captured"] else "before the recording began"
    offset = _interval(episode["offset_s"]) if episode["offset_captured"] else "after the recording ended"
    return Text(
        f"\nEpisode {episode['id']}  onset {onset}, end {offset}  (candidate, score {episode['score']:.2f})",
        style="bold",
    )


def _findings(episode: Mapping[str, Any], catalogue: Catalogue) -> Table:
    table = Table("Sign", "Finding", "Onset", "End", "Patient's side", "Score", header_style="dim")
    grouped: dict[str, list[str]] = {}
    for finding in sorted(episode["findings"], key=lambda one: _STRENGTH[one["status"]]):
        title = catalogue.by_id[finding["sign"]].title
        word, style = STATUS_WORDS[finding["status"]]
        if finding["status"] == "not_seen":
            grouped.setdefault(word, []).append(title)
            continue
        if finding["status"] in ("not_assessable", "not_tested"):
            grouped.setdefault(f"{word}: {finding['reason'].replace('_', ' ')}", []).append(title)
            continue
        score = "" if finding["score"] is None else f"{finding['score']:.2f}"
        rows = finding["occurrences"] or [None]
        for number, occurrence in enumerate(rows):
            table.add_row(
                title if number == 0 else "",
                Text(word if number == 0 else "", style=style),
                _interval(occurrence["onset_s"]) if occurrence else "",
                _interval(occurrence["offset_s"]) if occurrence else "",
                _side(occurrence) if occurrence else "",
                score if number == 0 else "",
            )
    table.caption = "\n".join(f"{reason} ({len(signs)}): {', '.join(signs)}" for reason, signs in grouped.items())
    table.caption_justify = "left"
    return table


def _order(episode: Mapping[str, Any], catalogue: Catalogue) -> Text:
    order = episode["order"]
    if not order or not order["items"]:
        return Text("Onset order: none can be stated")
    chain = "  ".join(
        f"{item['rank_lo']}{'' if item['rank_lo'] == item['rank_hi'] else '–' + str(item['rank_hi'])}. "
        f"{catalogue.by_id[item['sign']].title} ({_interval(item['onset_s'])})"
        for item in order["items"]
    )
    return Text(f"Onset order (places): {chain}")


def _side(occurrence: Mapping[str, Any]) -> str:
    if occurrence["side"] == "undetermined":
        return "undetermined"
    words = occurrence["side"].replace("_gt", " more").replace("_", " ")
    return words if occurrence["side_confirmed"] else f"{words} (unconfirmed)"


def _interval(span: list[float]) -> str:
    lo, hi = span
    middle, half = (lo + hi) / 2, (hi - lo) / 2
    return f"{middle:.1f} ± {half:.1f} s" if half >= 0.05 else f"{middle:.1f} s"
