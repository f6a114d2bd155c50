"""The report step: one job function that writes one version of a report as JSON, HTML and PDF."""

from __future__ import annotations

from collections.abc import Callable

from schemas.errors import InvalidRequestError
from schemas.report import ReportFiles
from services.report.assemble import assemble, shown_episodes
from services.report.job import ComposeJob
from services.report.stills import cut, keep
from services.runtime.convert import to_json
from services.runtime.objects import ObjectStore
from services.runtime.settings import RuntimeSettings


def compose(job: ComposeJob, report: Callable[[float, str, str], None]) -> ReportFiles:
    """Write the report under the job's prefix: ``report.json``, ``report.html``, ``report.pdf``, ``evidence/*.jpg``.

    The same job writes the same bytes. Raises `InvalidRequestError` for a version below 1 or a job without recordings,
    and what the object store and the decoder raise.
    """
    from services.report.render.html import render_html
    from services.report.render.pdf import render_pdf

    _check(job)
    store = ObjectStore.from_settings(RuntimeSettings.load(object_store=job.object_root))
    episodes, _ = shown_episodes(job)
    report(0.05, "stills", "cutting evidence stills")
    stills = cut(job, episodes, store)
    evidence = keep(stills, store, job.output_prefix)
    report(0.5, "model", "assembling the report")
    model = assemble(job, evidence)
    pictures = {still.occurrence_id: still.jpeg for still in stills}
    report(0.6, "html", "writing HTML")
    html = render_html(model, pictures)
    report(0.7, "pdf", "writing PDF")
    pdf = render_pdf(model, pictures, job.page_size)
    report(0.9, "store", "storing the report")
    place = job.output_prefix
    return ReportFiles(
        report=model,
        json=store.put_bytes(to_json(model), store.join(place, "report.json"), "application/json"),
        html=store.put_bytes(html, store.join(place, "report.html"), "text/html"),
        pdf=store.put_bytes(pdf, store.join(place, "report.pdf"), "application/pdf"),
    )


def warm() -> None:
    """Load fonts and template, so that the first report of a process does not wait for them."""
    from services.report.render.html import page_template
    from services.report.render.pdf_style import register_fonts

    register_fonts()
    page_template()


def _check(job: ComposeJob) -> None:
    if job.version < 1:
        raise InvalidRequestError(f"The report's version is {job.version}; versions count from 1.")
    if not job.recordings:
        raise InvalidRequestError("A report needs at least one recording; none was given.")
