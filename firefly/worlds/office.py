"""Workbooks and documents in the Office Open XML formats, byte for byte a function of their content.

Written by hand because the usual libraries stamp clock times and their own version into the files.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

Value = str | int | float
"""A cell; a text that begins with ``=`` is a formula."""

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
TYPES = "application/vnd.openxmlformats-officedocument"
_PACKAGE_TYPES = "application/vnd.openxmlformats-package"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


@dataclass(frozen=True)
class Properties:
    """What a file says about itself. ``created`` is an ISO date."""

    title: str
    author: str
    subject: str
    created: str
    keywords: str = ""
    revision: int = 1


@dataclass(frozen=True)
class Comment:
    """A remark in the margin of a document. ``day`` is an ISO date."""

    author: str
    day: str
    text: str


def column_letter(index: int) -> str:
    """Return the letter of a column.

    >>> column_letter(0), column_letter(26)
    ('A', 'AA')
    """
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def write_workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[Value]]], about: Properties) -> None:
    """Write an ``.xlsx`` file of named sheets, each a list of rows."""
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>'
        for number, name in zip(numbers, sheets, strict=True)
    )
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{OFFICE}/relationships">'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relationships(
            {f"rId{number}": ("worksheet", f"worksheets/sheet{number}.xml") for number in numbers}
            | {"rIdStyles": ("styles", "styles.xml")}
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{_SHEET}">'
        '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill><fill>'
        '<patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders>'
        '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="1"><xf/></cellXfs></styleSheet>',
    }
    for number, rows in zip(numbers, sheets.values(), strict=True):
        parts[f"xl/worksheets/sheet{number}.xml"] = _worksheet(rows)
    write_package(path, "xl/workbook.xml", f"{TYPES}.spreadsheetml.sheet.main+xml", parts, about)


def write_document(
    path: Path,
    paragraphs: Sequence[tuple[str, str]],
    table: Sequence[Sequence[str]],
    about: Properties,
    comments: Mapping[int, Comment],
) -> None:
    """Write a ``.docx`` file: (style, text) paragraphs, then one table. Styles: Title, Heading1, Normal.

    ``comments`` maps the index of a paragraph to the comment on it.
    """
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{_commented(index, text, comments)}</w:p>'
        for index, (style, text) in enumerate(paragraphs)
    )
    rows = "".join(
        "<w:tr>" + "".join(f"<w:tc><w:p>{_run(cell)}</w:p></w:tc>" for cell in row) + "</w:tr>"
        for row in table
    )
    grid = "<w:gridCol/>" * len(table[0])
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"{default}><w:name w:val="{name}"/></w:style>'
        for key, name, default in (
            ("Normal", "Normal", ' w:default="1"'),
            ("Title", "Title", ""),
            ("Heading1", "heading 1", ""),
        )
    )
    remarks = "".join(
        f'<w:comment w:id="{index}" w:author="{escape(one.author)}" w:initials="{one.author[0]}" '
        f'w:date="{one.day}T09:00:00Z"><w:p>{_run(one.text)}</w:p></w:comment>'
        for index, one in sorted(comments.items())
    )
    parts = {
        "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body>{body}<w:tbl><w:tblPr/>'
        f"<w:tblGrid>{grid}</w:tblGrid>{rows}</w:tbl><w:p/><w:sectPr/></w:body></w:document>",
        "word/_rels/document.xml.rels": relationships(
            {"rId1": ("styles", "styles.xml"), "rId2": ("comments", "comments.xml")}
        ),
        "word/styles.xml": f'<w:styles xmlns:w="{_WORD}">{styles}</w:styles>',
        "word/comments.xml": f'<w:comments xmlns:w="{_WORD}">{remarks}</w:comments>',
    }
    write_package(path, "word/document.xml", f"{TYPES}.wordprocessingml.document.main+xml", parts, about)


def _commented(index: int, text: str, comments: Mapping[int, Comment]) -> str:
    if index not in comments:
        return _run(text)
    return (
        f'<w:commentRangeStart w:id="{index}"/>{_run(text)}<w:commentRangeEnd w:id="{index}"/>'
        f'<w:r><w:commentReference w:id="{index}"/></w:r>'
    )


def _run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def _worksheet(rows: Sequence[Sequence[Value]]) -> str:
    lines = "".join(
        f'<row r="{number}">'
        + "".join(_cell(f"{column_letter(index)}{number}", value) for index, value in enumerate(row))
        + "</row>"
        for number, row in enumerate(rows, start=1)
    )
    return f'<worksheet xmlns="{_SHEET}"><sheetData>{lines}</sheetData></worksheet>'


def _cell(place: str, value: Value) -> str:
    if isinstance(value, str) and value.startswith("="):
        return f'<c r="{place}"><f>{escape(value[1:])}</f></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def relationships(targets: Mapping[str, tuple[str, str]]) -> str:
    """Return the part that names other parts: id -> (kind, target)."""
    listed = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/relationships/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def write_package(
    path: Path,
    main: str,
    main_type: str,
    parts: Mapping[str, str],
    about: Properties,
    types: Mapping[str, str] | None = None,
) -> None:
    """Write the parts of one file; ``types`` are content types of further parts."""
    core = f"{_PACKAGE}/metadata/core-properties"
    kinds = {f"/{main}": main_type, "/docProps/core.xml": f"{_PACKAGE_TYPES}.core-properties+xml"}
    kinds |= types or {}
    for name in parts:
        if name.startswith("xl/worksheets/"):
            kinds[f"/{name}"] = f"{TYPES}.spreadsheetml.worksheet+xml"
        elif name.endswith(("/styles.xml", "/comments.xml")):
            part = Path(name).stem
            kinds[f"/{name}"] = f"{main_type.removesuffix('.main+xml').rpartition('.')[0]}.{part}+xml"
    listed = "".join(f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in kinds.items())
    files = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="{_PACKAGE_TYPES}.relationships+xml"/>{listed}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{OFFICE}/relationships/officeDocument" Target="{main}"/>'
        f'<Relationship Id="rId2" Type="{_PACKAGE}/relationships/metadata/core-properties" '
        'Target="docProps/core.xml"/></Relationships>',
        "docProps/core.xml": f'<cp:coreProperties xmlns:cp="{core}" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{escape(about.title)}</dc:title><dc:subject>{escape(about.subject)}</dc:subject>"
        f"<dc:creator>{escape(about.author)}</dc:creator>"
        f"<cp:keywords>{escape(about.keywords)}</cp:keywords>"
        f"<cp:lastModifiedBy>{escape(about.author)}</cp:lastModifiedBy>"
        f"<cp:revision>{about.revision}</cp:revision>"
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{about.created}T09:00:00Z</dcterms:created>'
        f'<dcterms:modified xsi:type="dcterms:W3CDTF">{about.created}T09:00:00Z</dcterms:modified>'
        "</cp:coreProperties>",
        **parts,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            archive.writestr(entry, _XML + text)
