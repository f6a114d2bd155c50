"""The transaction Bundle of one version of a report."""

from __future__ import annotations

import hashlib

from gateway.fhir import gate, ids
from gateway.fhir.coding import Json
from gateway.fhir.context import Context
from gateway.fhir.device import device, engines
from gateway.fhir.document import document
from gateway.fhir.episode import coverage, localization_aid, results
from gateway.fhir.provenance import made, signed
from gateway.fhir.report import Presented, diagnostic_report
from gateway.fhir.site import SiteProfile
from schemas.catalogue import load_catalogue
from schemas.errors import InvalidRequestError, ObjectMissingError
from schemas.recording import IntakeResult
from schemas.report import Report, ReportFiles, ReportStatus

_SIGNED = {ReportStatus.FINAL, ReportStatus.AMENDED, ReportStatus.CORRECTED, ReportStatus.APPENDED}

__all__ = ["Presented", "SiteProfile", "transaction_bundle"]


def transaction_bundle(
    report: Report,
    files: ReportFiles,
    intakes: tuple[IntakeResult, ...],
    presented: Presented,
    site: SiteProfile,
) -> Json:
    """A version of a report as an R4 transaction Bundle; the same arguments give the same Bundle.

    ``intakes`` stand in the order of the report's recordings and ``presented`` holds the bytes of ``files``. Raises
    `InvalidRequestError` for a report that contradicts itself, `ObjectMissingError` when the renderings are not those
    that the report step left, `gate.InvalidResourceError` for a Bundle that R4 or our rules forbid.
    """
    _check_parts(report, files, intakes, presented)
    _check_report(report)
    context = Context(report, site)
    first = [coverage(context, one) for one in report.recordings]
    members: list[Json] = []
    for episode in report.episodes:
        occurrences, told = results(context, episode)
        members += occurrences
        first += told
    aid = localization_aid(context)
    if aid is not None:
        first.append(aid)
    whole = diagnostic_report(context, first, presented)
    stated = [whole, *members, *first]
    resources = [
        *(device(context, engine) for engine in engines(report)),
        *(document(context, one) for one in report.recordings),
        *members,
        *first,
        whole,
        made(context, [one for one in stated if "meta" in one]),
        *([signed(context, stated)] if report.sign_off is not None else []),
    ]
    bundle = {
        "resourceType": "Bundle",
        "id": ids.bundle(site, report),
        "type": "transaction",
        "timestamp": context.made_at,
        "entry": [_entry(site, resource) for resource in resources],
    }
    held = {site.organization_reference} - {""}
    gate.check(bundle, held_by_receiver=frozenset(held))
    return bundle


def _entry(site: SiteProfile, resource: Json) -> Json:
    address = f"{resource['resourceType']}/{resource['id']}"
    return {
        "fullUrl": f"{site.canonical}/{address}",
        "request": {"method": "PUT", "url": address},
        "resource": resource,
    }


def _check_parts(report: Report, files: ReportFiles, intakes: tuple[IntakeResult, ...], presented: Presented) -> None:
    if len(intakes) != len(report.recordings):
        raise InvalidRequestError(
            f"{len(intakes)} intake results came with {len(report.recordings)} recordings; there must be one for each"
        )
    for reported, intake in zip(report.recordings, intakes, strict=True):
        if reported.facts.start_us != intake.facts.start_us or reported.facts.duration_s != intake.facts.duration_s:
            raise InvalidRequestError(
                f"recording {reported.recording.id!r} and its intake result measure different files"
            )
    if (files.report.id, files.report.version) != (report.id, report.version):
        raise InvalidRequestError(f"the files are of version {files.report.version}, the report is {report.version}")
    for name, data, stored in (("PDF", presented.pdf, files.pdf), ("HTML", presented.html, files.html)):
        if data and hashlib.sha256(data).hexdigest() != stored.sha256:
            raise ObjectMissingError(f"the report's {name} does not match its checksum")


def _check_report(report: Report) -> None:
    if not report.engines or not report.recordings:
        raise InvalidRequestError("a report names at least one recording and one engine")
    known = load_catalogue().by_id
    for episode in report.episodes:
        for finding in episode.findings:
            if finding.sign not in known:
                raise InvalidRequestError(f"sign {finding.sign!r} is not in catalogue {load_catalogue().version}")
    if report.status in _SIGNED and report.sign_off is None:
        raise InvalidRequestError(f"a report that is {report.status.value} needs a signature; this one has none")
    if report.status is ReportStatus.PRELIMINARY and report.sign_off is not None:
        raise InvalidRequestError("a preliminary report cannot be signed; this one is")
