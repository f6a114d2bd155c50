"""The named scripts, and scripts drawn at random.

Durations and rates lie within the ranges listed with their sources in ``docs/phantom.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from research.phantom.scene import generator
from research.phantom.script import Act, Disturbance, Script, Visitor
from schemas.errors import InvalidRequestError

BOTH = "bilateral_symmetric"


def _flip(side: str) -> str:
    return {"left": "right", "right": "left"}[side]


def convulsion(start_s: float, episode: int, *, tonic_s: float = 12.0, clonic_s: float = 26.0) -> tuple[Act, ...]:
    """Tonic stiffening, then bilateral clonic jerks from 5 to 0.8 Hz, then limp."""
    jerks = start_s + tonic_s
    return (
        Act("tonic", start_s, jerks + 0.4, BOTH, episode, {"elbow": 55.0, "fall_s": 0.8}),
        Act(
            "clonic", jerks, jerks + clonic_s, BOTH, episode, {"first_hz": 5.0, "last_hz": 0.8, "leg": 0.8, "head": 1.0}
        ),
    )


def tonic_clonic() -> Script:
    """From sleep, stiffening with a cry, then bilateral jerks that slow down, then limp."""
    acts = convulsion(14.0, 1)
    end = acts[-1].offset_s
    return Script(
        "tonic_clonic", 72.0, (*acts, Act("slack", end, 72.0)), asleep_until_s=14.0, blanket=0.45, jitter_s=2.0
    )


def asleep_then_tonic_clonic() -> Script:
    """More than a minute of sleep, then a convulsion: long enough to call the state before apparently asleep."""
    acts = convulsion(68.0, 1, clonic_s=22.0)
    return Script(
        "asleep_then_tonic_clonic",
        112.0,
        (*acts, Act("slack", acts[-1].offset_s, 112.0)),
        asleep_until_s=68.0,
        blanket=0.45,
    )


def asymmetric_ending(side: str = "left") -> Script:
    """A convulsion whose last jerks are seen on one side only."""
    acts = convulsion(12.0, 1, tonic_s=9.0, clonic_s=20.0)
    last = Act("clonic", 41.0, 50.0, side, 1, {"first_hz": 1.2, "last_hz": 0.7, "ending": 1.0, "ready_s": 0.4})
    return Script("asymmetric_ending", 62.0, (*acts, last, Act("slack", 50.0, 62.0)), blanket=0.45)


def focal_clonic(side: str) -> Script:
    """One arm jerks."""
    return Script(
        f"focal_clonic_{side}_arm",
        55.0,
        (Act("clonic", 15.0, 43.0, side, 1, {"first_hz": 3.4, "last_hz": 1.1}),),
        jitter_s=4.0,
    )


def focal_clonic_leg(side: str) -> Script:
    """One leg jerks, no blanket."""
    return Script(
        f"focal_clonic_{side}_leg",
        50.0,
        (Act("clonic", 14.0, 38.0, side, 1, {"first_hz": 3.0, "last_hz": 1.2, "arm": 0.0, "leg": 1.0}),),
        blanket=0.0,
        jitter_s=4.0,
    )


def hyperkinetic() -> Script:
    """From sleep: large, fast, chaotic movements of trunk and proximal limbs, no blanket."""
    return Script(
        "hyperkinetic",
        48.0,
        (Act("hyperkinetic", 16.0, 36.0, BOTH, 1),),
        asleep_until_s=15.5,
        blanket=0.0,
        jitter_s=4.0,
    )


def pelvic_thrusting() -> Script:
    """The pelvis thrusts rhythmically, no blanket."""
    return Script(
        "pelvic_thrusting",
        48.0,
        (Act("pelvic_thrusting", 14.0, 34.0, BOTH, 1, {"hz": 1.4}),),
        blanket=0.0,
        jitter_s=4.0,
    )


def full_body_shaking() -> Script:
    """The whole body shakes at a nearly constant rate."""
    return Script(
        "full_body_shaking",
        55.0,
        (Act("shaking", 14.0, 42.0, BOTH, 1, {"hz": 4.6, "amplitude": 1.3}),),
        blanket=0.3,
        jitter_s=4.0,
    )


def automotor(side: str = "left") -> Script:
    """Arrest, then fumbling of one hand with chewing while the other arm is dystonic."""
    return Script(
        "automotor",
        75.0,
        (
            Act("fidget", 2.0, 70.0, BOTH),
            Act("automatisms", 25.0, 58.0, side, 1),
            Act("oral_automatisms", 22.0, 56.0, episode=1),
            Act("dystonic", 34.0, 56.0, _flip(side), 1),
            Act("arrest", 18.0, 24.0, episode=1),
            Act("head_turn", 26.0, 36.0, side, 1),
            Act("slack", 58.5, 75.0),
        ),
        posture="hands_on_belly",
    )


def absence_arrest() -> Script:
    """Busy hands stop for eleven seconds and go on."""
    return Script(
        "absence_arrest",
        50.0,
        (
            Act("fidget", 1.0, 49.0, BOTH),
            Act("arrest", 20.0, 31.0, episode=1),
        ),
        posture="sitting",
        jitter_s=1.0,
    )


def versive_then_clonic(side: str = "right") -> Script:
    """A forced turn to one side, then that arm jerks, then a convulsion."""
    return Script(
        "versive_then_clonic",
        75.0,
        (
            Act("version", 13.0, 24.0, side, 1),
            Act("clonic", 17.5, 30.0, side, 1, {"first_hz": 3.6, "last_hz": 2.6}),
            *convulsion(30.0, 1, tonic_s=9.0, clonic_s=24.0),
            Act("slack", 63.0, 75.0),
        ),
        blanket=0.4,
        jitter_s=0.0,
    )


def figure4_tonic(side: str = "left") -> Script:
    """One arm straight, the other bent."""
    return Script("figure4", 45.0, (Act("figure4", 14.0, 26.0, side, 1),), jitter_s=5.0)


def tonic_seizure() -> Script:
    """From sleep: both arms stiffen for about 13 s."""
    return Script(
        "tonic", 45.0, (Act("tonic", 16.0, 29.0, BOTH, 1, {"elbow": 40.0}),), asleep_until_s=16.0, jitter_s=4.0
    )


def two_episodes() -> Script:
    """Two focal clonic seizures in one recording."""
    return Script(
        "two_episodes",
        110.0,
        (
            Act("clonic", 12.0, 32.0, "left", 1, {"first_hz": 3.5, "last_hz": 1.3}),
            Act("clonic", 74.0, 98.0, "left", 2, {"first_hz": 3.2, "last_hz": 1.1}),
        ),
        jitter_s=4.0,
    )


def onset_missed() -> Script:
    """The recording begins in the tonic phase."""
    acts = convulsion(6.0, 1)
    return Script("onset_missed", 62.0, (*acts, Act("slack", acts[-1].offset_s, 62.0)), window=(14.0, 62.0))


def offset_cut() -> Script:
    """The recording ends while the arm still jerks."""
    return Script(
        "offset_cut",
        70.0,
        (Act("clonic", 20.0, 66.0, "right", 1, {"first_hz": 3.8, "last_hz": 1.5}),),
        window=(2.0, 48.0),
    )


def mirrored_focal_clonic() -> Script:
    """The right arm jerks in a mirrored picture; the truth still says right."""
    base = focal_clonic("right")
    return Script("mirrored_focal_clonic", base.duration_s, base.acts, mirrored=True, jitter_s=4.0)


def low_rate_clonic() -> Script:
    """A jerking arm at 10 frames per second: rhythm must not be judged."""
    base = focal_clonic("left")
    return Script("low_rate_clonic", base.duration_s, base.acts, rate_hz=10.0, jitter_s=4.0)


def dark_clonic() -> Script:
    """A jerking arm in a picture that is almost black."""
    base = focal_clonic("left")
    dark = (Disturbance("dark", 0.0, base.duration_s, 1.1),)
    return Script("dark_clonic", base.duration_s, base.acts, disturbances=dark)


def seizure_with_nurse() -> Script:
    """A convulsion during which a nurse comes and handles the blanket."""
    return Script(
        "seizure_with_nurse",
        75.0,
        (*convulsion(14.0, 1, tonic_s=10.0, clonic_s=30.0), Act("slack", 54.0, 75.0)),
        visitors=(Visitor(26.0, 72.0, "bedside_right", "blanket"),),
    )


def calm() -> Script:
    """Awake and quiet."""
    return Script("calm", 60.0)


def asleep() -> Script:
    """Asleep under the blanket."""
    return Script("asleep", 60.0, asleep_until_s=60.0, blanket=1.0)


def empty_bed() -> Script:
    """Nobody is there."""
    return Script("empty_bed", 40.0, posture="absent")


def _everyday(
    name: str,
    kind: str,
    *,
    side: str = BOTH,
    posture: str = "supine",
    blanket: float = 0.5,
    start_s: float = 8.0,
    lasts_s: float = 26.0,
) -> Callable[[], Script]:
    def build() -> Script:
        return Script(
            name,
            start_s + lasts_s + 12.0,
            (Act(kind, start_s, start_s + lasts_s, side),),
            posture=posture,
            blanket=blanket,
            jitter_s=4.0,
        )

    return build


def turning_over() -> Script:
    """Turns over in sleep."""
    return Script("turning_over", 50.0, (Act("turn_over", 14.0, 48.0, "left"),), asleep_until_s=50.0, blanket=0.35)


def nurse() -> Script:
    """A nurse comes and takes the pulse at the patient's right arm."""
    return Script("nurse", 55.0, visitors=(Visitor(8.0, 44.0, "bedside_right", "arm_right"),))


