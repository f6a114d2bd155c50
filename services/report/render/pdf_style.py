"""Type, colours and text of the PDF.

Source Sans Pro (SIL Open Font License 1.1, see ``fonts/OFL.txt``) is embedded, so that every viewer shows the same.
Colours are dark enough to read in grey and are never the only sign of a difference.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from services.report.wording import unbroken

REGULAR = "SourceSansPro"
STRONG = "SourceSansPro-Semibold"
_FILES = {REGULAR: "SourceSansPro-Regular.ttf", STRONG: "SourceSansPro-Semibold.ttf"}

INK = HexColor(0x17202A)
MUTED = HexColor(0x52606D)
RULE = HexColor(0xCBD2D9)
PAPER = HexColor(0xF5F7FA)
ACCENT = HexColor(0x0B4F8A)
SOFT = HexColor(0xC5D5E8)
GAP = HexColor(0x7B8794)
WARN = HexColor(0x9B1C1C)
WARN_PAPER = HexColor(0xFBEDED)
NOTE = HexColor(0x8A5A00)
NOTE_PAPER = HexColor(0xFFF6E0)
WATERMARK = HexColor(0xEBEEF1)


@cache
def register_fonts() -> frozenset[int]:
    """Register the fonts once per process; returns the characters that can be drawn."""
    drawable: set[int] | None = None
    for name, file in _FILES.items():
        with resources.as_file(resources.files("services.report") / "fonts" / file) as path:
            font = TTFont(name, str(path))
        pdfmetrics.registerFont(font)
        covered = set(font.face.charToGlyph)
        drawable = covered if drawable is None else drawable & covered
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=STRONG, italic=REGULAR, boldItalic=STRONG)
    return frozenset(drawable or ())


def drawable(text: str) -> str:
    """Text with every character that the font lacks replaced by `?`, so that a gap is visible and never silent."""
    known = register_fonts()
    return "".join(letter if ord(letter) in known or letter.isspace() else "?" for letter in text)


def markup(text: str) -> str:
    """Plain text as it may stand inside a paragraph."""
    return escape(drawable(unbroken(text)))


def style(
    size: float = 9.2,
    *,
    strong: bool = False,
    colour: HexColor = INK,
    before: float = 0.0,
    after: float = 2.0,
    leading: float | None = None,
    indent: float = 0.0,
    bullet: float = 0.0,
    right: bool = False,
) -> ParagraphStyle:
    """A paragraph style; sizes in points."""
    return ParagraphStyle(
        name="ictogram",
        fontName=STRONG if strong else REGULAR,
        fontSize=size,
        leading=leading or size * 1.28,
        textColor=colour,
        spaceBefore=before,
        spaceAfter=after,
        leftIndent=indent,
        bulletIndent=bullet,
        alignment=TA_RIGHT if right else TA_LEFT,
        splitLongWords=1,
        allowWidows=0,
        allowOrphans=0,
    )


TITLE = style(19, strong=True, after=1)
HEADING = style(12.2, strong=True, colour=ACCENT, before=10, after=4)
SUBHEADING = style(10, strong=True, before=6, after=3)
BODY = style()
SMALL = style(8, after=1)
QUIET = style(8, colour=MUTED, after=1)
CELL = style(8.4, after=0)
CELL_STRONG = style(8.4, strong=True, after=0)
CELL_QUIET = style(7.8, colour=MUTED, after=0)
LABEL = style(7, colour=MUTED, after=0)
VALUE = style(10, strong=True, after=0)
ITEM = style(indent=11, bullet=2, after=1.8)
ITEM_SMALL = style(8, indent=11, bullet=2, after=1.4)
LEAD = style(strong=True, before=3, after=1.8)
EVIDENT = style(10.5, strong=True, before=5, after=2)
