"""People in a still by RT-DETR, from a local folder (Zhao et al. 2024, "DETRs Beat YOLOs on Real-time Detection")."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import InvalidRequestError
from schemas.recording import Box
from services.media.geometry import Image
from services.segmentation.engines.sam2.looks import Person, with_joints

LEAST_SCORE = 0.5
"""The authors' own threshold for showing a box."""
_PERSON = "person"


class PersonDetector:
    """Finds people; joints come from BlazePose where there is more than one of them."""

    def __init__(self, folder: Path, device: str) -> None:
        """Load from the folder alone. Raises `InvalidRequestError` when it holds no RT-DETR that knows people."""
        from transformers import RTDetrForObjectDetection, RTDetrImageProcessor

        try:
            self._network: Any = RTDetrForObjectDetection.from_pretrained(folder, local_files_only=True)
            self._processor: Any = RTDetrImageProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise InvalidRequestError(f"The person detector in {folder.name!r} cannot be loaded: {error}") from None
        labels = {int(number): str(name).lower() for number, name in self._network.config.id2label.items()}
        self._people = [number for number, name in labels.items() if name == _PERSON]
        if not self._people:
            raise InvalidRequestError(f"The detector in {folder.name!r} knows no class {_PERSON!r}.")
        self._device = device
        self._network.to(device).eval()

    def __call__(self, image: Image) -> tuple[Person, ...]:
        """The people in a colour still (H x W x 3, BGR)."""
        import torch

        height, width = image.shape[:2]
        given = self._processor(images=np.ascontiguousarray(image[:, :, ::-1]), return_tensors="pt").to(self._device)
        with torch.inference_mode():
            answer = self._network(**given)
        found = self._processor.post_process_object_detection(
            answer, threshold=LEAST_SCORE, target_sizes=[(height, width)]
        )[0]
        people = tuple(
            Person(_box(box, width, height), float(score))
            for box, score, label in zip(
                found["boxes"].tolist(), found["scores"].tolist(), found["labels"].tolist(), strict=True
            )
            if label in self._people
        )
        return with_joints(people, image)


def _box(corners: list[float], width: int, height: int) -> Box:
    left, top, right, bottom = np.clip(np.array(corners) / (width, height, width, height), 0, 1).tolist()
    return Box(left, top, right, bottom)
