"""Settings of the cases service, its dispatcher and its workers."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class Destination(BaseModel):
    """Where report versions are delivered to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    kind: str = Field(min_length=1)
    release: Literal["signed_only", "preliminary"] = "signed_only"
    owner: str = ""
    """Role or person who answers for unsigned reports going there."""
    sites: tuple[str, ...] = ()
    """Sites it serves; empty means every site."""

    @model_validator(mode="after")
    def _unsigned_needs_an_owner(self) -> Self:
        if self.release == "preliminary" and not self.owner:
            raise ValueError(f"destination {self.id} takes unsigned reports, so it must name an owner")
        return self

    def serves(self, site_id: str) -> bool:
        """Whether reports of the site go there."""
        return not self.sites or site_id in self.sites


class CasesSettings(Settings):
    """Knobs of the cases service."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_CASES_")

    database: str = Field(
        "postgresql://ictogram@127.0.0.1:5432/ictogram", description="Connection string of Postgres (15 or newer)."
    )
    database_connections: int = Field(10, ge=2, description="Most connections that one process keeps open.")
    database_timeout_s: float = Field(
        10.0, gt=0, description="Seconds until a statement or connection attempt is given up."
    )
    broker: str = Field("redis://127.0.0.1:6379/0", description="Address of the broker: redis:// or amqp://.")
    broker_timeout_s: float = Field(2.0, gt=0, description="Seconds until publishing a message is given up.")
    broker_silence_s: int = Field(
        5, ge=2, description="Seconds of silence after which a worker makes its connection to the broker anew."
    )
    lease_s: float = Field(
        45.0,
        gt=0,
        description="Seconds a step or delivery is held without a sign of life; more than the longest silence.",
    )
    sweep_s: float = Field(5.0, gt=0, description="Seconds between looks for due and abandoned work.")
    ring_again_s: float = Field(20.0, gt=0, description="Seconds after which a ring that nobody answered is repeated.")
    max_attempts: int = Field(3, ge=1, description="Times a step is tried before its case fails.")
    max_refusals: int = Field(
        30, ge=1, description="Times in a row a step may be turned away by another engine version."
    )
    delivery_max_attempts: int = Field(20, ge=1, description="Times a delivery is tried before it is parked.")
    backoff_s: float = Field(2.0, gt=0, description="Seconds before the second attempt; doubled for each further one.")
    backoff_max_s: float = Field(60.0, gt=0, description="Longest pause between two attempts, seconds.")
    busy_pause_s: float = Field(1.0, gt=0, description="Mean pause before a step asks a full service again, seconds.")
    deadline_base_s: float = Field(120.0, gt=0, description="Time allowed for any step, seconds.")
    deadline_per_video_s: float = Field(5.0, gt=0, description="Further seconds allowed per second of video.")
    least_bytes_per_video_s: float = Field(
        20000.0, gt=0, description="Bytes per second from which the length of a video that nobody measured is guessed."
    )
    info_s: float = Field(10.0, gt=0, description="Seconds for which what a service says of itself is believed.")
    worker_threads: int = Field(
        16, ge=2, description="Calls one worker waits for at once; at least the slots it serves."
    )
    heartbeat_s: float = Field(20.0, gt=0, description="Seconds between a worker's messages to itself.")
    heartbeat_lost_s: float = Field(
        60.0, gt=0, description="Seconds without one after which a worker exits to be restarted."
    )
    watch_s: float = Field(
        15.0, gt=0, description="Seconds after which a watched case is looked at again without a notice."
    )
    garbage_s: float = Field(
        21600.0, gt=0, description="Seconds between looks for objects that nothing refers to any more."
    )
    garbage_grace_s: float = Field(
        604800.0, ge=0, description="Seconds between the decision that an object is to go and its deletion."
    )
    retain_source_days: float = Field(
        0.0, ge=0, description="Days after its last use after which a video as it was sent is deleted; 0 keeps it."
    )
    retain_derived_days: float = Field(
        0.0, ge=0, description="The same for what steps made of it: proxies, masks, tracks, stills."
    )
    retain_report_days: float = Field(0.0, ge=0, description="The same for rendered reports.")
    destinations: tuple[Destination, ...] = Field(
        (), description="Where report versions are delivered to, as a JSON list of {id, kind, release, owner, sites}."
    )
