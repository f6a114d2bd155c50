"""The movements that a script can name."""

from __future__ import annotations

from collections.abc import Callable

from research.phantom.acts import everyday, ictal
from research.phantom.acts.stage import Mark, Stage
from research.phantom.script import Act
from schemas.errors import InvalidRequestError

Movement = Callable[[Act, Stage], list[Mark]]

MOVEMENTS: dict[str, Movement] = {
    function.__name__: function
    for function in (
        ictal.clonic,
        ictal.shaking,
        ictal.tonic,
        ictal.figure4,
        ictal.dystonic,
        ictal.version,
        ictal.head_turn,
        ictal.automatisms,
        ictal.oral_automatisms,
        ictal.hyperkinetic,
        ictal.pelvic_thrusting,
        ictal.arrest,
        ictal.myoclonic,
        ictal.slack,
        everyday.brush_teeth,
        everyday.wave,
        everyday.scratch,
        everyday.clap,
        everyday.gesture,
        everyday.eat,
        everyday.fidget,
        everyday.cough,
        everyday.turn_over,
        everyday.sit_up,
        everyday.stretch,
        everyday.tremor,
        everyday.restless_legs,
    )
}
"""By the name used in scripts."""


def perform(act: Act, stage: Stage) -> list[Mark]:
    """Write one movement into the body.

    Raises:
        InvalidRequestError: no movement has that name, or the side does not fit it.

    """
    movement = MOVEMENTS.get(act.kind)
    if movement is None:
        raise InvalidRequestError(f"no movement is called {act.kind!r}; known are {sorted(MOVEMENTS)}")
    return movement(act, stage)
