"""Models over an endpoint of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from firefly.lm import Models, Spent
from firefly.lm.ledger import Budget
from firefly.lm.models import Settings

R = TypeVar("R")


def models(
    url: str,
    folder: Path | None = None,
    *,
    mode: str = "record",
    budget: Budget | None = None,
    roles: dict[str, Any] | None = None,
    **keys: Any,
) -> Models:
    described = {
        "_target_": "firefly.lm.endpoints.OpenAICompatible",
        "model": "test-model",
        "base_url": url,
        "timeout": 5.0,
        **keys,
        **(roles or {}),
    }
    where = {"transcript": str(folder)} if folder is not None else {}
    return Models(Settings.of({"mode": mode, **where, **described}), budget)


def make(models: Models, item: str, act: Callable[[], R], *, shape: str = "shape") -> R:
    """Do ``act`` as the work on one item, and keep it."""
    kept: list[Sequence[Spent]] = []
    (found,) = models.make("stage", item, shape, lambda: [act()], lambda records, spent: kept.append(spent))
    return found


def ask(models: Models, text: str, role: str = "explorer") -> str:
    (answer,) = models.lm(role)(text)
    return answer if isinstance(answer, str) else str(answer["text"])
