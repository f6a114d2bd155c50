"""Pose engine `vitpose`: a ViTPose network through transformers, from a local folder with its card.

Xu et al. 2022, "ViTPose: Simple Vision Transformer Baselines for Human Pose Estimation": from a person's box the
network gives one map per joint, whose peak is the joint's place. It knows people who stand about upright, so that a
patient whose direction is not known yet is looked at in four turns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from schemas.model_card import ModelRole
from services.media.geometry import Image
from services.runtime.weights import load_card
from services.segmentation.joints import Floats, Joint, Joints, PixelBox

VERSION = "1"
LEAST_MEAN = 0.3
"""Mean height of the peaks from which they are a person's."""
_PADDING = 1.25
"""Room around the box, as in training."""
_PROCESSOR = "preprocessor_config.json"
_SIZE = {"height": 256, "width": 192}
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_QUARTERS = range(4)
_NO_TORCH = "ViTPose needs PyTorch and transformers: install the extra `vision`."


@dataclass(frozen=True, slots=True)
class Look:
    """What the network is shown: a box of the picture, turned left by quarters and scaled."""

    quarter: int
    matrix: Floats
    """(2, 3) from the picture to what is shown, pixels."""
    width: int
    height: int

    @classmethod
    def at(cls, box: PixelBox, quarter: int, width: int, height: int) -> Look:
        """The box with some room, its shape brought to the network's by more room."""
        left, top, right, bottom = box
        across, down = (right - left, bottom - top) if quarter % 2 == 0 else (bottom - top, right - left)
        scale = min((width - 1) / max(1, across), (height - 1) / max(1, down)) / _PADDING
        cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter]
        turn = scale * np.array([[cosine, sine], [-sine, cosine]], float)
        middle = np.array([(left + right - 1) / 2, (top + bottom - 1) / 2])
        shift = np.array([(width - 1) / 2, (height - 1) / 2]) - turn @ middle
        return cls(quarter, np.hstack([turn, shift[:, None]]), width, height)

    def show(self, image: Image) -> Image:
        return np.asarray(cv2.warpAffine(image, self.matrix, (self.width, self.height), flags=cv2.INTER_LINEAR))

    def joints(self, maps: Floats) -> Joints:
        """From maps (17, h, w) to joints in the picture: peaks, a quarter cell towards their higher neighbour."""
        rows, columns = maps.shape[1:]
        flat = maps.reshape(len(maps), -1)
        y, x = np.divmod(flat.argmax(axis=1), columns)
        which = np.arange(len(maps))
        framed = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge")
        to_x = np.sign(framed[which, y + 1, x + 2] - framed[which, y + 1, x])
        to_y = np.sign(framed[which, y + 2, x + 1] - framed[which, y, x + 1])
        cells = np.stack([x + 0.25 * to_x, y + 0.25 * to_y], axis=1)
        shown = cells * [(self.width - 1) / (columns - 1), (self.height - 1) / (rows - 1)]
        back = np.asarray(cv2.invertAffineTransform(self.matrix))
        return Joints(shown @ back[:, :2].T + back[:, 2], np.clip(flat.max(axis=1), 0, 1))


class VitPoseEngine:
    """One person in the box, the surest of four turns; later only in the turn in which they lie."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._network: Any = None
        self._size = _SIZE
        self._mean: Floats = np.array(_MEAN)
        self._spread: Floats = np.array(_SPREAD)

    def info(self) -> EngineInfo:
        card = load_card(self._folder, ModelRole.POSE)
        digest = hashlib.sha256(f"vitpose {VERSION} {card.digest}".encode()).hexdigest()
        return EngineInfo(card.name, card.version, digest, card.training)

    def load(self) -> None:
        """Raises `InvalidRequestError`: no torch, no card, other weights, or another layout of joints."""
        load_card(self._folder, ModelRole.POSE)
        try:
            import torch
            from transformers import VitPoseForPoseEstimation
        except ImportError:
            raise InvalidRequestError(_NO_TORCH) from None
        try:
            network: Any = VitPoseForPoseEstimation.from_pretrained(self._folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise InvalidRequestError(f"The ViTPose weights in {self._folder.name!r} cannot be read: {error}") from None
        if network.config.num_labels != len(Joint):
            raise InvalidRequestError(
                f"The ViTPose weights in {self._folder.name!r} give {network.config.num_labels} joints; "
                f"the {len(Joint)} of COCO are needed."
            )
        self._read_processor()
        self._network = network.to("cuda" if torch.cuda.is_available() else "cpu")

    def find(self, image: Image, region: PixelBox, before: Joints | None) -> Sequence[Joints]:
        if before is not None:
            best = self._best(image, _around(before, image), (_quarter(before),))
        else:
            best = self._best(image, region, _QUARTERS)
            if best is not None:
                best = self._best(image, _around(best, image), (_quarter(best),))
        return () if best is None else (best,)

    def _best(self, image: Image, box: PixelBox, quarters: Sequence[int]) -> Joints | None:
        looks = [Look.at(box, quarter, self._size["width"], self._size["height"]) for quarter in quarters]
        maps = self._maps(np.stack([look.show(image) for look in looks]))
        people = [look.joints(own) for look, own in zip(looks, maps, strict=True)]
        best = max(people, key=lambda person: float(person.visible.mean()))
        return best if best.visible.mean() >= LEAST_MEAN else None

    def _maps(self, shown: Image) -> Floats:
        """(n, 17, h, w) from n pictures (n, height, width, 3), BGR."""
        import torch

        values = (shown[..., ::-1] / 255.0 - self._mean) / self._spread
        pixels = torch.from_numpy(np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32))
        with torch.inference_mode():
            maps = self._network(pixel_values=pixels.to(self._network.device)).heatmaps
        return np.asarray(maps.float().cpu().numpy())

    def _read_processor(self) -> None:
        """Size and colours that the weights were trained with, where the folder says them."""
        path = self._folder / _PROCESSOR
        told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self._size = {side: int(told.get("size", _SIZE)[side]) for side in ("height", "width")}
        self._mean = np.array(told.get("image_mean", _MEAN), float)
        self._spread = np.array(told.get("image_std", _SPREAD), float)


def _around(joints: Joints, image: Image) -> PixelBox:
    """The box of a body that was found, inside the picture and never empty."""
    height, width = image.shape[:2]
    sure = joints.places[joints.visible >= LEAST_MEAN] if (joints.visible >= LEAST_MEAN).any() else joints.places
    low, high = sure.min(axis=0), sure.max(axis=0)
    left, top = (int(np.clip(v, 0, side - 2)) for v, side in zip(low, (width, height), strict=True))
    right, bottom = (
        int(np.clip(v + 1, start + 2, side)) for v, start, side in zip(high, (left, top), (width, height), strict=True)
    )
    return left, top, right, bottom


def _quarter(joints: Joints) -> int:
    """Quarter turns to the left that bring the head up."""
    x, y = joints.trunk
    if abs(x) > abs(y):
        return 1 if x > 0 else 3
    return 2 if y > 0 else 0
