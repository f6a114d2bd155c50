"""Settings of the gateway, read from the environment as ``ICTOGRAM_GATEWAY_…``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings

Role = Literal["reader", "submitter", "admin"]
"""What a token may do: look at cases, send them in, or everything."""

GIB = 1024**3
MIB = 1024**2


class GatewaySettings(Settings):
    """One field per knob of the HTTP gateway."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_GATEWAY_")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=1, le=65535, description="Port to listen on.")
    public_url: str = Field(
        "", description="Address under which users reach the gateway; https makes cookies Secure. Empty: as asked."
    )
    root_path: str = Field("", description="Path prefix that a reverse proxy strips, such as /ictogram.")
    call_timeout_s: float = Field(10.0, gt=0, description="Deadline of one short call to cases, seconds.")
    watch_timeout_s: float = Field(
        3600.0, gt=0, description="Longest life of one progress stream, seconds; clients reconnect by themselves."
    )
    heartbeat_s: float = Field(10.0, gt=0, description="Idle progress streams say something each so many seconds.")
    stop_grace_s: float = Field(5.0, gt=0, description="Seconds that running requests get at shutdown.")

    upload_dir: Path = Field(
        Path("/var/lib/ictogram/uploads"), description="Folder for uploads under way; replicas must share it."
    )
    upload_max_bytes: int = Field(8 * GIB, gt=0, description="Largest upload, bytes.")
    upload_expiry_days: int = Field(
        2, ge=1, description="Uploads that became no case are deleted so many days after their last byte."
    )
    upload_idle_s: float = Field(
        60.0, gt=0, description="A request whose body stalls for so many seconds is cut; an upload keeps what came."
    )
    upload_sweep_s: float = Field(600.0, gt=0, description="Seconds between looks for abandoned uploads.")
    multipart_max_bytes: int = Field(
        256 * MIB, gt=0, description="Largest multipart request, bytes; larger files use resumable upload."
    )

    oidc_issuer: str = Field("", description="Issuer of accepted OIDC tokens; empty accepts none.")
    oidc_audience: str = Field("ictogram", description="Audience that a token must name.")
    oidc_jwks_url: str = Field("", description="Where the issuer publishes its keys; empty: found by discovery.")
    oidc_algorithms: tuple[str, ...] = Field(
        ("RS256", "ES256"), description="Accepted signature algorithms (asymmetric ones only), as a JSON list."
    )
    oidc_role_claim: str = Field("roles", description="Claim with the roles; dots go into nested objects.")
    oidc_site_claim: str = Field("site", description="Claim with the site; dots go into nested objects.")
    oidc_leeway_s: float = Field(10.0, ge=0, le=120, description="Clock difference tolerated in tokens, seconds.")
    oidc_keys_cache_s: float = Field(300.0, gt=0, description="Seconds for which the issuer's keys are kept.")
    role_names: dict[str, Role] = Field(
        default_factory=dict, description="Role names of the issuer that stand for ours, as a JSON object."
    )

    local_token_file: Path | None = Field(
        None, description="File with the local access token (made, for its owner only, when missing); empty: none."
    )
    local_site: str = Field("local", description="Site that the local token stands for.")
    session_s: float = Field(12 * 3600.0, gt=0, description="Life of a browser session, seconds.")


class FhirSettings(Settings):
    """How this installation names itself in FHIR."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_FHIR_")

    canonical: str = Field(
        "https://ictogram.example.org/fhir",
        description="Base of full URLs, identifier namespaces and ids; two installations never share one.",
    )
    application: str = Field(
        "https://ictogram.example.org",
        description="Address at which people open this installation; links start with it.",
    )
    organization_reference: str = Field(
        "", description="Reference such as Organization/emu that the receiver holds; empty: named without one."
    )
    organization_display: str = Field("ictogram (research use)", description="Name of the performing unit.")
    patient_system: str = Field("", description="Namespace of patient identifiers that come without one.")
    order_system: str = Field("", description="Namespace of order numbers that come without one.")
    encounter_system: str = Field("", description="Namespace of encounter identifiers.")
    patient_name: bool = Field(default=True, description="Whether names stand beside identifiers in references.")
    time_zone: str = Field("UTC", description="IANA zone in which instants are written.")
