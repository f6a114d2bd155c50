"""The segmentation step: the engine over the proxy, its masks stored, views made from them."""

from __future__ import annotations

import contextlib
import errno
import importlib
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from schemas.errors import InvalidRequestError, StorageFullError
from schemas.recording import ObjectRef
from schemas.segmentation import Segmentation, View
from services.media import masks as mask_file
from services.runtime.objects import ObjectStore
from services.segmentation.engines import PATIENT, Prompt, SegmentationEngine, SegmentInput, SegmentOutput
from services.segmentation.job import SegmentJob
from services.segmentation.views.make import ViewInput, make_views
from services.segmentation.views.pictures import Part

_SEGMENTED = 0.92
"""Share of the work that is done when the masks are."""


def segment(job: SegmentJob, report: Callable[[float, str, str], None]) -> Segmentation:
    """Tell the patient apart in one recording; masks and views are written under the job's prefix.

    A view that cannot be made is a loss of the result. Raises `InvalidRequestError` for an engine that is none,
    `ObjectMissingError` without the proxy, `StorageFullError` without space, and what the engine raises.
    """
    kinds = job.views or job.settings.views
    engine = loaded(job.settings.engine)
    store = ObjectStore(job.object_root, verify="size" if job.object_verify == "size" else "sha256")
    box = job.recording.patient_box
    with contextlib.ExitStack() as stack, _full_disk():
        proxy = stack.enter_context(store.local(job.intake.proxy))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="segment-", dir=job.scratch_dir or None)))
        request = SegmentInput(
            video=proxy,
            facts=job.intake.facts,
            mask_rate_hz=job.settings.masks_per_s,
            prompts=(Prompt(0.0, PATIENT, box),) if box is not None else (),
        )
        found = engine.segment(request, report)
        report(_SEGMENTED, "store", "storing the masks")

        def keep(path: Path, name: str, media_type: str) -> ObjectRef:
            return store.put_file(path, store.join(job.output_prefix, job.recording.id, name), media_type)

        path = folder / "masks.npz"
        found.masks.save(path)
        stored = keep(path, path.name, mask_file.MEDIA_TYPE)
        given = ViewInput(
            intake=job.intake,
            proxy=proxy,
            original=lambda: [Part(stack.enter_context(store.local(f.object)), f.start_s) for f in job.recording.files],
            sound=lambda: stack.enter_context(store.local(_audio(job))),
            found=found,
            settings=job.settings,
            folder=folder,
            keep=keep,
            tell=lambda share, words: report(_SEGMENTED + (1 - _SEGMENTED) * share, "views", words),
        )
        views, losses = make_views(kinds, given)
    return _result(engine, found, stored, views, losses)


@cache
def loaded(name: str) -> SegmentationEngine:
    """The engine named ``module:Class``, ready; once per process. Raises `InvalidRequestError` when it is none."""
    engine = engine_named(name)
    engine.load()
    return engine


def engine_named(name: str) -> SegmentationEngine:
    """The engine, not yet loaded."""
    module, _, attribute = name.partition(":")
    try:
        engine = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidRequestError(f"There is no segmentation engine {name!r} (module:Class): {error}.") from None
    if not isinstance(engine, SegmentationEngine):
        raise InvalidRequestError(f"{name!r} is no segmentation engine: it lacks info, load or segment.")
    return engine


def _result(
    engine: SegmentationEngine,
    found: SegmentOutput,
    masks: ObjectRef,
    views: tuple[View, ...],
    losses: tuple[str, ...],
) -> Segmentation:
    times = found.masks.time_s
    span_s = float(times[-1] - times[0]) if len(times) > 1 else 0.0
    return Segmentation(
        engine=engine.info(),
        masks=masks,
        mask_rate_hz=(len(times) - 1) / span_s if span_s else 0.0,
        patient_region=found.patient_region,
        patient_missing=found.patient_missing,
        others_present=found.others_present,
        staff_contacts=found.staff_contacts,
        identity_switches_s=found.identity_switches_s,
        mask_quality=found.quality,
        views=views,
        losses=(*found.losses, *losses),
    )


def _audio(job: SegmentJob) -> ObjectRef:
    assert job.intake.audio is not None  # nobody asks for the sound of a silent recording
    return job.intake.audio


@contextlib.contextmanager
def _full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError from None
        raise
