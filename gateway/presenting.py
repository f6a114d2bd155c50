"""A report version as its FHIR Bundle, for the HTTP interface and for deliveries alike."""

from __future__ import annotations

from functools import cache
from typing import Any

from gateway.fhir.bundle import Presented, SiteProfile, transaction_bundle
from gateway.settings import FhirSettings
from schemas.recording import IntakeResult
from schemas.report import ReportFiles
from services.runtime.objects import ObjectStore

VIDEO_PATH = "/cases/{case_id}/recordings/{recording_id}/video"
"""Where `gateway.routes.video` plays a recording."""


@cache
def site_profile() -> SiteProfile:
    """The site's own FHIR choices, from the environment."""
    return SiteProfile(video_path=VIDEO_PATH, **FhirSettings.load().model_dump())


def bundle_of(store: ObjectStore, files: ReportFiles, intakes: tuple[IntakeResult, ...]) -> dict[str, Any]:
    """The Bundle of a report version; reads its renderings. Blocks.

    Raises `ObjectMissingError` when a rendering is gone, `InvalidRequestError` for a report that cannot be expressed.
    """
    presented = Presented(pdf=store.read_bytes(files.pdf), html=store.read_bytes(files.html))
    return transaction_bundle(files.report, files, intakes, presented, site_profile())
