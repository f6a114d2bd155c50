"""What stands on every page: patient, report id, version, page n of m, and UNSIGNED as long as nobody signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reportlab.pdfgen.canvas import Canvas

from services.report.render.pdf_style import INK, MUTED, REGULAR, RULE, STRONG, WARN, WATERMARK, drawable
from services.report.render.view import ReportView, patient_name

MARGIN = 48.0
TOP = 54.0
BOTTOM = 50.0


def canvas_class(view: ReportView, width: float) -> Callable[..., Canvas]:
    """A canvas that knows the number of pages before it writes their footers."""

    class Numbered(Canvas):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._finished: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 (reportlab's name)
            self._finished.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, state in enumerate(self._finished, start=1):
                self.__dict__.update(state)
                _footer(self, view, width, number, len(self._finished))
                super().showPage()
            super().save()

    return Numbered


def under_page(canvas: Canvas, view: ReportView, size: tuple[float, float]) -> None:
    """Watermark and header, painted before the content."""
    width, height = size
    if not view.signed:
        canvas.saveState()
        canvas.translate(width / 2, height / 2)
        canvas.rotate(52)
        canvas.setFont(STRONG, 118)
        canvas.setFillColor(WATERMARK)
        canvas.drawCentredString(0, -40, "UNSIGNED")
        canvas.restoreState()
    report = view.report
    canvas.setFont(STRONG, 8)
    canvas.setFillColor(INK)
    canvas.drawString(
        MARGIN, height - 34, drawable(f"{patient_name(report)}  \N{MIDDLE DOT}  {report.subject.identifier}")
    )
    canvas.setFont(REGULAR, 8)
    canvas.setFillColor(MUTED)
    canvas.drawRightString(
        width - MARGIN, height - 34, "ictogram \N{MIDDLE DOT} seizure video semiology \N{MIDDLE DOT} research use"
    )
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.6)
    canvas.line(MARGIN, height - 40, width - MARGIN, height - 40)


def _footer(canvas: Canvas, view: ReportView, width: float, number: int, count: int) -> None:
    report = view.report
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.6)
    canvas.line(MARGIN, 38, width - MARGIN, 38)
    canvas.setFont(REGULAR, 7.5)
    canvas.setFillColor(MUTED)
    canvas.drawString(MARGIN, 27, f"report {report.id} / version {report.version} / page {number} of {count}")
    if not view.signed:
        canvas.setFont(STRONG, 7.5)
        canvas.setFillColor(WARN)
        canvas.drawRightString(width - MARGIN, 27, "UNSIGNED \N{EM DASH} not read by a clinician")
