"""Who said it: engines and their versions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The identity of an engine; every finding names one."""

    name: str
    """Short name, such as ``kinematic``."""
    version: str
    """Version of the engine's code."""
    digest: str
    """SHA-256 (hex) over the code's version, its parameters and its weights: two equal digests answer alike."""
    training: str = ""
    """What it learned from, in one clause; ``training-free`` when from nothing."""
    answers: tuple[str, ...] = ()
    """Ids of the signs it can answer for; empty for engines that judge no sign."""
