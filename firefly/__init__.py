"""Firefly turns MCP servers into verified tool-call training data."""

from __future__ import annotations

__version__ = "0.1.0"
