"""Serving: a finished data set as an MCP server that agents connect to as to the real ones."""

from __future__ import annotations

from firefly.serving.config import ServeConfig
from firefly.serving.dataset import ServedDataset

__all__ = ["ServeConfig", "ServedDataset"]
