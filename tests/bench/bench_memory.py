"""Peak memory of every process of the stack for a short and a long video: it must not grow with the length."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import measure
from tests.bench.material import looped, seizure_360p
from tests.bench.measure import PeakWatch

SHORT_MIN, LONG_MIN = 5, 30
BAR_MB = 700


@pytest.mark.bench
@pytest.mark.timeout(7200)
def test_peak_memory_of_every_process(material: Path, tmp_path: Path) -> None:
    watches = [_peaks(material, tmp_path / f"{minutes}", minutes) for minutes in (SHORT_MIN, LONG_MIN)]
    short, long = ({kind: (peak, count) for kind, peak, count in watch.rows()} for watch in watches)
    print(f"\npeak resident memory, MB (bar {BAR_MB} for any process), a fresh stack for each video")
    print(f"{'process':32s} {SHORT_MIN:4d} min  {LONG_MIN:4d} min  ratio  processes")
    for kind, (peak, count) in sorted(long.items(), key=lambda row: -row[1][0]):
        before = short.get(kind, (0.0, 0))[0]
        ratio = f"{peak / before:5.2f}" if before else "    -"
        print(f"{kind:32s} {before:8.0f}  {peak:8.0f}  {ratio}  {count:9d}")
    shares = ", ".join(f"{watch.together:.0f}" for watch in watches)
    print(f"all processes together, largest sum of proportional shares at one instant: {shares} MB")
    assert short
    assert long


def _peaks(material: Path, folder: Path, minutes: int) -> PeakWatch:
    """Send one video of that length through a stack of its own."""
    folder.mkdir()
    video = looped(seizure_360p(material), minutes, folder / "in.mp4")
    with (
        measure.stack_as_delivered(folder / "home") as stack,
        stack.client() as client,
        PeakWatch(stack) as watch,
    ):
        view = measure.follow(client, measure.open_case(client, measure.upload(client, video)))
    steps = ", ".join(f"{step['name']} {step['elapsed_s']:.1f} s" for step in view["steps"])
    print(f"\n{minutes} min of 640x360: {steps}")
    return watch
