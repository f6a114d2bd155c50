"""What a site decides about its FHIR output."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.errors import InvalidRequestError
from schemas.recording import AnchorSource

EXAMPLE_BASE = "https://ictogram.example.org/fhir"
"""Placeholder base of an installation that has not set its own."""


@dataclass(frozen=True, slots=True)
class SiteProfile:
    """Settings of one site; the defaults fit the embedded stack."""

    canonical: str = EXAMPLE_BASE
    """Base of this installation's full URLs, identifier namespaces and ids; two installations never share one."""
    application: str = "https://ictogram.example.org"
    """Base address at which people open this installation; links to videos start with it."""
    video_path: str = "/cases/{case_id}/recordings/{recording_id}/video"
    """Path of a recording's video below `application`."""
    organization_reference: str = ""
    """Literal reference such as ``Organization/emu`` to a resource that the receiver holds already; empty: the site is
    named by a logical reference (identifier and display)."""
    organization_display: str = "ictogram (research use)"
    """Name of the performing unit."""
    patient_system: str = ""
    """Namespace of patient identifiers that come without one; empty: a namespace of this installation."""
    order_system: str = ""
    """The same for order numbers."""
    encounter_system: str = ""
    """Namespace of encounter identifiers."""
    patient_name: bool = True
    """Whether the name is shown beside the patient's identifier in references."""
    time_zone: str = "UTC"
    """IANA zone in which instants are written."""
    trusted_clocks: tuple[AnchorSource, ...] = (
        AnchorSource.EEG,
        AnchorSource.SERVER,
        AnchorSource.USER,
        AnchorSource.CONTAINER,
    )
    """Clock sources good enough for wall-clock times, best first."""
    max_clock_uncertainty_ms: float = 120_000.0
    """Anchors less certain than this give no wall-clock times."""
    language: str = "en"
    """Language of the renderings."""

    @property
    def zone(self) -> tzinfo:
        """The time zone. Raises `InvalidRequestError` when this machine does not know it."""
        if self.time_zone == "UTC":
            return UTC
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise InvalidRequestError(
                f"time zone {self.time_zone!r} is not known here; it must be an IANA name, such as Europe/Berlin"
            ) from error

    def naming(self, name: str) -> str:
        """Namespace of one kind of identifier of this installation."""
        return f"{self.canonical}/NamingSystem/{name}"
