"""The benchmark's own set, and one recording through the steps of a case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from research.evaluation.bench import Item, rendered, run, stated_set
from research.phantom.script import Act, Script
from research.phantom.scripts import SCRIPTS


def test_the_set_is_stated_and_repeats() -> None:
    items = list(stated_set(2, quick=False))
    assert items == list(stated_set(2, quick=False))
    assert {i.script.name for i in items} == {factory().name for factory in SCRIPTS.values()}
    assert len({i.seed for i in items}) == len(items) == 2 * len(SCRIPTS)
    assert {i.camera for i in items} == {"ceiling_corner", "bed_end", "side"}
    assert {i.infrared for i in items} == {True, False}


def _item(seconds: float) -> Item:
    script = Script("short", seconds, (Act("clonic", 4.0, seconds - 3, "left", 1, {"first_hz": 3.0}),), blanket=0.0)
    return Item("short-1", script, 1, "bed_end", infrared=True, size=(320, 180))


def test_a_recording_is_rendered_once(tmp_path: Path) -> None:
    video, truth = rendered(_item(8.0), tmp_path)
    written = video.stat().st_mtime_ns
    assert rendered(_item(8.0), tmp_path) == (video, truth)
    assert video.stat().st_mtime_ns == written


@pytest.mark.slow
def test_a_recording_goes_through_the_steps_and_is_scored(tmp_path: Path) -> None:
    console = Console(width=200)
    with console.capture() as printed:
        run([_item(20.0)], tmp_path, console)
    results = json.loads((tmp_path / "bench.json").read_text())
    assert "whole-frame rule" in results["systems"]
    assert len(results["systems"]) == 2
    assert results["about"]["recordings"][0]["name"] == "short-1"
    assert all(system["recordings"] == 1 for system in results["systems"].values())
    assert "short-1: true 4.0-" in printed.get()


def test_a_refused_recording_counts_as_not_judged(tmp_path: Path) -> None:
    item = Item("blink-1", Script("blink", 0.5), 1, "bed_end", infrared=True, size=(160, 90))
    console = Console(width=200)
    with console.capture() as printed:
        run([item], tmp_path, console)
    assert "blink-1: un" in printed.get()
    results = json.loads((tmp_path / "bench.json").read_text())
    assert results["systems"]["engine"]["episodes"]["false_alarms"] == 0
