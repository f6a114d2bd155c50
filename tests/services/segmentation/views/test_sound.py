"""Denoised sound: the noise goes, what was said stays where it was, to the sample."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.segmentation.views.sound import denoise, noise_floor_db

RATE = 16_000


def write(path: Path, samples: Any) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def read(path: Path) -> Any:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767


def voice(count: int) -> tuple[Any, Any]:
    """A sweeping tone in every other second, and when it sounds."""
    time_s = np.arange(count) / RATE
    sounding = time_s % 2 > 1
    return sounding * 0.2 * np.sin(2 * np.pi * (400 * time_s + 60 * np.sin(3 * time_s))), sounding


@pytest.mark.parametrize("level", [0.002, 0.02])
def test_steady_noise_goes_and_the_voice_stays(tmp_path: Path, level: float) -> None:
    count = 6 * RATE + 777
    clean, sounding = voice(count)
    heard = clean + level * np.random.default_rng(0).normal(size=count)
    denoise(write(tmp_path / "heard.wav", heard), tmp_path / "clean.wav")
    result = read(tmp_path / "clean.wav")
    quiet = (np.arange(count) / RATE % 2 > 0.2) & (np.arange(count) / RATE % 2 < 0.9)
    assert 20 * np.log10(result[quiet].std() / heard[quiet].std()) < -10
    assert 20 * np.log10(result[sounding].std() / heard[sounding].std()) == pytest.approx(0, abs=0.5)


def test_nothing_moves_in_time(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(size=3 * RATE) * 0.001
    noise[RATE : RATE + 160] += 0.5 * np.random.default_rng(2).normal(size=160)
    denoise(write(tmp_path / "click.wav", noise), tmp_path / "clean.wav")
    spectrum = np.fft.rfft(read(tmp_path / "clean.wav")) * np.conj(np.fft.rfft(noise))
    lag = int(np.fft.irfft(spectrum).argmax())
    assert min(lag, noise.size - lag) <= 1


@pytest.mark.parametrize("count", [0, 1, 400, 801])
def test_the_shortest_sounds_keep_their_length(tmp_path: Path, count: int) -> None:
    denoise(write(tmp_path / "short.wav", np.zeros(count)), tmp_path / "clean.wav")
    assert read(tmp_path / "clean.wav").size == count


def test_the_floor_is_that_of_the_quiet_parts(tmp_path: Path) -> None:
    clean, _ = voice(8 * RATE)
    for level in (0.001, 0.01):
        noise = level * np.random.default_rng(3).normal(size=clean.size)
        floor = noise_floor_db(write(tmp_path / "x.wav", clean + noise))
        assert floor == pytest.approx(20 * np.log10(level), abs=1.5)
