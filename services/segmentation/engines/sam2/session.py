"""People followed from frame to frame by SAM 2, with memories of a bounded number of frames."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from schemas.recording import Box
from services.media.geometry import Image
from services.media.masks import Mask
from services.segmentation.engines import PATIENT, PromptPoint

Logits = np.ndarray[Any, np.dtype[np.float32]]
"""(h, w) above 0 where the object is."""
_MEAN, _SPREAD = np.array((0.485, 0.456, 0.406), np.float32), np.array((0.229, 0.224, 0.225), np.float32)
"""Of ImageNet's red, green and blue, as SAM 2 was trained."""
_PROMPTS_KEPT = 4
"""Frames with prompts remembered per person: the first, and the last three."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One person in one frame."""

    logits: Logits
    """The mask before it is cut at 0."""
    object_score: float
    """0-1, that the person is in the frame and not hidden."""
    iou: float
    """0-1, how well the network believes the mask to fit (predicted intersection over union)."""

    @property
    def present(self) -> bool:
        """Whether the network sees the person at all."""
        return self.object_score > 0.5 and bool((self.logits > 0).any())


@dataclass(frozen=True, slots=True)
class Held:
    """What a session keeps in memory."""

    frames: int
    """Pictures."""
    memories: int
    """Outputs with their memories, over all people."""


class Session:
    """Frames go in with `show`, prompts with `point_out` and `hand_over`, masks come out of `masks`; in this order.

    Frames carry growing numbers, or falling ones when `backwards`; each at most once.
    """

    def __init__(self, network: Any, rows: int, columns: int, *, backwards: bool = False) -> None:
        """`network`: a `FramePredictor`; `rows`, `columns`: size of the masks."""
        self._network = network
        self._backwards = backwards
        self._state: dict[str, Any] = network.empty_state(rows, columns)
        self._iou: dict[int, float] = {}
        self._number = 0
        self._kept: int = max(
            network.num_maskmem * network.memory_temporal_stride_for_eval, network.max_obj_ptrs_in_encoder
        )

    @property
    def people(self) -> tuple[int, ...]:
        """Numbers of those who are followed."""
        return tuple(self._state["obj_ids"])

    @property
    def held(self) -> Held:
        """For tests: must not grow with the number of frames."""
        outputs = self._state["output_dict_per_obj"].values()
        memories = sum(len(kept) for one in outputs for kept in one.values())
        return Held(len(self._state["images"]) + len(self._state["cached_features"]), memories)

    def show(self, number: int, image: Image) -> None:
        """The next frame, H x W x 3 (rgb)."""
        import torch

        size = self._network.image_size
        shrinks = max(image.shape[:2]) > size
        square = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        levels = (square.astype(np.float32) / np.float32(255) - _MEAN) / _SPREAD
        self._number = number
        self._state["images"] = {number: torch.from_numpy(np.ascontiguousarray(levels.transpose(2, 0, 1)))}
        self._state["cached_features"] = {}
        self._iou = {}

    def point_out(self, person: int, box: Box | None, points: tuple[PromptPoint, ...] = ()) -> None:
        """Say where somebody is in the frame shown. What was remembered since the last prompt is forgotten."""
        self._forget_followed(person)
        with self._computing():
            self._network.add_new_points_or_box(
                self._state, self._number, person, normalize_coords=False,
                points=np.array([(point.x, point.y) for point in points], np.float32) if points else None,
                labels=np.array([int(point.inside) for point in points], np.int32) if points else None,
                box=np.array(box, np.float32) if box is not None else None,
            )  # fmt: skip
        self._iou[person] = self._network.iou

    def hand_over(self, person: int, mask: Mask) -> None:
        """Give somebody's mask in the frame shown; it comes out again as it went in."""
        self._forget_followed(person)
        with self._computing():
            self._network.add_new_mask(self._state, self._number, person, mask)
        self._iou[person] = 1.0

    def masks(self) -> dict[int, Seen]:
        """Everybody followed in the frame shown, by person."""
        if not self.people:
            return {}
        found: dict[int, Seen] = {}
        with self._computing():
            self._network.propagate_in_video_preflight(self._state)
            for person, slot in self._state["obj_id_to_idx"].items():
                output = self._network.follow_one(self._state, self._number, slot, backwards=self._backwards)
                logits = self._network.at_mask_size(self._state, output).float().cpu().numpy()
                score = float(output["object_score_logits"].float().sigmoid().flatten()[0])
                found[person] = Seen(logits, score, float(np.clip(self._iou.get(person, self._network.iou), 0, 1)))
        self._forget_old()
        return found

    def leave(self, person: int) -> None:
        """Follow somebody no longer."""
        self._network.remove_object(self._state, person, need_output=False)

    def _forget_followed(self, person: int) -> None:
        slot = self._state["obj_id_to_idx"].get(person)
        if slot is not None:
            self._state["output_dict_per_obj"][slot]["non_cond_frame_outputs"].clear()

    def _forget_old(self) -> None:
        for slot in self._state["obj_idx_to_id"]:
            outputs = self._state["output_dict_per_obj"][slot]
            prompted = outputs["cond_frame_outputs"]
            for number in list(prompted)[1 : -(_PROMPTS_KEPT - 1)]:
                del prompted[number]
            _drop(outputs["non_cond_frame_outputs"], self._is_old)
            for name in ("point_inputs", "mask_inputs", "frames_tracked"):
                _drop(self._state[f"{name}_per_obj"][slot], self._is_old)

    def _is_old(self, number: int) -> bool:
        return abs(self._number - number) >= self._kept

    @contextlib.contextmanager
    def _computing(self) -> Iterator[None]:
        import torch

        on_gpu = self._network.device.type == "cuda"
        with torch.inference_mode(), torch.autocast("cuda", dtype=torch.bfloat16, enabled=on_gpu):
            yield


def _drop(kept: dict[int, Any], old: Callable[[int], bool]) -> None:
    for number in [number for number in kept if old(number)]:
        del kept[number]


def told_apart(seen: dict[int, Seen], shape: tuple[int, int]) -> tuple[Mask, Mask]:
    """(patient, others): each cell belongs to whom the network believes in most; the hidden have none."""
    there = {person: one for person, one in seen.items() if one.present}
    nobody = np.zeros(shape, np.float32)
    patient = there[PATIENT].logits if PATIENT in there else nobody
    others = np.max([one.logits for person, one in there.items() if person != PATIENT] or [nobody], axis=0)
    return (patient > 0) & (patient >= others), (others > 0) & (others > patient)
