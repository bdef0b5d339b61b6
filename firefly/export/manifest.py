"""The manifest: what a data set folder consists of, and what made it. Its presence means: finished."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import JsonValue

from firefly import __version__
from firefly.export.dataset import MANIFEST
from firefly.export.figures import figures, files_below
from firefly.plugins import register
from firefly.protocols import DatasetContent

FORMAT = "firefly-dataset"
VERSION = 1


@register("exporters", "manifest")
class Manifest:
    """Writes versions, seeds, the configuration's digest, counts, and a hash of every file."""

    order = 2

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``manifest.json``, after every other exporter."""
        files: dict[str, JsonValue] = {
            path.relative_to(folder).as_posix(): _describe(path) for path in files_below(folder)
        }
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "name": content.name,
            "firefly": __version__,
            "run": dict(content.facts),
            "counts": figures(content),
            "files": files,
        }
        path = folder / MANIFEST
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8", newline="\n")
        return [path]


def _describe(path: Path) -> JsonValue:
    content = path.read_bytes()
    described: dict[str, JsonValue] = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }
    if path.suffix == ".jsonl":
        described["rows"] = content.count(b"\n")
    return described
