"""The ``tools`` table: every tool of every server, as declared."""

from __future__ import annotations

from pathlib import Path

from firefly.export.rows import tool_row
from firefly.export.tables import write_table
from firefly.plugins import register
from firefly.protocols import DatasetContent


@register("exporters", "tools")
class Tools:
    """Writes all tools with their schemas; those that were not allowed, with the reason."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``tools/tools.jsonl``, by server and name."""
        rows = [
            tool_row(tool, listing)
            for listing in sorted(content.listings, key=lambda one: one.server)
            for tool in sorted(listing.tools, key=lambda one: one.key)
        ]
        return [write_table(folder / "tools" / "tools.jsonl", rows)] if rows else []
