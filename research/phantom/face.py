"""A head's texture: hair, brows, eyes, cheeks, mouth and ears drawn on longitude and latitude."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from research.phantom.room import colour_of

WIDTH, HEIGHT = 256, 128
LEVELS = 5
"""Steps of eye and mouth opening that are drawn ahead."""


def _at(longitude_deg: float, latitude_deg: float) -> tuple[int, int]:
    """Texture pixel of a direction: longitude 0 is the front, positive to the head's left; latitude up."""
    return (round((longitude_deg / 360 + 0.5) * (WIDTH - 1)), round((0.5 - latitude_deg / 180) * (HEIGHT - 1)))


def _axes(width_deg: float, height_deg: float) -> tuple[int, int]:
    return (max(1, round(width_deg / 360 * WIDTH)), max(1, round(height_deg / 180 * HEIGHT)))


def head_texture(infrared: bool, eyes: float, mouth: float, gaze_deg: float, rng_seed: int) -> NDArray[np.float32]:
    """Draw one head.

    Args:
        infrared: one grey plane instead of three.
        eyes: 0 closed to 1 open.
        mouth: 0 closed to 1 wide open.
        gaze_deg: where the eyes look, positive to the person's left.
        rng_seed: hair and skin of this person.

    """
    rng = np.random.default_rng(rng_seed)
    skin = np.array(colour_of("skin", infrared)) * rng.uniform(0.86, 1.06)
    hair = np.array(colour_of("hair", infrared)) * rng.uniform(0.6, 1.7)
    image = np.empty((HEIGHT, WIDTH, len(skin)), np.float32)
    image[:] = skin
    latitude = 90 - np.arange(HEIGHT)[:, None] * 180 / (HEIGHT - 1)
    longitude = np.abs(np.arange(WIDTH)[None, :] * 360 / (WIDTH - 1) - 180)
    hairline = 44 - np.clip(longitude - 48, 0, None) * 0.9
    strands = 1 + 0.16 * rng.normal(0, 1, (1, WIDTH)).astype(np.float32)
    is_hair = np.clip((latitude - np.maximum(hairline, -38)) / 5 + 0.5, 0, 1)[..., None]
    image += is_hair * (hair * strands[..., None] - image)
    dark = np.clip(skin * 0.30, 0, 255)
    shadow = skin * 0.70
    for side in (-1, 1):
        _eye(image, side, eyes, gaze_deg, skin, dark, hair)
        cv2.ellipse(image, _at(side * 92, 2), _axes(9, 15), 0, 0, 360, tuple(skin * 0.82), -1, cv2.LINE_AA)
        cv2.ellipse(image, _at(side * 13, -17), _axes(3, 4), 0, 0, 360, tuple(shadow), -1, cv2.LINE_AA)
        cv2.ellipse(image, _at(side * 30, -20), _axes(13, 12), 0, 0, 360, tuple(skin * 1.05), -1, cv2.LINE_AA)
    cv2.ellipse(image, _at(0, -6), _axes(5, 14), 0, 0, 360, tuple(skin * 1.10), -1, cv2.LINE_AA)
    cv2.ellipse(image, _at(0, -20), _axes(10, 4), 0, 0, 180, tuple(shadow), -1, cv2.LINE_AA)
    lips = skin * np.array([0.62] if infrared else [0.62, 0.60, 0.82])
    cv2.ellipse(image, _at(0, -36), _axes(19, 4 + 9 * mouth), 0, 0, 360, tuple(lips), -1, cv2.LINE_AA)
    cv2.ellipse(image, _at(0, -36), _axes(15, 1 + 8 * mouth), 0, 0, 360, tuple(dark * 0.7), -1, cv2.LINE_AA)
    cv2.ellipse(image, _at(0, -48), _axes(22, 3), 0, 0, 360, tuple(skin * 0.86), -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(image, (0, 0), 0.9)
    return np.asarray(soft.reshape(HEIGHT, WIDTH) if infrared else soft, dtype=np.float32)


def _eye(
    image: NDArray[np.float32],
    side: int,
    eyes: float,
    gaze_deg: float,
    skin: NDArray[np.float64],
    dark: NDArray[np.float64],
    hair: NDArray[np.float64],
) -> None:
    centre = _at(side * 24, 8)
    cv2.ellipse(image, centre, _axes(16, 11), 0, 0, 360, tuple(skin * 0.74), -1, cv2.LINE_AA)
    if eyes > 0.15:
        cv2.ellipse(image, centre, _axes(11, 6 * eyes), 0, 0, 360, tuple(skin * 1.22), -1, cv2.LINE_AA)
        pupil = _at(side * 24 + gaze_deg * 0.22, 8)
        cv2.ellipse(image, pupil, _axes(5.5, 6 * eyes), 0, 0, 360, tuple(dark * 0.55), -1, cv2.LINE_AA)
    else:
        cv2.ellipse(image, _at(side * 24, 9), _axes(12, 5), 0, 15, 165, tuple(dark), 1, cv2.LINE_AA)
    cv2.ellipse(image, _at(side * 25, 17), _axes(15, 4), 0, 190, 350, tuple(hair * 0.9), 2, cv2.LINE_AA)
