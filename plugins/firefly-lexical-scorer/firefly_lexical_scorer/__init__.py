"""An example plugin for Firefly: an edge scorer. Importing the package registers it."""

from __future__ import annotations

from firefly_lexical_scorer.scorer import Lexical

__all__ = ["Lexical"]