def walking_past() -> Script:
    """Somebody walks past, twice."""
    return Script("walking_past", 40.0, visitors=(Visitor(8.0, 14.0, "walk_past"), Visitor(24.0, 30.0, "walk_past")))


def camera_shake() -> Script:
    """The camera is held by hand for a while, later knocked."""
    return Script(
        "camera_shake",
        45.0,
        disturbances=(Disturbance("camera_shake", 10.0, 28.0), Disturbance("camera_knock", 34.0, 38.0)),
    )


def light_changes() -> Script:
    """The light is switched on and off."""
    return Script(
        "light_changes",
        45.0,
        disturbances=(Disturbance("light_switch", 12.0, 24.0), Disturbance("light_switch", 32.0, 38.0)),
    )


def tv_flicker() -> Script:
    """A television lights the room."""
    return Script("tv_flicker", 50.0, disturbances=(Disturbance("tv_flicker", 5.0, 50.0),))


def fidgeting() -> Script:
    """Busy with a telephone, sitting."""
    return Script("fidgeting", 50.0, (Act("fidget", 4.0, 46.0, BOTH),), posture="sitting")


SEIZURES: dict[str, Callable[[], Script]] = {
    "tonic_clonic": tonic_clonic,
    "asleep_then_tonic_clonic": asleep_then_tonic_clonic,
    "asymmetric_ending": asymmetric_ending,
    "focal_clonic_right_arm": lambda: focal_clonic("right"),
    "focal_clonic_left_arm": lambda: focal_clonic("left"),
    "focal_clonic_right_leg": lambda: focal_clonic_leg("right"),
    "focal_clonic_left_leg": lambda: focal_clonic_leg("left"),
    "versive_then_clonic": versive_then_clonic,
    "hyperkinetic": hyperkinetic,
    "pelvic_thrusting": pelvic_thrusting,
    "full_body_shaking": full_body_shaking,
    "automotor": automotor,
    "absence_arrest": absence_arrest,
    "figure4": figure4_tonic,
    "tonic": tonic_seizure,
}
LOOK_ALIKES: dict[str, Callable[[], Script]] = {
    "tooth_brushing": _everyday("tooth_brushing", "brush_teeth", side="right", posture="sitting"),
    "turning_over": turning_over,
    "waving": _everyday("waving", "wave", side="left", lasts_s=10.0),
    "scratching": _everyday("scratching", "scratch", side="right", lasts_s=12.0),
    "clapping": _everyday("clapping", "clap", posture="sitting", lasts_s=14.0),
    "gesturing": _everyday("gesturing", "gesture", posture="sitting"),
    "eating": _everyday("eating", "eat", side="right", posture="sitting", lasts_s=32.0),
    "coughing": _everyday("coughing", "cough", lasts_s=20.0),
    "sitting_up": _everyday("sitting_up", "sit_up", lasts_s=22.0),
    "stretching": _everyday("stretching", "stretch", lasts_s=8.0),
    "rest_tremor": _everyday("rest_tremor", "tremor", side="right", posture="hands_on_belly", lasts_s=30.0),
    "restless_legs": _everyday("restless_legs", "restless_legs", lasts_s=30.0),
    "looking_around": _everyday("looking_around", "head_turn", side="left", lasts_s=4.0),
    "fidgeting": fidgeting,
    "nurse": nurse,
    "walking_past": walking_past,
    "camera_shake": camera_shake,
    "light_changes": light_changes,
    "tv_flicker": tv_flicker,
    "calm": calm,
    "asleep": asleep,
    "empty_bed": empty_bed,
}
AWKWARD: dict[str, Callable[[], Script]] = {
    "onset_missed": onset_missed,
    "offset_cut": offset_cut,
    "two_episodes": two_episodes,
    "mirrored_focal_clonic": mirrored_focal_clonic,
    "low_rate_clonic": low_rate_clonic,
    "dark_clonic": dark_clonic,
    "seizure_with_nurse": seizure_with_nurse,
}
SCRIPTS: dict[str, Callable[[], Script]] = {**SEIZURES, **LOOK_ALIKES, **AWKWARD}
"""All named scripts."""


