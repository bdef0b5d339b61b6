"""Probing: calls tools with symbolic arguments to learn what they return and what they do.

One item is one server. A tool's profile says what it was *seen* to do, each field with its evidence in
words; declarations only decide what is tried first. Unknown stays unknown.
"""

from __future__ import annotations

from firefly.probing.stage import probe_server

__all__ = ["probe_server"]
