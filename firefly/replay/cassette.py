"""Placeholder of the cassette; see the replay core."""

from __future__ import annotations


class Cassette:
    """Everything recorded, in replayable form."""
