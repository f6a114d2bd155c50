"""Rendering a script into a video file and its truth."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
from research.phantom.person import NURSE_OUTFIT, PATIENT_OUTFIT, Person
from research.phantom.raster import Canvas, Light
from research.phantom.room import Room, build_room, colour_of
from research.phantom.scene import Scene, generator, play
from research.phantom.script import Script
from research.phantom.sensor import Exposure, Sensor, displace, expose
from research.phantom.skeleton import MATTRESS_TOP_M, Array, Build, forward_kinematics
from research.phantom.sound import soundtrack
from research.phantom.truth import Truth

Picture = NDArray[np.uint8]

UNDER_BLANKET = ("left_leg", "right_leg")
PAINTERS = 2
"""Frames painted at once; numpy and OpenCV let go of the interpreter while they compute."""
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
        with ThreadPoolExecutor(PAINTERS, "painter") as painters:
            ahead: deque[Future[Picture]] = deque()
            latest, picture = 0, painters.submit(self._finished, 0)
            for source in self._sources():
                # A frozen camera repeats the very picture, so that one is not painted again.
                if source != latest:
                    latest, picture = source, painters.submit(self._finished, source)
                ahead.append(picture)
                if len(ahead) > 2 * PAINTERS:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def _sources(self) -> list[int]:
        """For each frame the index of the one that it shows: its own, unless the camera is frozen."""
        shown: list[int] = []
        for index, frozen in enumerate(self.exposure.frozen):
            shown.append(shown[-1] if frozen and shown else index)
        return shown

    def _finished(self, index: int) -> Picture:
        picture = self._frame(index)
        return np.ascontiguousarray(picture[:, ::-1]) if self.look.mirrored else picture

    def _frame(self, index: int) -> Picture:
        canvas = Canvas([plane.copy() for plane in self.room.planes], self.room.depth.copy(), self.light)
        patient = self.people[0]
        lift: dict[str, float] = {}
        height = None
        if self.blanket is not None:
            height = self._drape(patient, index)
            self.blanket.paint(canvas, height, self.blanket_top_y)
            lift = self._lift(patient, height, index)
        self._cast_shadows(canvas, index, lift, height)
        for number, person in enumerate(self.people):
            own = number == 0
            person.paint(canvas, index, lift if own else None, self._hidden(person, index) if own else None)
        if self.exposure.screen[index] > 0:
            for plane in canvas.planes:
                np.add(plane, self.room.screen * np.float32(self.exposure.screen[index] * 90), out=plane)
        picture = self.sensor.read(canvas.planes, float(self.exposure.gain[index]), index)
        return displace(picture, float(self.exposure.dx_px[index]), float(self.exposure.dy_px[index]))

    def _hidden(self, patient: Person, index: int) -> NDArray[np.bool_] | None:
        """Segments wholly under the cloth: its grid is too coarse to cover every toe by itself."""
        if self.blanket is None:
            return None
        highest_y = np.maximum(patient.starts[index, :, 1], patient.ends[index, :, 1])
        across = np.maximum(np.abs(patient.starts[index, :, 0]), np.abs(patient.ends[index, :, 0]))
        legs = np.array([limb in UNDER_BLANKET for limb in patient.limbs])
        return np.asarray(legs & (highest_y < self.blanket_top_y - 0.06) & (across < 0.6))

    def _drape(self, patient: Person, index: int) -> NDArray[np.float32]:
        assert self.blanket is not None  # only called when there is one
        body = patient.body
        covered = [row for row, limb in enumerate(patient.limbs) if limb in UNDER_BLANKET]
        starts = np.concatenate([patient.starts[index, covered], [body.pelvis[index], body.pelvis[index]]])
        ends = np.concatenate([patient.ends[index, covered], [body.chest[index], body.waist[index]]])
        radii = np.concatenate([patient.radii[covered], [(0.115, 0.118), (0.13, 0.12)]])
        return self.blanket.drape(starts, ends, radii)

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

    def _cast_shadows(
        self, canvas: Canvas, index: int, lift: dict[str, float], height: NDArray[np.float32] | None
    ) -> None:
        """Darken bed and blanket next to whatever rises above them."""
        k = 4
        mask = np.zeros((self.look.size[1] // k + 1, self.look.size[0] // k + 1), np.uint8)
        for number, person in enumerate(self.people):
            hidden = UNDER_BLANKET if number == 0 and self.blanket is not None else ()
            starts, ends = person.segment_ends(index, lift if number == 0 else None)
            open_rows = [row for row, limb in enumerate(person.limbs) if limb not in hidden]
            self._shadows_of(mask, starts[open_rows], ends[open_rows], person.radii[open_rows], height, k)
        soft = cv2.GaussianBlur(mask, (0, 0), 1.6 * self.look.size[0] / 640)
        wide = cv2.resize(soft, (mask.shape[1] * k, mask.shape[0] * k), interpolation=cv2.INTER_LINEAR)
        shade = 1 - wide[: self.look.size[1], : self.look.size[0]].astype(np.float32) * np.float32(0.30 / 255)
        for plane in canvas.planes:
            np.multiply(plane, shade, out=plane)

    def _shadows_of(
        self, mask: Picture, starts: Array, ends: Array, radii: Array, height: NDArray[np.float32] | None, k: int
    ) -> None:
        points = np.concatenate([starts, ends])
        ground = np.full(len(points), MATTRESS_TOP_M)
        if height is not None and self.blanket is not None:
            cloth = self.blanket.height_at(height, points)
            ground = np.where(points[:, 1] < self.blanket_top_y, np.maximum(cloth, ground), ground)
        above = np.maximum(points[:, 2] - ground, 0)
        seen = self.camera.project(points - above[:, None] * (LAMP_WORLD / LAMP_WORLD[2]))
        count = len(starts)
        near = np.minimum(above[:count], above[count:]) < 0.6
        near &= np.maximum(np.abs(points[:count, 0]), np.abs(points[count:, 0])) < 0.75
        wide = 2.3 * radii.mean(axis=1) * self.camera.focal_px / seen[:count, 2] / k
        whole = (seen[:, :2] / k).astype(int)
        for row in np.flatnonzero(near):
            start, stop = whole[row].tolist(), whole[row + count].tolist()
            cv2.line(mask, start, stop, 255, max(1, round(float(wide[row]))))


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
    people = [_patient(scene, camera, look, seed)]
    for number, motion in enumerate(scene.visitors):
        other = forward_kinematics(motion, on_bed=False)
        people.append(Person(other, motion, camera, NURSE_OUTFIT, Build(), look.infrared, seed + 7919 * (number + 1)))
    cover = script.blanket
    blanket = None
    if cover > 0:
        blanket = make_blanket(camera, colour_of("blanket", look.infrared), generator(seed, "blanket"))
    top_y = 0.62 + 0.70 * cover
    exposure = expose(scene.time_s, scene.script.disturbances, look.size[1], generator(seed, "exposure"))
    sensor = Sensor(look.size, look.infrared, look.noise, int(generator(seed, "sensor").integers(2**31)))
    light = _light(camera, look.infrared)
    return Stagecraft(look, scene, camera, room, light, people, blanket, top_y, exposure, sensor)


def truth_of(script: Script, seed: int, look: Look) -> Truth:
    """What would be true of a rendering, without painting it.

    Raises:
        InvalidRequestError: the script names an unknown movement or path.

    """
    scene = play(script, seed, look.rate_hz)
    camera = place_camera(look.camera, look.size, generator(seed, "camera"))
    return observe(scene, seed, look, camera, _patient(scene, camera, look, seed), covered=script.blanket > 0)


def _patient(scene: Scene, camera: Camera, look: Look, seed: int) -> Person:
    body = forward_kinematics(scene.patient, scene.build)
    return Person(body, scene.patient, camera, PATIENT_OUTFIT, scene.build, look.infrared, seed)


def render(
    script: Script,
    seed: int,
    out_path: Path,
    size: tuple[int, int] = (640, 360),
    rate_hz: float | None = None,
    camera: str | None = None,
    infrared: bool | None = None,
    mirrored: bool = False,
    *,
    audio: bool = False,
) -> Truth:
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
