"""ViTPose: what it is shown and how its maps are read, without torch; loading and refusing, with tiny weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.errors import InvalidRequestError
from services.media.geometry import Image
from services.segmentation.engines.vitpose import Look, VitPoseEngine, _around, _quarter
from services.segmentation.joints import Joints, PoseEngine
from tests.services.segmentation import tiny
from tests.services.segmentation.bodies import FIGURE, body

PICTURE: Image = np.random.default_rng(4).integers(0, 255, (180, 320, 3), np.uint8)


@pytest.mark.parametrize("quarter", range(4))
def test_peaks_in_the_maps_come_back_to_their_places_whichever_way_it_was_turned(quarter: int) -> None:
    look = Look.at((60, 20, 200, 160), quarter, 192, 256)
    places = FIGURE + np.array([130, 50])
    shown = places @ look.matrix[:, :2].T + look.matrix[:, 2]
    y, x = np.mgrid[0:64, 0:48]
    cells = shown * [47 / 191, 63 / 255]
    maps = np.exp(-((x - cells[:, :1, None]) ** 2 + (y - cells[:, 1:, None]) ** 2) / 8) * 0.8
    found = look.joints(maps)
    assert np.abs(found.places - places).max() < 2 / np.abs(look.matrix[:, :2]).max()
    assert found.visible == pytest.approx(np.full(17, 0.8), abs=0.06)


def test_a_turned_look_shows_the_turned_picture() -> None:
    box = (100, 40, 181, 149)
    for quarter in range(4):
        look = Look.at(box, quarter, 320, 320)
        scale = np.abs(look.matrix[:, :2]).max()
        turned = np.rot90(PICTURE[40:149, 100:181], quarter)
        y, x = turned.shape[0] // 2, turned.shape[1] // 2
        middle = look.show(PICTURE)[159:161, 159:161].mean(axis=(0, 1))
        assert np.abs(middle - turned[y, x]).max() < 60, quarter
        assert scale == pytest.approx(319 / 109 / 1.25)


def test_the_head_decides_which_way_is_up() -> None:
    upright = body(100, 40)
    for quarter, turn in enumerate(([[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]])):
        assert _quarter(Joints(upright.places @ np.array(turn).T, upright.visible)) == quarter


def test_the_box_around_a_body_stays_in_the_picture() -> None:
    assert _around(body(100, 40), PICTURE) == (80, 37, 121, 139)
    left, top, right, bottom = _around(body(400, 300), PICTURE)
    assert 0 <= left < right <= 320
    assert 0 <= top < bottom <= 180


def test_a_folder_without_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"no card\.json"):
        VitPoseEngine(tmp_path).load()


@pytest.mark.vision
def test_weights_are_loaded_and_answer_alike(tmp_path: Path) -> None:
    import torch

    torch.set_num_threads(1)
    engine = VitPoseEngine(tiny.vitpose(tmp_path / "weights"))
    assert isinstance(engine, PoseEngine)
    engine.load()
    assert engine.info().training == "random weights"
    maps = engine._maps(np.stack([PICTURE[:64, :48], PICTURE[64:128, :48]]))
    assert maps.shape == (2, 17, 16, 12)
    assert np.abs(maps[0] - maps[1]).max() > 1e-4, "the picture matters"
    assert maps == pytest.approx(engine._maps(np.stack([PICTURE[:64, :48], PICTURE[64:128, :48]])))
    assert engine.find(PICTURE, (50, 20, 200, 170), None) == (), "random maps have no peaks worth believing"


@pytest.mark.vision
def test_people_are_found_where_the_maps_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = VitPoseEngine(tiny.vitpose(tmp_path / "weights"))
    engine.load()
    maps = np.zeros((17, 16, 12))
    maps[:, 8, 6] = 0.9
    monkeypatch.setattr(engine, "_maps", lambda shown: np.stack([maps] * len(shown)))
    (found,) = engine.find(PICTURE, (100, 40, 180, 150), None)
    assert np.abs(found.places.mean(axis=0) - (140, 95)).max() < 15
    assert len(engine.find(PICTURE, (0, 0, 320, 180), found)) == 1


@pytest.mark.vision
def test_weights_with_other_joints_or_another_card_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="give 21 joints"):
        VitPoseEngine(tiny.vitpose(tmp_path / "hand", joints=21)).load()
    folder = tiny.vitpose(tmp_path / "weights")
    tiny.write_card(folder, "pose", digest="0" * 64)
    with pytest.raises(InvalidRequestError, match="must belong together"):
        VitPoseEngine(folder).load()