def named(name: str) -> Script:
    """The script of that name.

    Raises:
        InvalidRequestError: there is none.

    """
    if name not in SCRIPTS:
        raise InvalidRequestError(f"no script is called {name!r}; known are {', '.join(SCRIPTS)}")
    return SCRIPTS[name]()


def random_script(seed: int, kind: str = "any") -> Script:
    """Draw a script: ``seizure``, ``look_alike``, ``awkward`` or ``any``, with its own sides, rates and lengths.

    Raises:
        InvalidRequestError: the kind is unknown.

    """
    groups = {"seizure": SEIZURES, "look_alike": LOOK_ALIKES, "awkward": AWKWARD, "any": SCRIPTS}
    if kind not in groups:
        raise InvalidRequestError(f"kind {kind!r} is none of {sorted(groups)}")
    rng = generator(seed, f"random {kind}")
    names = sorted(groups[kind])
    return vary(named(names[int(rng.integers(len(names)))]), seed)


def vary(script: Script, seed: int) -> Script:
    """The same story with other sides, rates and sizes."""
    rng = generator(seed, "vary")
    swap = bool(rng.integers(2))
    faster, larger = float(rng.uniform(0.85, 1.15)), float(rng.uniform(0.75, 1.2))
    acts = []
    for act in script.acts:
        params = dict(act.params)
        for name in ("first_hz", "last_hz", "hz"):
            if name in params:
                params[name] *= faster
        if act.kind in ("clonic", "shaking", "automatisms", "hyperkinetic", "pelvic_thrusting"):
            params["amplitude"] = params.get("amplitude", 1.0) * larger
        side = _flip(act.side) if swap and act.side in ("left", "right") else act.side
        acts.append(replace(act, side=side, params=params))
    return replace(script, acts=tuple(acts))
