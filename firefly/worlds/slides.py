"""Slide decks in the Office Open XML format: titles, bullet points and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from firefly.worlds.office import OFFICE, TYPES, Properties, relationships, write_package

__all__ = ["Slide", "write_deck"]

_DRAW = "http://schemas.openxmlformats.org/drawingml/2006/main"
_DECK = "http://schemas.openxmlformats.org/presentationml/2006/main"
_NAMES = f'xmlns:a="{_DRAW}" xmlns:r="{OFFICE}/relationships" xmlns:p="{_DECK}"'
_EMPTY_GROUP = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'


@dataclass(frozen=True)
class Slide:
    """A title, bullet points, and perhaps a table (header first)."""

    title: str
    points: Sequence[str]
    table: Sequence[Sequence[str]] = ()


def write_deck(path: Path, slides: Sequence[Slide], about: Properties) -> None:
    """Write a ``.pptx`` file of one master, one layout and ``slides``."""
    numbers = range(1, len(slides) + 1)
    listed = "".join(f'<p:sldId id="{255 + number}" r:id="rId{number}"/>' for number in numbers)
    parts = {
        "ppt/presentation.xml": f"<p:presentation {_NAMES}>"
        '<p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="rIdMaster"/></p:sldMasterIdLst>'
        f'<p:sldIdLst>{listed}</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/>'
        '<p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": relationships(
            {"rIdMaster": ("slideMaster", "slideMasters/slideMaster1.xml"), "rIdTheme": _THEME_LINK}
            | {f"rId{number}": ("slide", f"slides/slide{number}.xml") for number in numbers}
        ),
        "ppt/slideMasters/slideMaster1.xml": f"<p:sldMaster {_NAMES}><p:cSld><p:spTree>{_EMPTY_GROUP}"
        f"{_placeholder(2, 'Title', 'title', ())}{_placeholder(3, 'Text', 'body', ())}</p:spTree></p:cSld>"
        '<p:clrMap bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" accent1="accent1" accent2="accent2" '
        'accent3="accent3" accent4="accent4" accent5="accent5" accent6="accent6" hlink="hlink" '
        'folHlink="folHlink"/><p:sldLayoutIdLst><p:sldLayoutId id="2147483649" r:id="rId1"/>'
        "</p:sldLayoutIdLst></p:sldMaster>",
        "ppt/slideMasters/_rels/slideMaster1.xml.rels": relationships(
            {
                "rId1": ("slideLayout", "../slideLayouts/slideLayout1.xml"),
                "rId2": ("theme", "../theme/theme1.xml"),
            }
        ),
        "ppt/slideLayouts/slideLayout1.xml": f'<p:sldLayout {_NAMES} type="obj"><p:cSld '
        f'name="Title and Content"><p:spTree>{_EMPTY_GROUP}{_placeholder(2, "Title", "title", ())}'
        f"{_placeholder(3, 'Content', '', ())}</p:spTree></p:cSld></p:sldLayout>",
        "ppt/slideLayouts/_rels/slideLayout1.xml.rels": relationships(
            {"rId1": ("slideMaster", "../slideMasters/slideMaster1.xml")}
        ),
        "ppt/theme/theme1.xml": _theme(),
    }
    for number, slide in zip(numbers, slides, strict=True):
        parts[f"ppt/slides/slide{number}.xml"] = _slide(slide)
        parts[f"ppt/slides/_rels/slide{number}.xml.rels"] = relationships(
            {"rId1": ("slideLayout", "../slideLayouts/slideLayout1.xml")}
        )
    kinds = {
        f"/{name}": f"{TYPES}.presentationml.{kind}+xml"
        for name in parts
        for folder, kind in (
            ("ppt/slides/slide", "slide"),
            ("ppt/slideLayouts/slide", "slideLayout"),
            ("ppt/slideMasters/slide", "slideMaster"),
        )
        if name.startswith(folder)
    }
    kinds["/ppt/theme/theme1.xml"] = f"{TYPES}.theme+xml"
    write_package(
        path, "ppt/presentation.xml", f"{TYPES}.presentationml.presentation.main+xml", parts, about, kinds
    )


_THEME_LINK = ("theme", "theme/theme1.xml")


def _slide(slide: Slide) -> str:
    shapes = _placeholder(2, "Title 1", "title", (slide.title,)) + _placeholder(
        3, "Content 2", "", slide.points
    )
    table = _table(slide.table) if slide.table else ""
    return f"<p:sld {_NAMES}><p:cSld><p:spTree>{_EMPTY_GROUP}{shapes}{table}</p:spTree></p:cSld></p:sld>"


def _placeholder(number: int, name: str, kind: str, texts: Sequence[str]) -> str:
    place = f'type="{kind}"' if kind else 'idx="1"'
    if kind == "body":
        place += ' idx="1"'
    top, height = (274638, 1143000) if kind == "title" else (1600200, 4525963)
    lines = "".join(f"<a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p>" for text in texts) or "<a:p/>"
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{name}"/><p:cNvSpPr/><p:nvPr><p:ph {place}/></p:nvPr>'
        f'</p:nvSpPr><p:spPr><a:xfrm><a:off x="457200" y="{top}"/>'
        f'<a:ext cx="8229600" cy="{height}"/></a:xfrm>'
        f"</p:spPr><p:txBody><a:bodyPr/><a:lstStyle/>{lines}</p:txBody></p:sp>"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    grid = f'<a:gridCol w="{8229600 // len(rows[0])}"/>' * len(rows[0])
    cell = "<a:tc><a:txBody><a:bodyPr/><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:txBody><a:tcPr/></a:tc>"
    body = "".join(
        '<a:tr h="370840">' + "".join(cell.format(escape(text)) for text in row) + "</a:tr>" for row in rows
    )
    return (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="4" name="Table 3"/><p:cNvGraphicFramePr/><p:nvPr/>'
        '</p:nvGraphicFramePr><p:xfrm><a:off x="457200" y="3600000"/>'
        '<a:ext cx="8229600" cy="1854200"/></p:xfrm>'
        f'<a:graphic><a:graphicData uri="{_DRAW.replace("/main", "/table")}"><a:tbl><a:tblPr firstRow="1"/>'
        f"<a:tblGrid>{grid}</a:tblGrid>{body}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )


def _theme() -> str:
    colours = {
        "dk1": "000000", "lt1": "FFFFFF", "dk2": "1F3550", "lt2": "EEECE1", "accent1": "3B6EA5",
        "accent2": "B5523B", "accent3": "7F9C3F", "accent4": "6F5A8E", "accent5": "3F96A8",
        "accent6": "D98A3D", "hlink": "0563C1", "folHlink": "954F72",
    }  # fmt: skip
    listed = "".join(f'<a:{name}><a:srgbClr val="{value}"/></a:{name}>' for name, value in colours.items())
    face = '<a:latin typeface="Calibri"/><a:ea typeface=""/><a:cs typeface=""/>'
    fill = '<a:solidFill><a:schemeClr val="phClr"/></a:solidFill>'
    line = f'<a:ln w="9525">{fill}</a:ln>'
    effect = "<a:effectStyle><a:effectLst/></a:effectStyle>"
    return (
        f'<a:theme xmlns:a="{_DRAW}" name="Plain"><a:themeElements><a:clrScheme name="Plain">{listed}'
        f'</a:clrScheme><a:fontScheme name="Plain"><a:majorFont>{face}</a:majorFont><a:minorFont>{face}'
        f'</a:minorFont></a:fontScheme><a:fmtScheme name="Plain"><a:fillStyleLst>{fill * 3}</a:fillStyleLst>'
        f"<a:lnStyleLst>{line * 3}</a:lnStyleLst><a:effectStyleLst>{effect * 3}</a:effectStyleLst>"
        f"<a:bgFillStyleLst>{fill * 3}</a:bgFillStyleLst></a:fmtScheme></a:themeElements></a:theme>"
    )
