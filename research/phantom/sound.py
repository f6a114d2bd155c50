"""A sound track: room noise, a monitor's beep, a tonic cry, and rustling with movement. No speech."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.phantom.encode import AUDIO_RATE_HZ
from research.phantom.scene import Scene, generator


def soundtrack(scene: Scene, seed: int) -> NDArray[np.float32]:
    """Mono samples of -1 to 1 at `AUDIO_RATE_HZ`, as long as the recording."""
    rng = generator(seed, "sound")
    lo = scene.script.span[0]
    length = scene.time_s[-1] - scene.time_s[0] + (scene.time_s[1] - scene.time_s[0])
    t = np.arange(round(length * AUDIO_RATE_HZ)) / AUDIO_RATE_HZ
    hiss = rng.normal(0, 1, len(t))
    rumble = np.convolve(hiss, np.ones(24) / 24, mode="same")
    speed = np.abs(np.diff(scene.patient.values[:, 10:], axis=0, prepend=scene.patient.values[:1, 10:])).mean(axis=1)
    rustle = np.interp(t, scene.time_s - lo, np.minimum(speed / 2.0, 1.0))
    sound = 0.010 * rumble + 0.05 * rustle * hiss
    for act in scene.script.acts:
        if act.kind == "tonic" and act.side == "bilateral_symmetric" and act.episode:
            sound += _cry(t, act.onset_s - lo + 0.3, rng)
    return np.asarray(np.clip(sound, -1, 1), dtype=np.float32)


def _cry(t: NDArray[np.float64], start_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A strained groan of about two seconds with a falling pitch."""
    local = np.clip((t - start_s) / 2.2, 0, 1)
    loud = np.sin(np.pi * local) ** 0.6 * ((t > start_s) & (local < 1))
    pitch = 230 - 70 * local + 6 * np.sin(2 * np.pi * 5.5 * t + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / AUDIO_RATE_HZ
    return np.asarray(loud * 0.16 * sum(np.sin(k * phase) / k for k in range(1, 9)))
