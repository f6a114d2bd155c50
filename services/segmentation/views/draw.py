"""What whole-frame views show: the silhouette, the skeleton, and a shape without any picture."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from services.media.geometry import Image
from services.segmentation.joints import Joint, Joints
from services.segmentation.views.outline import Alpha

Fill = Literal["black", "blur", "grey"]
GREY = 114
LEFT_COLOUR = (0, 140, 255)
"""Orange: the patient's left (blue, green, red). Orange and blue are told apart by colour-blind people, too."""
RIGHT_COLOUR = (255, 160, 60)
"""Blue: the patient's right."""
MIDDLE_COLOUR = (235, 235, 235)
_SHAPE_COLOUR = (96, 78, 70)
_DARK = (20, 20, 20)
_BLUR_SHARE = 16
_STRIP_PX = 4
_BONES = (
    (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER), (Joint.LEFT_HIP, Joint.RIGHT_HIP),
    (Joint.LEFT_SHOULDER, Joint.LEFT_HIP), (Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP),
    (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW), (Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW), (Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
    (Joint.LEFT_HIP, Joint.LEFT_KNEE), (Joint.LEFT_KNEE, Joint.LEFT_ANKLE),
    (Joint.RIGHT_HIP, Joint.RIGHT_KNEE), (Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE),
    (Joint.NOSE, Joint.LEFT_EYE), (Joint.NOSE, Joint.RIGHT_EYE),
    (Joint.LEFT_EYE, Joint.LEFT_EAR), (Joint.RIGHT_EYE, Joint.RIGHT_EAR),
)  # fmt: skip


def silhouette(image: Image, outline: Alpha | None, fill: Fill) -> Image:
    """The picture with everything but the patient black, grey or blurred; all of it where nobody is known to be.

    A blurred background hides faces no better than a frosted pane does: for privacy there is `privacy`.
    """
    behind = _behind(image, fill)
    if outline is None:
        return behind
    return np.asarray(cv2.blendLinear(image, behind, outline, 1 - outline), np.uint8)


def _behind(image: Image, fill: Fill) -> Image:
    if fill != "blur":
        return np.full_like(image, 0 if fill == "black" else GREY)
    height, width = image.shape[:2]
    size = (max(1, width // _BLUR_SHARE), max(1, height // _BLUR_SHARE))
    small = cv2.GaussianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (0, 0), 1.0)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def skeleton(image: Image, joints: Joints | None) -> Image:
    """The joints that are seen, drawn onto the picture (in its pixels): the patient's left orange, right blue."""
    if joints is None:
        return image
    thick = max(1, round(max(image.shape[:2]) / 220))
    bones = [(a, b) for a, b in _BONES if joints.seen(a) and joints.seen(b)]
    for extra in (2, 0):  # a dark rim first: seen on white sheets as well as on dark ones
        for one, other in bones:
            colour = _DARK if extra else _colour(one, other)
            cv2.line(image, _point(joints, one), _point(joints, other), colour, thick + extra, cv2.LINE_AA)
        for joint in Joint:
            if joints.seen(joint):
                radius = thick + (0 if joint <= Joint.RIGHT_EAR else 1) + extra // 2
                cv2.circle(image, _point(joints, joint), radius, _DARK if extra else _colour(joint), -1, cv2.LINE_AA)
    return image


def hands(left: Image, right: Image) -> Image:
    """Both hands side by side, the patient's left in the left half; a strip in its colour says so."""
    for half, colour in ((left, LEFT_COLOUR), (right, RIGHT_COLOUR)):
        half[-_STRIP_PX:] = colour
    return np.hstack([left, right])


def privacy(outline: Alpha | None, joints: Joints | None, width: int, height: int) -> Image:
    """The patient's shape in one colour and the skeleton on black: no pixel of the recording; black without a shape."""
    if outline is None:
        return np.zeros((height, width, 3), np.uint8)
    shape = np.rint(outline[..., None] * np.array(_SHAPE_COLOUR, np.float32)).astype(np.uint8)
    return skeleton(np.ascontiguousarray(shape), joints)


def _colour(*joints: Joint) -> tuple[int, int, int]:
    if all(joint.name.startswith("LEFT") for joint in joints):
        return LEFT_COLOUR
    return RIGHT_COLOUR if all(joint.name.startswith("RIGHT") for joint in joints) else MIDDLE_COLOUR


def _point(joints: Joints, joint: Joint) -> tuple[int, int]:
    x, y = np.clip(np.rint(joints.places[joint]), -9999, 9999)
    return int(x), int(y)
