"""Catalog: connects to a server and lists its tools in canonical form."""

from __future__ import annotations

from firefly.catalog.canonical import canonical_schema
from firefly.catalog.listing import list_server

__all__ = ["canonical_schema", "list_server"]
