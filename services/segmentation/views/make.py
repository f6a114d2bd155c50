"""Making views: what each kind needs, one pass over the pictures for all of them, and what to say of the result."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from schemas.catalogue import load_catalogue
from schemas.errors import ObjectMissingError, UnreadableMediaError, UnsupportedMediaError
from schemas.recording import IntakeResult, Interval, ObjectRef
from schemas.segmentation import View, ViewKind
from services.media import transcript
from services.media.geometry import Image
from services.media.source import DEFAULT_THREADS
from services.runtime import logs
from services.segmentation import helpers
from services.segmentation.engines import SegmentOutput
from services.segmentation.joints import Joints, JointTrack, follow, spans_without
from services.segmentation.settings import SegmentationSettings
from services.segmentation.views import crops, draw, film, sound
from services.segmentation.views.outline import Outlines
from services.segmentation.views.pictures import Part, Shot, shots

Keep = Callable[[Path, str, str], ObjectRef]
"""Stores a local file under a name with a media type."""

DETAILED = frozenset({ViewKind.FACE_CROP, ViewKind.HANDS})
"""Cut from the original files."""
JOINTED = DETAILED | {ViewKind.POSE_OVERLAY, ViewKind.PRIVACY}
"""Need joints."""
PICTURED = JOINTED | {ViewKind.SILHOUETTE}
"""Made frame by frame."""
_HEARD = frozenset({ViewKind.AUDIO, ViewKind.DENOISED_AUDIO, ViewKind.TRANSCRIPT})
_SILHOUETTE_MARGIN = 0.012
_NO_SOUND = "The recording has no sound, so that nothing could be listened to."
_NO_ORIGINAL = (
    "The original recording could not be opened again: face and hands were cut from the smaller copy, "
    "with less detail than was filmed."
)
_NO_JOINTS = "The patient's joints were found nowhere in the recording: face and hands are not shown."
_PLACE_ONLY = (
    "Face and hands are cut out where their joints were found; that nothing covers them was judged by the same network."
)

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class ViewInput:
    """What views are made from."""

    intake: IntakeResult
    """Facts, sound and the proxy's size and rate."""
    proxy: Path
    """The proxy on this machine."""
    original: Callable[[], Sequence[Part]]
    """Brings the recording's own files here when they are needed. May raise `ObjectMissingError`."""
    sound: Callable[[], Path]
    """Brings intake's sound here."""
    found: SegmentOutput
    """Masks and what the engine says of them."""
    settings: SegmentationSettings
    """Fill, rates, weights."""
    folder: Path
    """For temporary files."""
    keep: Keep
    """Stores what is made."""
    tell: Callable[[float, str], None]
    """Hears how far it is: 0-1 and a few words; may raise to stop the work."""


@dataclass(slots=True)
class Made:
    """What came of it."""

    views: dict[ViewKind, View] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)


def make_views(kinds: Sequence[ViewKind], given: ViewInput) -> tuple[tuple[View, ...], tuple[str, ...]]:
    """The views in the order asked for, and in plain sentences what could not be made or not as well as it should.

    Raises `UnreadableMediaError` when the proxy cannot be read, OSError when the disk is full.
    """
    made = Made()
    if ViewKind.FULL_FRAME in kinds:
        made.views[ViewKind.FULL_FRAME] = View(ViewKind.FULL_FRAME, given.intake.proxy, (), _proxy_scale(given.intake))
    if PICTURED & set(kinds):
        _pictured([kind for kind in dict.fromkeys(kinds) if kind in PICTURED], given, made)
    if _HEARD & set(kinds):
        _heard(_HEARD & set(kinds), given, made)
    views = tuple(made.views[kind] for kind in dict.fromkeys(kinds) if kind in made.views)
    return views, tuple(made.losses)


def _proxy_scale(intake: IntakeResult) -> float:
    return intake.proxy_width_px / max(1, intake.facts.width_px)


# --- what is seen ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of a view, and of the picture inside it."""

    width: int
    height: int
    inner_width: int
    inner_height: int

    @classmethod
    def of(cls, kind: ViewKind, proxy: tuple[int, int]) -> Layout:
        """The catalogue's size, turned on its side for upright recordings; the picture keeps its shape inside it."""
        pinned = next(size for size in load_catalogue().views if size.kind is kind)
        width, height = pinned.width_px, pinned.height_px
        if (width - height) * (proxy[0] - proxy[1]) < 0:
            width, height = height, width
        if kind in DETAILED:
            return cls(width, height, width, height)
        scale = min(width / proxy[0], height / proxy[1])
        return cls(width, height, min(width, round(proxy[0] * scale)), min(height, round(proxy[1] * scale)))

    def framed(self, image: Image) -> Image:
        """The picture in the middle of black."""
        if image.shape[:2] == (self.height, self.width):
            return image
        canvas = np.zeros((self.height, self.width, 3), np.uint8)
        top, left = (self.height - image.shape[0]) // 2, (self.width - image.shape[1]) // 2
        canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
        return canvas


