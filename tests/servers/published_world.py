"""The small files that the calls of ``published.json`` name."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path

PAGES = (("Quarterly report", "Revenue was 1200 EUR in March."), ("Second page", "Costs were 800 EUR."))


def build(folder: Path) -> None:
    """Write the files into ``folder``."""
    texts = {
        "people.csv": "name,age,city,salary\nAda,36,Paris,5200\nBob,41,Rome,4100\nCy,29,Oslo,3900\n",
        "docs/guide.md": "# Guide\n\nIntro text with [link](other.md).\n",
        "src/a.js": "export function add(a, b) { return a + b; }\n",
        "src/b.py": "def hello(n):\n    return n + 1\n",
        "files/a.txt": "hello\n",
        "files/sub/b.txt": "world\n",
        "vault/Alpha.md": "# Alpha\nlinks [[Beta]] #tag\n",
        "vault/Beta.md": "# Beta\ntext\n",
        "repo/a.txt": "hello\n",
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "sample.pdf").write_bytes(pdf())
    database = sqlite3.connect(folder / "shop.db")
    database.executescript(
        "create table customers(id integer primary key, name text, city text);"
        "create table orders(id integer primary key, customer_id int, total real);"
        "insert into customers values (1, 'Ada', 'Paris'), (2, 'Bob', 'Rome');"
        "insert into orders values (1, 1, 9.5), (2, 2, 20.0), (3, 1, 5.25);"
    )
    database.close()
    who = {
        f"GIT_{role}_{what}": "t@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=folder / "repo", check=True, env={**os.environ, **who})


def pdf() -> bytes:
    """Return a PDF of two pages of text."""
    count = len(PAGES)
    kids = " ".join(f"{4 + 2 * page} 0 R" for page in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for page, lines in enumerate(PAGES):
        shown = " ".join(f"({line}) Tj T*" for line in lines)
        body = f"BT /F1 14 Tf 72 720 Td 18 TL {shown} ET"
        resources = "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R /Contents {5 + 2 * page} 0 R {resources} >>")
        objects.append(f"<< /Length {len(body)} >>\nstream\n{body}\nendstream")
    out, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    tail = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n".encode()
    return out + head + table + tail
