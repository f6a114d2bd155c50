"""Rendering a script into a video file and its truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from research.phantom.blanket import Blanket, make_blanket
from research.phantom.camera import Camera, place_camera
from research.phantom.encode import write_video
from research.phantom.look import Look, look_for
from research.phantom.observe import observe
from research.phantom.person import NURSE_OUTFIT, PATIENT_OUTFIT, Person, Segment
from research.phantom.raster import Canvas, Light
from research.phantom.room import Room, build_room, colour_of
from research.phantom.scene import Scene, generator, play
from research.phantom.script import Script
from research.phantom.sensor import Exposure, Sensor, displace, expose
from research.phantom.skeleton import MATTRESS_TOP_M, Build, forward_kinematics
from research.phantom.sound import soundtrack
from research.phantom.truth import Truth

Picture = NDArray[np.uint8]

UNDER_BLANKET = ("left_leg", "right_leg")
LAMP_WORLD = np.array([0.35, -0.25, 0.90])


@dataclass(slots=True)
class Stagecraft:
    """Everything needed to paint any frame of a recording."""

    look: Look
    scene: Scene
    camera: Camera
    room: Room
    light: Light
    people: list[Person]
    blanket: Blanket | None
    blanket_top_y: float
    exposure: Exposure
    sensor: Sensor

    def frames(self) -> Iterator[Picture]:
        """All pictures in time order; grey (h, w) or blue-green-red (h, w, 3)."""
        last: Picture | None = None
        for index in range(len(self.scene.time_s)):
            if last is not None and self.exposure.frozen[index]:
                yield last
                continue
            picture = self._frame(index)
            last = np.ascontiguousarray(picture[:, ::-1]) if self.look.mirrored else picture
            yield last

    def _frame(self, index: int) -> Picture:
        canvas = Canvas([plane.copy() for plane in self.room.planes], self.room.depth.copy(), self.light)
        patient = self.people[0]
        lift: dict[str, float] = {}
        height = None
        if self.blanket is not None:
            covered = [s for s in patient.segments if s.limb in UNDER_BLANKET]
            height = self._drape(patient, covered, index)
            self.blanket.paint(canvas, height, self.blanket_top_y)
            lift = self._lift(patient, height, index)
        self._cast_shadows(canvas, index, lift, height)
        for number, person in enumerate(self.people):
            person.paint(canvas, index, lift if number == 0 else None)
        if self.exposure.screen[index] > 0:
            for plane in canvas.planes:
                plane += self.room.screen * np.float32(self.exposure.screen[index] * 90)
        picture = self.sensor.read(canvas.planes, float(self.exposure.gain[index]))
        return displace(picture, float(self.exposure.dx_px[index]), float(self.exposure.dy_px[index]))

    def _drape(self, patient: Person, covered: list[Segment], index: int) -> NDArray[np.float32]:
        body = patient.body
        starts = [s.start[index] for s in covered] + [body.pelvis[index], body.pelvis[index]]
        ends = [s.end[index] for s in covered] + [body.chest[index], body.waist[index]]
        radii = [s.radii for s in covered] + [(0.115, 0.118), (0.13, 0.12)]
        assert self.blanket is not None  # only called when there is one
        return self.blanket.drape(np.array(starts), np.array(ends), np.array(radii))

    def _lift(self, patient: Person, height: NDArray[np.float32], index: int) -> dict[str, float]:
        """How far each arm must rise so that it lies on the blanket and not under it."""
        assert self.blanket is not None
        lift = {}
        for side in ("left", "right"):
            points = np.array([joint[index] for joint in patient.body.arms[side].joints[1:]])
            points = np.concatenate([points, (points[:-1] + points[1:]) / 2])
            cloth = self.blanket.height_at(height, points)
            sunk = np.where(points[:, 1] < self.blanket_top_y, cloth + 0.030 - points[:, 2], 0)
            lift[f"{side}_arm"] = float(np.clip(sunk.max(), 0, 0.25))
        return lift

    def _cast_shadows(self, canvas: Canvas, index: int, lift: dict[str, float],
                      height: NDArray[np.float32] | None) -> None:
        """Darken bed and blanket next to whatever rises above them."""
        k = 4
        mask = np.zeros((self.look.size[1] // k + 1, self.look.size[0] // k + 1), np.uint8)
        for number, person in enumerate(self.people):
            hidden = UNDER_BLANKET if number == 0 and self.blanket is not None else ()
            for segment in person.segments:
                if segment.limb in hidden:
                    continue
                self._shadow_of(mask, segment, index, lift.get(segment.limb, 0.0) if number == 0 else 0.0, height, k)
        soft = cv2.GaussianBlur(mask, (0, 0), 1.6 * self.look.size[0] / 640)
        wide = cv2.resize(soft, (mask.shape[1] * k, mask.shape[0] * k), interpolation=cv2.INTER_LINEAR)
        shade = 1 - wide[: self.look.size[1], : self.look.size[0]].astype(np.float32) * np.float32(0.30 / 255)
        for plane in canvas.planes:
            plane *= shade

    def _shadow_of(self, mask: NDArray[np.uint8], segment: Segment, index: int, lift_m: float,
                   height: NDArray[np.float32] | None, k: int) -> None:
        ends = np.stack([segment.start[index], segment.end[index]])
        ends[:, 2] += lift_m
        ground = np.full(2, MATTRESS_TOP_M)
        if height is not None and self.blanket is not None:
            cloth = self.blanket.height_at(height, ends)
            ground = np.where(ends[:, 1] < self.blanket_top_y, np.maximum(cloth, ground), ground)
        above = np.maximum(ends[:, 2] - ground, 0)
        if above.min() > 0.6 or np.abs(ends[:, 0]).max() > 0.75:
            return
        foot = ends - above[:, None] * (LAMP_WORLD / LAMP_WORLD[2])
        seen = self.camera.project(foot)
        thickness = max(1, round(2.3 * sum(segment.radii) / 2 * self.camera.focal_px / seen[:, 2].mean() / k))
        start, stop = (tuple(int(v / k) for v in end[:2]) for end in seen)
        cv2.line(mask, start, stop, 255, thickness)


def _light(camera: Camera, infrared: bool) -> Light:
    lamp = LAMP_WORLD / np.linalg.norm(LAMP_WORLD)
    direction = (camera.axes @ lamp) * np.array([1.0, 1.0, -1.0])
    if infrared:
        return Light(direction.astype(np.float32), 0.30, 0.22, 0.52)
    return Light(direction.astype(np.float32), 0.42, 0.46, 0.14)


def prepare(script: Script, seed: int, look: Look) -> Stagecraft:
    """Set up everything that does not change from frame to frame.

    Raises:
        InvalidRequestError: the script names an unknown movement or path.
    """
    scene = play(script, seed, look.rate_hz)
    camera = place_camera(look.camera, look.size, generator(seed, "camera"))
    room = build_room(camera, look.infrared, generator(seed, "room"))
    body = forward_kinematics(scene.patient, scene.build)
    people = [Person(body, scene.patient, camera, PATIENT_OUTFIT, scene.build, look.infrared, seed)]
    for number, motion in enumerate(scene.visitors):
        other = forward_kinematics(motion, on_bed=False)
        people.append(Person(other, motion, camera, NURSE_OUTFIT, Build(), look.infrared, seed + 7919 * (number + 1)))
    cover = script.blanket
    blanket = None
    if cover > 0:
        blanket = make_blanket(camera, colour_of("blanket", look.infrared), generator(seed, "blanket"))
    top_y = 0.62 + 0.70 * cover
    exposure = expose(scene.time_s, scene.script.disturbances, look.size[1], generator(seed, "exposure"))
    sensor = Sensor(look.size, look.infrared, look.noise, generator(seed, "sensor"))
    return Stagecraft(look, scene, camera, room, _light(camera, look.infrared), people, blanket, top_y, exposure, sensor)


def render(script: Script, seed: int, out_path: Path, size: tuple[int, int] = (640, 360),
           rate_hz: float | None = None, camera: str | None = None, infrared: bool | None = None,
           mirrored: bool = False, *, audio: bool = False) -> Truth:
    """Render a script into an MP4 and return what is true of it.

    Args:
        script: what happens.
        seed: everything random; the same seed gives the same pictures and the same truth.
        out_path: the MP4, replaced if it exists.
        size: width and height in pixels, even.
        rate_hz: frame rate, 25 unless the script insists.
        camera: one of `CAMERAS`.
        infrared: grey night vision (default) or daylight colours.
        mirrored: save the picture mirrored; the truth keeps the patient's sides.
        audio: add a sound track.

    Raises:
        InvalidRequestError: size, rate, camera or script break a rule.
    """
    look = look_for(script, size=size, rate_hz=rate_hz, camera=camera, infrared=infrared, mirrored=mirrored)
    craft = prepare(script, seed, look)
    sound = soundtrack(craft.scene, seed) if audio else None
    write_video(out_path, craft.frames(), look.size, look.rate_hz, sound)
    return observe(craft.scene, seed, look, craft.camera, craft.people[0], covered=craft.blanket is not None)