@dataclass(frozen=True, slots=True)
class Scene:
    """Where everything is at any instant."""

    outlines: Outlines
    track: JointTrack
    face: crops.CropPath
    hands: tuple[crops.CropPath, crops.CropPath]
    fill: draw.Fill
    proxy: tuple[int, int]

    def paint(self, kind: ViewKind, shot: Shot, layout: Layout) -> Image:
        """One view of one picture."""
        if kind is ViewKind.FACE_CROP:
            return self._cut(shot, self.face, layout.width, layout.height)
        if kind is ViewKind.HANDS:
            halves = [self._cut(shot, path, layout.width // 2, layout.height) for path in self.hands]
            return draw.hands(*halves)
        width, height = layout.inner_width, layout.inner_height
        if kind is ViewKind.POSE_OVERLAY:
            return layout.framed(draw.skeleton(shot.whole(width, height), self._joints(shot, width)))
        if kind is ViewKind.PRIVACY:
            outline = self.outlines.at(shot.time_s, width, height)
            return layout.framed(draw.privacy(outline, self._joints(shot, width), width, height))
        outline = self.outlines.at(shot.time_s, width, height, _SILHOUETTE_MARGIN)
        return layout.framed(draw.silhouette(shot.whole(width, height), outline, self.fill))

    def _joints(self, shot: Shot, width: int) -> Joints | None:
        joints = self.track.at(shot.time_s)
        return None if joints is None else Joints(joints.places * (width / self.proxy[0]), joints.visible)

    def _cut(self, shot: Shot, path: crops.CropPath, width: int, height: int) -> Image:
        cut = path.at(shot.time_s)
        return np.zeros((height, width, 3), np.uint8) if cut is None else shot.cut(cut, width, height)


def _pictured(kinds: Sequence[ViewKind], given: ViewInput, made: Made) -> None:
    intake = given.intake
    proxy = (intake.proxy_width_px, intake.proxy_height_px)
    layouts = {kind: Layout.of(kind, proxy) for kind in kinds}
    scene = _scene(kinds, given, layouts, made)
    detailed = bool(DETAILED & set(kinds))
    own = _parts(given) if detailed else ()
    if own:
        try:
            _film(scene, layouts, own, given)
        except (ObjectMissingError, UnreadableMediaError, UnsupportedMediaError) as error:
            log.warning("original not readable for views", code=error.code)
            own = ()
    if not own:
        if detailed:
            made.losses.append(_NO_ORIGINAL)
        _film(scene, layouts, [Part(given.proxy, 0.0)], given)
    finest = 1.0 if own else min(1.0, _proxy_scale(intake))
    for kind, layout in layouts.items():
        stored = given.keep(_path(given, kind), f"{kind.value}.mp4", film.MEDIA_TYPE)
        missing = _missing(kind, scene, given)
        scale = min(finest, _scale(kind, scene, layout, intake))
        made.views[kind] = View(kind, stored, missing, scale, _part_px(kind, scene, intake))


def _parts(given: ViewInput) -> Sequence[Part]:
    """The recording's own files; none where they are gone."""
    with contextlib.suppress(ObjectMissingError):
        return given.original()
    return ()


def _scene(kinds: Sequence[ViewKind], given: ViewInput, layouts: dict[ViewKind, Layout], made: Made) -> Scene:
    intake, found, settings = given.intake, given.found, given.settings
    proxy = (intake.proxy_width_px, intake.proxy_height_px)
    track = JointTrack.of([], [])
    if JOINTED & set(kinds):
        engine, losses = helpers.pose_engine(settings.pose_weights)
        made.losses.extend(losses)
        length_s = max(intake.facts.duration_s, 1e-3)
        rate_hz = settings.joints_rate_hz(length_s)
        track = follow(
            engine, given.proxy, found.masks, found.patient_region, rate_hz,
            lambda time_s: given.tell(0.4 * time_s / length_s, "following the joints"),
        )  # fmt: skip
    if DETAILED & set(kinds):
        made.losses.append(_PLACE_ONLY if track.found.any() else _NO_JOINTS)
    hands = layouts.get(ViewKind.HANDS)
    shape = hands.height / (hands.width // 2) if hands else 1.0
    return Scene(
        outlines=Outlines(found.masks, found.patient_missing),
        track=track,
        face=crops.face_path(track, found.masks, proxy, intake.facts.duration_s),
        hands=crops.hand_paths(track, shape),
        fill=settings.silhouette_fill,
        proxy=proxy,
    )


def _film(scene: Scene, layouts: dict[ViewKind, Layout], parts: Sequence[Part], given: ViewInput) -> None:
    """Decode once and write all views; a frame is held only until the next one comes."""
    intake = given.intake
    length_s = max(intake.facts.duration_s, 1e-3)
    with contextlib.ExitStack() as stack:
        films = {
            kind: stack.enter_context(film.Film(_path(given, kind), layout.width, layout.height, intake.proxy_rate_hz))
            for kind, layout in layouts.items()
        }
        pictures = shots(parts, *scene.proxy, intake.proxy_rate_hz, DEFAULT_THREADS)
        with contextlib.closing(pictures):
            for shot in pictures:
                for kind, target in films.items():
                    target.write(scene.paint(kind, shot, layouts[kind]))
                given.tell(0.4 + 0.5 * min(1.0, shot.time_s / length_s), "making the views")


def _path(given: ViewInput, kind: ViewKind) -> Path:
    return given.folder / f"{kind.value}.mp4"


def _missing(kind: ViewKind, scene: Scene, given: ViewInput) -> tuple[Interval, ...]:
    """Spans in which a view does not show what it is for; that nobody was found counts for all of them."""
    end_s = given.intake.facts.duration_s
    own: tuple[Interval, ...] = ()
    if kind is ViewKind.FACE_CROP:
        own = scene.face.missing
    elif kind is ViewKind.HANDS:
        own = crops.neither(scene.hands, end_s)
    elif kind is ViewKind.POSE_OVERLAY:
        own = spans_without(scene.track.time_s, scene.track.found, end_s)
    return joined((*own, *given.found.patient_missing))


def joined(spans: Sequence[Interval]) -> tuple[Interval, ...]:
    """The same time in spans that neither touch nor overlap, in order."""
    merged: list[Interval] = []
    for span in sorted(spans):
        if merged and span.lo <= merged[-1].hi:
            merged[-1] = Interval(merged[-1].lo, max(merged[-1].hi, span.hi))
        else:
            merged.append(span)
    return tuple(merged)


def _scale(kind: ViewKind, scene: Scene, layout: Layout, intake: IntakeResult) -> float:
    """Pixels of the view per pixel of the source; for crops the median over the recording."""
    to_source = 1 / _proxy_scale(intake)
    if kind is ViewKind.FACE_CROP:
        width_px, view_px = scene.face.width_px(), layout.width
    elif kind is ViewKind.HANDS:
        width_px, view_px = max(path.width_px() for path in scene.hands), layout.width // 2
    else:
        width_px, view_px = scene.proxy[0], layout.inner_width
    return view_px / (width_px * to_source) if width_px else _proxy_scale(intake)


def _part_px(kind: ViewKind, scene: Scene, intake: IntakeResult) -> float:
    """Size of what a crop is about, pixels of the source; 0 for other views and where it was never seen."""
    if kind is ViewKind.FACE_CROP:
        return scene.face.width_px() / crops.FACE_SPREADS / _proxy_scale(intake)
    if kind is ViewKind.HANDS:
        return max(path.width_px() for path in scene.hands) * crops.HAND_SHARE / _proxy_scale(intake)
    return 0.0


# --- what is heard --------------------------------------------------------------------------------------------------


def _heard(kinds: frozenset[ViewKind] | set[ViewKind], given: ViewInput, made: Made) -> None:
    recorded = given.intake.audio
    if recorded is None:
        made.losses.append(_NO_SOUND)
        return
    if ViewKind.AUDIO in kinds:
        made.views[ViewKind.AUDIO] = View(ViewKind.AUDIO, recorded)
    if ViewKind.DENOISED_AUDIO in kinds:
        given.tell(0.9, "taking the noise out of the sound")
        path = given.folder / "denoised.wav"
        sound.denoise(given.sound(), path)
        made.views[ViewKind.DENOISED_AUDIO] = View(
            ViewKind.DENOISED_AUDIO, given.keep(path, path.name, sound.MEDIA_TYPE)
        )
    if ViewKind.TRANSCRIPT in kinds:
        listener, losses = helpers.listener(given.settings.speech_weights, given.settings.speech_language)
        made.losses.extend(losses)
        if listener is not None:
            words = listener.listen(given.sound(), lambda share: given.tell(0.92 + 0.08 * share, "writing down words"))
            path = given.folder / "transcript.json"
            words.save(path)
            made.views[ViewKind.TRANSCRIPT] = View(
                ViewKind.TRANSCRIPT, given.keep(path, path.name, transcript.MEDIA_TYPE)
            )
