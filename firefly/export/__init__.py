"""The last stage: verified tasks become a data set folder that anyone can load, replay and score."""

from __future__ import annotations

from firefly.export.dataset import write_dataset

__all__ = ["write_dataset"]
