"""What a destination is to the worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from schemas.recording import IntakeResult
from schemas.report import ReportFiles


@dataclass(frozen=True, slots=True)
class DeliveryJob:
    """One report version for one destination."""

    delivery_id: str
    """Identifies the delivery; the same over all attempts."""
    site_id: str
    """Site of the report."""
    files: ReportFiles
    """The report version and its renderings."""
    intakes: tuple[IntakeResult, ...]
    """Intake results in the order of the report's recordings."""
    bundle: Callable[[], bytes]
    """Makes the FHIR Bundle, UTF-8 JSON; made at most once."""
    check_lease: Callable[[], None]
    """Raises `LeaseLostError` when somebody else holds the delivery now: then nothing more may be sent."""


class Destination(Protocol):
    """A place that report versions go to. Both methods block and may be called again for the same job.

    Raises errors of our tree; ``retryable`` decides whether the delivery is tried again.
    """

    def send(self, job: DeliveryJob) -> str:
        """Puts the version there and gives the receipt. A version that is there already is not put there twice."""

    def read_back(self, job: DeliveryJob) -> str | None:
        """The receipt of the version if it is there, as the place itself tells; none when it is not."""
