"""PDF files of plain text and ruled tables, byte for byte a function of their content.

Written by hand because the usual libraries stamp clock times and their own version into the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firefly.worlds.office import Properties

__all__ = ["Page", "write_pdf"]

_LEFT, _TOP, _LEADING, _ROW = 72, 740, 18, 20
_BAND = 468
"""Points between the margins of a letter page."""


@dataclass(frozen=True)
class Page:
    """One page: a heading that is also its bookmark, lines, and perhaps a table (header first).

    ``links`` are shown below and can be followed.
    """

    heading: str
    lines: Sequence[str]
    table: Sequence[Sequence[str]] = ()
    links: Sequence[str] = ()


def write_pdf(path: Path, pages: Sequence[Page], about: Properties) -> None:
    """Write a letter-size file with one bookmark for each page."""
    count = len(pages)
    first, outline = 6, 6 + 2 * count  # objects: 1 to 5 fixed, two for each page, bookmarks, links
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(count))
    links_from = outline + count
    stamp = f"D:{about.created.replace('-', '')}090000Z"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /Outlines 5 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< /Title ({_text(about.title)}) /Author ({_text(about.author)}) /Subject ({_text(about.subject)}) "
        f"/Keywords ({_text(about.keywords)}) /CreationDate ({stamp}) /ModDate ({stamp}) >>",
        f"<< /Type /Outlines /First {outline} 0 R /Last {outline + count - 1} 0 R /Count {count} >>",
    ]
    annotations: list[str] = []
    for number, page in enumerate(pages):
        body, below = _drawn(page)
        notes = []
        for place, link in enumerate(page.links):
            notes.append(f"{links_from + len(annotations)} 0 R")
            base = below - place * _LEADING
            annotations.append(
                "<< /Type /Annot /Subtype /Link "
                f"/Rect [{_LEFT} {base - 4} {_LEFT + 7 * len(link)} {base + 12}] "
                f"/Border [0 0 0] /A << /S /URI /URI ({_text(link)}) >> >>"
            )
        listed = f" /Annots [{' '.join(notes)}]" if notes else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {first + 2 * number + 1} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> >>{listed} >>"
        )
        objects.append(f"<< /Length {len(body)} >>\nstream\n{body}\nendstream")
    for number, page in enumerate(pages):
        before = f" /Prev {outline + number - 1} 0 R" if number else ""
        after = f" /Next {outline + number + 1} 0 R" if number + 1 < count else ""
        objects.append(
            f"<< /Title ({_text(page.heading)}) /Parent 5 0 R{before}{after} "
            f"/Dest [{first + 2 * number} 0 R /Fit] >>"
        )
    _write(path, [*objects, *annotations])


def _drawn(page: Page) -> tuple[str, int]:
    """Return the page's drawing and the height below it."""
    height = _TOP
    parts = [_line(page.heading, _LEFT, height, 16)]
    for line in page.lines:
        height -= _LEADING
        parts.append(_line(line, _LEFT, height, 11))
    if page.table:
        height -= _LEADING
        width = _BAND // len(page.table[0])
        top = height
        for row in page.table:
            height -= _ROW
            parts += [_line(cell, _LEFT + 4 + width * at, height + 6, 10) for at, cell in enumerate(row)]
        columns, right = len(page.table[0]), _LEFT + width * len(page.table[0])
        ruled = [
            f"{_LEFT} {top - _ROW * n} m {right} {top - _ROW * n} l S" for n in range(len(page.table) + 1)
        ]
        ruled += [f"{_LEFT + width * n} {top} m {_LEFT + width * n} {height} l S" for n in range(columns + 1)]
        parts += ruled
    below = height - 2 * _LEADING
    parts += [_line(link, _LEFT, below - place * _LEADING, 11) for place, link in enumerate(page.links)]
    return "\n".join(parts), below


def _line(text: str, left: int, height: int, size: int) -> str:
    return f"BT /F1 {size} Tf {left} {height} Td ({_text(text)}) Tj ET"


def _text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _write(path: Path, objects: Sequence[str]) -> None:
    out, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    tail = f"trailer << /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    path.write_bytes(out + head + table + tail.encode())
