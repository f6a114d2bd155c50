"""Scripts: what the phantom does, when and on which side, as plain data.

Script time is in seconds from the script's start. A recording may show only part of it (`Script.window`), which is how
a missed onset or a cut-off offset is made.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from schemas.errors import InvalidRequestError

T = TypeVar("T")

POSTURES = ("supine", "hands_on_belly", "lying_left", "lying_right", "sitting", "absent")
CAMERAS = ("ceiling_corner", "bed_end", "side", "overhead")


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a person does."""

    kind: str
    """Name of a movement in `research.phantom.acts`."""
    onset_s: float
    """Start, script time."""
    offset_s: float
    """End, script time; some movements end themselves a little earlier and the truth says when."""
    side: str = "undetermined"
    """The person's own side: left, right or bilateral_symmetric."""
    episode: int = 0
    """Number of the seizure it belongs to, counted from 1; 0: no seizure."""
    params: Mapping[str, float] = field(default_factory=dict)
    """Numbers that override the movement's own defaults."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Another person who walks in."""

    enter_s: float
    """Script time of the first step into the picture."""
    leave_s: float
    """Script time at which they are gone again."""
    path: str = "bedside_left"
    """bedside_left, bedside_right (of the patient) or walk_past."""
    touch: str = ""
    """Part of the patient that they handle: arm_left, arm_right, blanket, or empty."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that happens to the camera or the light, not to the patient."""

    kind: str
    """camera_shake, camera_knock, light_switch, tv_flicker, dark or freeze."""
    onset_s: float
    """Start, script time."""
    offset_s: float
    """End, script time."""
    strength: float = 1.0
    """1 is typical."""


@dataclass(frozen=True, slots=True)
class Script:
    """A whole scene."""

    name: str
    """Name by which it is called."""
    duration_s: float
    """Length of the script."""
    acts: tuple[Act, ...] = ()
    """What the patient does, applied in this order."""
    visitors: tuple[Visitor, ...] = ()
    """Who else comes."""
    disturbances: tuple[Disturbance, ...] = ()
    """What the camera and the light do."""
    posture: str = "supine"
    """How the patient lies at the start, one of `POSTURES`."""
    asleep_until_s: float = 0.0
    """Eyes closed and still until then."""
    blanket: float = 0.5
    """How far up the blanket reaches: 0 none, 0.5 to the waist, 1 to the chest."""
    window: tuple[float, float] | None = None
    """Part of the script that was recorded; None: all of it."""
    mirrored: bool = False
    """The file was saved mirrored."""
    rate_hz: float | None = None
    """Frame rate this script insists on; None: the caller's choice."""
    infrared: bool | None = None
    """Look this script insists on."""
    camera: str | None = None
    """Camera this script insists on, one of `CAMERAS`."""
    jitter_s: float = 0.0
    """The seed shifts everything by up to this much later."""

    def __post_init__(self) -> None:
        if self.posture not in POSTURES:
            raise InvalidRequestError(f"posture {self.posture!r} of script {self.name!r} is none of {POSTURES}")
        if self.camera is not None and self.camera not in CAMERAS:
            raise InvalidRequestError(f"camera {self.camera!r} of script {self.name!r} is none of {CAMERAS}")
        lo, hi = self.span
        if not 0 <= lo < hi <= self.duration_s:
            raise InvalidRequestError(f"window {lo}-{hi} s of script {self.name!r} must lie in 0-{self.duration_s} s")
        for act in self.acts:
            if not 0 <= act.onset_s < act.offset_s <= self.duration_s:
                raise InvalidRequestError(
                    f"act {act.kind!r} at {act.onset_s}-{act.offset_s} s must lie in 0-{self.duration_s} s"
                )

    @property
    def span(self) -> tuple[float, float]:
        """The recorded part, script time."""
        return self.window if self.window is not None else (0.0, self.duration_s)


def _build(cls: type[T], data: Mapping[str, Any]) -> T:
    known = {entry.name for entry in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(data) - known)
    if unknown:
        raise InvalidRequestError(f"{cls.__name__} has no field {unknown[0]!r}; known are {sorted(known)}")
    try:
        return cls(**data)
    except TypeError as error:
        raise InvalidRequestError(f"{cls.__name__} is incomplete: {error}") from error


def script_from_plain(data: Mapping[str, Any]) -> Script:
    """Build a script from tables as TOML or JSON give them.

    Raises:
        InvalidRequestError: a field is unknown, missing or out of range.

    """
    plain = dict(data)
    plain["acts"] = tuple(_build(Act, act) for act in plain.get("acts", ()))
    plain["visitors"] = tuple(_build(Visitor, visitor) for visitor in plain.get("visitors", ()))
    plain["disturbances"] = tuple(_build(Disturbance, entry) for entry in plain.get("disturbances", ()))
    if plain.get("window") is not None:
        lo, hi = plain["window"]
        plain["window"] = (float(lo), float(hi))
    return _build(Script, plain)


def script_to_plain(script: Script) -> dict[str, Any]:
    """The script as tables, ready for JSON."""
    return {name: value for name, value in asdict(script).items() if value is not None}


def load_script(path: Path) -> Script:
    """Read a script from a ``.toml`` or ``.json`` file.

    Raises:
        InvalidRequestError: the file is neither, cannot be parsed, or breaks a rule.

    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise InvalidRequestError(f"the script file cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidRequestError(f"the script file is neither TOML nor JSON: {error}") from error
    if not isinstance(data, dict):
        raise InvalidRequestError(f"a script file holds one table, not a {type(data).__name__}")
    return script_from_plain(data)
