"""Movement is measured the same to the bit, run after run and by any number of threads, in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from schemas.recording import Interval
from schemas.semiology import CoverageGap, Reason
from services.media.decode import Frame
from services.media.masks import MaskStack, MaskTrack
from services.semiology.engines.kinematic import flow
from services.semiology.engines.kinematic.flow import MotionGrid, measure, part_of
from services.semiology.engines.kinematic.scene import keep, of_patient
from tests.support import videos

RATE_HZ, COUNT = 25.0, 90
HEIGHT, WIDTH = 90, 160
CELLS = (9, 16)


def pictures(count: int = COUNT) -> Iterator[Frame]:
    """Textured blocks of changing size that move over a noisy wall; some pictures come twice, once the light jumps."""
    random = np.random.default_rng(4)
    wall = random.integers(60, 140, (HEIGHT, WIDTH)).astype(np.int16)
    block = random.integers(120, 250, (HEIGHT, WIDTH)).astype(np.int16)
    picture = wall
    for k in range(count):
        if k % 10 != 7:
            size, left = 12 + 3 * (k % 20), round(30 + 25 * np.sin(k / 5))
            picture = wall + np.rint(random.normal(0, 1, wall.shape)).astype(np.int16)
            picture[20 : 20 + size, left : left + size] = block[:size, :size][: HEIGHT - 20]
            picture += 12 * (k > count // 2)
        yield Frame(k / RATE_HZ, 0, np.clip(picture, 0, 255).astype(np.uint8))


def same(one: MotionGrid, other: MotionGrid) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(MotionGrid)]
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


@pytest.fixture(scope="module")
def alone() -> MotionGrid:
    return measure(pictures(), RATE_HZ, threads=1)


def test_the_pictures_of_these_tests_hold_everything_that_is_measured(alone: MotionGrid) -> None:
    assert alone.velocity.shape == (COUNT - 1, *CELLS, 2)
    assert np.abs(alone.velocity.astype(np.float32)).max() > 0.05
    assert alone.same.sum() >= 5
    assert alone.light.sum() == 1
    assert np.allclose(alone.time_s, np.arange(1, COUNT) / RATE_HZ)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads_measures_the_same_to_the_bit(alone: MotionGrid, threads: int) -> None:
    assert same(measure(pictures(), RATE_HZ, threads=threads), alone)


def test_the_same_video_gives_the_same_grid_to_the_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [frame.image for frame in pictures()]
    path = videos.write_video(tmp_path / "v.mp4", lambda k, _: np.repeat(drawn[k][..., None], 3, axis=2), seconds=3)
    grids = []
    for share in ("1", "2", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", share)
        grids.append(part_of(path, 15.0, (0.0, 4.0)))
    assert len(grids[0].time_s) >= 40
    assert grids[0].speed.any()
    assert same(grids[0], grids[1])
    assert same(grids[1], grids[2])


def test_a_grid_that_outgrows_its_room_is_the_same(alone: MotionGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "FIRST_ROOM", 3)
    assert same(measure(pictures(), RATE_HZ, room=2, threads=1), alone)


@pytest.mark.parametrize("threads", [1, 2])
def test_pictures_are_not_read_far_ahead(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read, ahead = 0, []

    def counted() -> Iterator[Frame]:
        nonlocal read
        for frame in pictures():
            read += 1
            yield frame

    monkeypatch.setattr(flow, "TICK_FRAMES", 2)
    measure(counted(), RATE_HZ, lambda reached: ahead.append(read - round(reached * RATE_HZ)), threads=threads)
    assert len(ahead) > 40
    assert max(ahead) <= flow.LOOK_AHEAD * threads + 2


def test_a_cancelled_measurement_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class StoppedError(BaseException):
        pass

    source = pictures(10_000)

    def stop(_: float) -> None:
        raise StoppedError

    monkeypatch.setattr(flow, "TICK_FRAMES", 5)
    with pytest.raises(StoppedError):
        measure(source, RATE_HZ, stop, threads=2)
    assert next(source).time_s < 1


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_pictures_nothing_is_measured(count: int) -> None:
    grid = measure(pictures(count), RATE_HZ, threads=2)
    assert len(grid.time_s) == len(grid.velocity) == len(grid.speed) == len(grid.camera) == len(grid.same) == 0
    assert grid.shape == (CELLS if count else (1, 1))


@pytest.mark.parametrize(("share", "threads"), [("1", 1), ("2", 2), ("64", 2), ("0", 1)])
def test_threads_are_the_slots_share_and_at_most_two(share: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", share)
    assert flow.threads_to_use() == threads


def test_only_the_patients_movement_outside_of_gaps_is_kept(alone: MotionGrid) -> None:
    grid = measure(pictures(), RATE_HZ, threads=1)
    weight = np.ones(CELLS, np.float32)
    weight[:, :4] = 0
    others = np.zeros((3, *CELLS), bool)
    others[1, :, 8:] = True
    times = np.array([0.0, 1.8, 3.6])
    masks = MaskTrack(times, MaskStack.blank(others.shape), MaskStack.packed(others, *CELLS))
    mine = of_patient(grid, weight, masks)
    expected = np.broadcast_to(weight > 0, mine.shape).copy()
    expected[(grid.time_s > 0.9) & (grid.time_s <= 2.7), :, 8:] = False
    assert np.array_equal(mine, expected)
    keep(grid, mine, [CoverageGap(Interval(3.0, 3.2), Reason.DARK)])
    expected[(grid.time_s >= 3.0) & (grid.time_s <= 3.2)] = False
    assert np.array_equal(grid.speed, np.where(expected, alone.speed, 0))
    assert np.array_equal(grid.velocity, np.where(expected[..., None], alone.velocity, 0))
    assert grid.speed.any()


def close_up() -> Iterator[Frame]:
    """Before a wall, a textured patient who fills most of the picture and sways by two pixels."""
    random = np.random.default_rng(8)
    wide = random.integers(40, 220, (HEIGHT + 20, WIDTH + 20)).astype(np.float32)
    wide = np.asarray(cv2.GaussianBlur(wide, (0, 0), 2.0) * 3 - 260, np.float32)
    for k in range(40):
        shift = round(4 * np.sin(2 * np.pi * 2.0 * k / RATE_HZ))
        picture = wide[10 : 10 + HEIGHT, 10 : 10 + WIDTH].copy()
        picture[16:-16, 24:-24] = wide[10 + shift : 10 + shift + HEIGHT, 10 : 10 + WIDTH][16:-16, 24:-24]
        yield Frame(k / RATE_HZ, 0, np.clip(picture, 0, 255).astype(np.uint8))


def test_a_patient_who_fills_the_picture_is_no_moving_camera() -> None:
    grid = measure(close_up(), RATE_HZ)
    assert np.abs(grid.camera).max() == 0
    assert grid.speed.astype(np.float32).mean() > 0.05
