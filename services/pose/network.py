"""The two networks of BlazePose and what their numbers mean.

Bazarevsky et al. 2020, "BlazePose: On-device Real-time Body Pose Tracking": a detector finds people by hips and the
circle around the body; a second network finds 33 joints in a square cut out around that circle, turned upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[Any]

WEIGHTS = Path(__file__).parent / "weights"
DETECTOR_PX = 224
"""Edge of the square picture that the detector looks at."""
JOINTS_PX = 256
"""Edge of the square picture in which joints are found."""
STRIDES = (8, 16, 32, 32, 32)
"""Pixels between the places that each layer of the detector answers for; each place answers twice."""
LEAST_DETECTION = 0.3
"""Score from which a person is looked at more closely; the authors' 0.5 misses people who lie under a blanket."""
ALIKE = 0.3
"""Overlap from which two boxes show the same person."""
JOINTS = 33
CIRCLE = JOINTS, JOINTS + 1
"""After the joints come two points of the circle around the body: its centre and one above the head."""


@dataclass(frozen=True, slots=True)
class Circle:
    """The circle around a body: the hips' middle and how far and in which direction the body reaches; in pixels."""

    x: float
    y: float
    up_x: float
    """From the centre to the circle's edge beyond the head."""
    up_y: float


@cache
def _network(name: str) -> Any:
    import cv2

    return cv2.dnn.readNetFromONNX(str(WEIGHTS / name))


def load() -> None:
    """Read the weights now, so that the first picture does not wait for them."""
    _network("person_detector.onnx")
    _network("pose_landmarks.onnx")


def detect(image: Picture) -> list[tuple[float, Circle]]:
    """Score and circle of each person who stands about upright in a colour picture (H x W x 3, BGR), best first."""
    import cv2

    height, width = image.shape[:2]
    scale = DETECTOR_PX / max(height, width)
    small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    square = np.zeros((DETECTOR_PX, DETECTOR_PX, 3), np.uint8)
    top, left = (DETECTOR_PX - small.shape[0]) // 2, (DETECTOR_PX - small.shape[1]) // 2
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    values, logits = _run("person_detector.onnx", square.astype(np.float32)[:, :, ::-1] / 127.5 - 1)
    scores = _sigmoid(logits[0, :, 0])
    likely = np.flatnonzero(scores >= LEAST_DETECTION)
    # Box (middle, size), then four points, two of which make the circle; all relative to the answering place.
    numbers = values[0, likely].reshape(-1, 6, 2) / DETECTOR_PX
    numbers[:, [0, 2, 3, 4, 5]] += _places()[likely, None]
    boxes = np.concatenate((numbers[:, 0] - numbers[:, 1] / 2, numbers[:, 1]), axis=1)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores[likely].tolist(), LEAST_DETECTION, ALIKE)
    found = []
    for k in np.asarray(kept, np.intp).ravel():
        x, y, edge_x, edge_y = (float(v) for v in numbers[k, 2:4].ravel())
        centre = (x * DETECTOR_PX - left) / scale, (y * DETECTOR_PX - top) / scale
        reach = (edge_x - x) * DETECTOR_PX / scale, (edge_y - y) * DETECTOR_PX / scale
        found.append((float(scores[likely[k]]), Circle(*centre, *reach)))
    return found


def joints_in(image: Picture, circle: Circle) -> tuple[float, Floats, Circle]:
    """Presence of a person (0-1), (33, 3) pixel x, y and visibility (0-1) of each joint, and the body's own circle."""
    import cv2

    reach = float(np.hypot(circle.up_x, circle.up_y))
    zoom = JOINTS_PX / max(1.0, 2 * 1.25 * reach)
    turn = np.degrees(np.arctan2(circle.up_x, -circle.up_y))
    matrix = np.asarray(cv2.getRotationMatrix2D((circle.x, circle.y), turn, zoom), np.float64)
    matrix[:, 2] += JOINTS_PX / 2 - circle.x, JOINTS_PX / 2 - circle.y
    cut = cv2.warpAffine(image, matrix, (JOINTS_PX, JOINTS_PX), flags=cv2.INTER_AREA)
    values, presence, *_ = _run("pose_landmarks.onnx", cut.astype(np.float32)[:, :, ::-1] / 255)
    points = values[0].reshape(-1, 5)
    back = np.asarray(cv2.invertAffineTransform(matrix))
    places = points[:, :2] @ back[:, :2].T + back[:, 2]
    joints = np.concatenate((places[:JOINTS], _sigmoid(points[:JOINTS, 3:4])), axis=1)
    (x, y), (edge_x, edge_y) = places[CIRCLE[0]], places[CIRCLE[1]]
    return float(presence[0, 0]), joints, Circle(float(x), float(y), float(edge_x - x), float(edge_y - y))


def _run(name: str, picture: Floats) -> list[Floats]:
    network = _network(name)
    network.setInput(np.ascontiguousarray(picture[None]))
    names = sorted(network.getUnconnectedOutLayersNames())
    return [np.asarray(one) for one in network.forward(names)]


@cache
def _places() -> Floats:
    """(2254, 2) where the detector's answers stand, as shares of its picture (x, y)."""
    places = []
    for stride in STRIDES:
        count = DETECTOR_PX // stride
        y, x = np.divmod(np.arange(count * count), count)
        places.append(np.stack(((x + 0.5) / count, (y + 0.5) / count), axis=1).repeat(2, axis=0))
    same = np.concatenate(places[2:]).reshape(3, -1, 2, 2).transpose(1, 0, 2, 3).reshape(-1, 2)
    return np.concatenate((*places[:2], same))


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))
