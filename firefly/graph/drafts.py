"""Edges on their way: made quickly by one scorer, weighed by another, and only then checked and named."""

from __future__ import annotations

from typing import Any

from firefly.records import Edge

__all__ = ["draft", "finished"]


def draft(**fields: Any) -> Edge:
    """Return an edge without an id and unchecked; `finished` makes it a record."""
    return Edge.model_construct(id="", **fields)


def finished(edge: Edge) -> Edge:
    """Return the edge as a record, its id filled in."""
    return edge if edge.id else Edge.model_validate(edge.model_dump(exclude={"id"}))
