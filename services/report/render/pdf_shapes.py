"""What is drawn by hand: status marks, timelines, the order strip."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.lib.colors import HexColor, white
from reportlab.pdfgen.canvas import Canvas as PdfCanvas
from reportlab.platypus import Flowable

from schemas.semiology import FindingStatus
from services.report.render.pdf_style import ACCENT, GAP, INK, MUTED, PAPER, REGULAR, RULE, SOFT, STRONG, drawable
from services.report.render.timeline import Canvas, Fill, Label, Rect
from services.report.render.view import Chip

_LINE = 0.7


class Mark(Flowable):  # type: ignore[misc]
    """The mark of a status: each differs in shape, so that it is told without colour."""

    def __init__(self, status: FindingStatus, size: float = 7.5) -> None:
        super().__init__()
        self.status = status
        self.width = self.height = size

    def draw(self) -> None:
        draw_mark(self.canv, self.status, 0.0, 0.0, self.width)


def draw_mark(canvas: PdfCanvas, status: FindingStatus, x: float, y: float, size: float) -> None:
    """Disc, half disc, ring, struck square, triangle: present, possible, not seen, not assessable, not tested."""
    half, radius = size / 2, size / 2 - 0.5
    canvas.saveState()
    canvas.setLineWidth(1.0)
    canvas.setStrokeColor(ACCENT if status in {FindingStatus.PRESENT, FindingStatus.POSSIBLE} else INK)
    canvas.setFillColor(ACCENT)
    match status:
        case FindingStatus.PRESENT:
            canvas.circle(x + half, y + half, radius, stroke=1, fill=1)
        case FindingStatus.POSSIBLE:
            canvas.wedge(x + 0.5, y + 0.5, x + size - 0.5, y + size - 0.5, 90, 180, stroke=0, fill=1)
            canvas.circle(x + half, y + half, radius, stroke=1, fill=0)
        case FindingStatus.NOT_SEEN:
            canvas.circle(x + half, y + half, radius, stroke=1, fill=0)
        case FindingStatus.NOT_ASSESSABLE:
            canvas.rect(x + 0.5, y + 0.5, size - 1, size - 1, stroke=1, fill=0)
            canvas.line(x + 0.5, y + 0.5, x + size - 0.5, y + size - 0.5)
        case FindingStatus.NOT_TESTED:
            path = canvas.beginPath()
            path.moveTo(x + 0.5, y + 0.5)
            path.lineTo(x + size - 0.5, y + 0.5)
            path.lineTo(x + half, y + size - 0.5)
            path.close()
            canvas.drawPath(path, stroke=1, fill=0)
    canvas.restoreState()


class Picture(Flowable):  # type: ignore[misc]
    """A timeline canvas as a flowable."""

    def __init__(self, shapes: Canvas) -> None:
        super().__init__()
        self.shapes = shapes
        self.width, self.height = shapes.width, shapes.height

    def draw(self) -> None:
        for rect in self.shapes.rects:
            self._rect(rect)
        for label in self.shapes.labels:
            self._label(label)

    def _rect(self, rect: Rect) -> None:
        paint_rect(self.canv, rect.fill, rect.x, self.height - rect.y - rect.height, rect.width, rect.height)

    def _label(self, label: Label) -> None:
        canvas, y = self.canv, self.height - label.y
        canvas.setFont(STRONG if label.strong else REGULAR, label.size)
        canvas.setFillColor(INK)
        write = {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}
        write[label.anchor](label.x, y, drawable(label.text))


def paint_rect(canvas: PdfCanvas, fill: Fill, x: float, y: float, width: float, height: float) -> None:
    """A rectangle in one of the fills; patterns are drawn as lines so that every printer keeps them."""
    canvas.saveState()
    canvas.setLineWidth(_LINE)
    match fill:
        case Fill.PRESENT:
            _plain(canvas, (x, y, width, height), ACCENT)
        case Fill.POSSIBLE:
            _striped(canvas, (x, y, width, height), white, ACCENT, crossed=False)
        case Fill.UNCERTAIN:
            canvas.setStrokeColor(ACCENT)
            canvas.setFillColor(white)
            canvas.rect(x, y, width, height, stroke=1, fill=1)
        case Fill.GAP:
            _striped(canvas, (x, y, width, height), white, GAP, crossed=True)
        case Fill.EPISODE:
            _plain(canvas, (x, y, width, height), SOFT)
            canvas.setStrokeColor(INK)
            canvas.rect(x, y, width, height, stroke=1, fill=0)
        case Fill.TRACK:
            _plain(canvas, (x, y, width, height), PAPER)
        case Fill.RULE:
            _plain(canvas, (x, y, width, height), RULE)
    canvas.restoreState()


def _plain(canvas: PdfCanvas, box: tuple[float, float, float, float], colour: HexColor) -> None:
    canvas.setFillColor(colour)
    canvas.rect(*box, stroke=0, fill=1)


def _striped(
    canvas: PdfCanvas, box: tuple[float, float, float, float], paper: HexColor, ink: HexColor, *, crossed: bool
) -> None:
    x, y, width, height = box
    canvas.saveState()
    path = canvas.beginPath()
    path.rect(x, y, width, height)
    canvas.clipPath(path, stroke=0, fill=0)
    _plain(canvas, box, paper)
    canvas.setStrokeColor(ink)
    canvas.setLineWidth(0.5 if crossed else 1.0)
    step = 3.0
    start = x - height
    while start < x + width:
        canvas.line(start, y, start + height, y + height)
        if crossed:
            canvas.line(start, y + height, start + height, y)
        start += step
    canvas.restoreState()
    if not crossed:
        canvas.setStrokeColor(ink)
        canvas.rect(x, y, width, height, stroke=1, fill=0)


class OrderStrip(Flowable):  # type: ignore[misc]
    """The onset order as chips in rows: an arrow where the next certainly begins later, a wave where it may not."""

    CHIP_HEIGHT, GAP_WIDTH, ROW_GAP, COLUMNS = 38.0, 18.0, 7.0, 4

    def __init__(self, chips: Sequence[Chip], width: float) -> None:
        super().__init__()
        self.chips = tuple(chips)
        self.width = width
        self.chip_width = width / self.COLUMNS - self.GAP_WIDTH
        rows = -(-len(self.chips) // self.COLUMNS)
        self.height = rows * (self.CHIP_HEIGHT + self.ROW_GAP)

    def draw(self) -> None:
        for index, chip in enumerate(self.chips):
            row, column = divmod(index, self.COLUMNS)
            x = column * (self.chip_width + self.GAP_WIDTH) + (self.GAP_WIDTH if row else 0)
            y = self.height - (row + 1) * (self.CHIP_HEIGHT + self.ROW_GAP) + self.ROW_GAP
            if index:
                self._link(x - self.GAP_WIDTH, y + self.CHIP_HEIGHT / 2, certain=chip.certain)
            self._chip(chip, x, y)

    def _chip(self, chip: Chip, x: float, y: float) -> None:
        canvas = self.canv
        canvas.saveState()
        canvas.setLineWidth(0.8)
        canvas.setStrokeColor(ACCENT)
        canvas.setFillColor(white)
        canvas.setDash((3, 2) if chip.possible else ())
        canvas.roundRect(x, y, self.chip_width, self.CHIP_HEIGHT, 3, stroke=1, fill=1)
        canvas.restoreState()
        left, room = x + 22, self.chip_width - 25
        canvas.setFillColor(ACCENT)
        canvas.setFont(STRONG, 9 if len(chip.place) <= 3 else 6.8)
        canvas.drawCentredString(x + 11, y + self.CHIP_HEIGHT / 2 - 3, chip.place)
        lines = [chip.title, chip.detail, chip.onset]
        for number, line in enumerate(line for line in lines if line):
            font, size = (REGULAR, 6.8) if number else (STRONG, 7.4)
            canvas.setFont(font, size)
            canvas.setFillColor(INK if number == 0 else MUTED)
            canvas.drawString(left, y + self.CHIP_HEIGHT - 11 - 9.5 * number, _fitted(canvas, line, font, size, room))

    def _link(self, x: float, y: float, *, certain: bool) -> None:
        canvas = self.canv
        canvas.saveState()
        canvas.setStrokeColor(INK)
        canvas.setFillColor(INK)
        canvas.setLineWidth(1.0)
        left, right = x + 3, x + self.GAP_WIDTH - 3
        if certain:
            canvas.line(left, y, right - 3, y)
            path = canvas.beginPath()
            path.moveTo(right, y)
            path.lineTo(right - 4.5, y + 2.6)
            path.lineTo(right - 4.5, y - 2.6)
            path.close()
            canvas.drawPath(path, stroke=0, fill=1)
        else:
            middle = (left + right) / 2
            canvas.bezier(left, y, left + 3, y + 5, middle - 1, y + 3, middle, y)
            canvas.bezier(middle, y, middle + 1, y - 3, right - 3, y - 5, right, y)
        canvas.restoreState()


def _fitted(canvas: PdfCanvas, text: str, font: str, size: float, room: float) -> str:
    """The text, cut with an ellipsis where it does not fit into `room` points."""
    text = drawable(text)
    if canvas.stringWidth(text, font, size) <= room:
        return text
    while text and canvas.stringWidth(f"{text}\N{HORIZONTAL ELLIPSIS}", font, size) > room:
        text = text[:-1]
    return f"{text.rstrip()}\N{HORIZONTAL ELLIPSIS}"
