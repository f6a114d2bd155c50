"""A 60 s 1080p30 video through the running stack, beside decoding it once to nowhere: ratios within one run."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bench import measure
from tests.bench.material import seizure_1080p, twins
from tests.bench.measure import STEPS, Spent, decode_to_nowhere, timed

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
INTAKE_BAR, JOURNEY_BAR, JOURNEY_AIM = 1.6, 2.5, 1.9


@dataclass(frozen=True, slots=True)
class Round:
    """One decode and, right after it, one journey."""

    unit: Spent
    journey: Spent
    steps_s: Mapping[str, float]
    """Elapsed seconds of each step, as the case view tells them."""
    cpu_s: Mapping[str, float]
    """CPU seconds of each part of the stack."""


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_journey_beside_decoding_once(material: Path, tmp_path: Path) -> None:
    video = seizure_1080p(material)
    print(f"\njourney of 60 s of 1080p30 H.264 at {video.stat().st_size * 8 / 60 / 1e6:.1f} Mb/s")
    print("decode s (CPU)  " + "  ".join(f"{step:>12s} s" for step in STEPS) + "  journey s (CPU)")
    with measure.stack_as_delivered(tmp_path / "home") as stack, stack.client() as client:
        rounds = [_tell(_round(stack, client, twin)) for twin in twins(video, tmp_path / "in", ROUNDS)]
    _show(rounds)
    assert all(one.steps_s[step] > 0 for one in rounds for step in STEPS)


def _round(stack: Any, client: Any, twin: Path) -> Round:
    unit = timed(lambda: decode_to_nowhere(twin))
    body = measure.upload(client, twin)
    before = measure.cpu_by_part(stack)
    seen: list[Mapping[str, Any]] = []
    journey = timed(lambda: seen.append(measure.follow(client, measure.open_case(client, body))))
    cpu = {part: used - before[part] for part, used in measure.cpu_by_part(stack).items()}
    steps = {step["name"]: float(step["elapsed_s"]) for step in seen[0]["steps"]}
    return Round(unit, Spent(journey.elapsed_s, sum(cpu.values())), steps, cpu)


def _tell(one: Round) -> Round:
    """Print a round as soon as it is over: the whole takes minutes."""
    steps = "  ".join(f"{one.steps_s[step]:14.2f}" for step in STEPS)
    print(
        f"{one.unit.elapsed_s:6.2f} ({one.unit.cpu_s:5.2f})  {steps}  "
        f"{one.journey.elapsed_s:7.2f} ({one.journey.cpu_s:5.2f})",
        flush=True,
    )
    return one


def _show(rounds: list[Round]) -> None:
    for step in STEPS:
        elapsed = statistics.median(one.steps_s[step] / one.unit.elapsed_s for one in rounds)
        cpu = statistics.median(one.cpu_s[step] / one.unit.cpu_s for one in rounds)
        bar = f"   (bar {INTAKE_BAR})" if step == "intake" else ""
        print(f"median {step:12s} {elapsed:5.2f} x decode, CPU {cpu:5.2f} x decode{bar}")
    rest = statistics.median(sum(v for part, v in one.cpu_s.items() if part not in STEPS) for one in rounds)
    print(f"median CPU of everything else (stores, gateway, cases, workers) {rest:.2f} s")
    elapsed, cpu = (statistics.median(one.journey.over(one.unit)[kind] for one in rounds) for kind in (0, 1))
    print(
        f"median journey      {elapsed:5.2f} x decode, CPU {cpu:5.2f} x decode   (bar {JOURNEY_BAR}, aim {JOURNEY_AIM})"
    )
