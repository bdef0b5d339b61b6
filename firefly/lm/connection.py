"""What every way to reach a model has in common: its settings, and what of them shapes answers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from firefly.components import TARGET
from firefly.plugins import resolve

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["PACING", "Connection", "shape_of"]

PACING = (
    "key_variable",
    "headers",
    "base_url",
    "timeout",
    "deadline",
    "retries",
    "give_up",
    "concurrency",
    "requests_per_minute",
    "tokens_per_minute",
    "price",
    "stream",
)
"""Settings that say how a model is reached and paid, not what it answers."""


class Connection:
    """One model behind one door. Subclasses say how a request becomes an answer.

    The attributes are read by whoever sends the requests; a subclass sets those that matter to it.
    """

    model: str = ""
    """Its name at the endpoint."""
    tools: bool = True
    """Whether it takes tools and answers with tool calls of its own form."""
    json_schema: bool = True
    """Whether it can be held to a JSON schema."""
    temperature: float | None = None
    """None: the endpoint's default; the same goes for the next two."""
    max_tokens: int | None = None
    reasoning: str | None = None
    """Effort: off, minimal, low, medium, high, ..."""
    extra_body: Mapping[str, JsonValue] = MappingProxyType({})
    """Keys of the request that only this endpoint knows."""
    retries: int = 0
    """Most times that one request is sent again after a passing failure."""
    give_up: int = 20
    """Failed requests in a row that end the run."""
    concurrency: int = 64
    """Most requests under way at once."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    price: tuple[float, float] | None = None
    """US dollars for a million input and output tokens; None: not known."""
    where: str = ""
    """Its address, for messages and for telling endpoints apart."""
    key_variable: str | None = None
    """The environment variable of its key; None: it has none."""

    def check(self) -> None:
        """Refuse what can be known to fail before anything is sent; sends nothing itself.

        Raises:
            EndpointError: no key, or nobody listens at the address.
        """

    def complete(self, request: Request) -> Response:
        """Return the answer to one request, sent once.

        Raises:
            dspy.lm15.LM15Error: the endpoint failed or refused.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Give back what it holds."""


def shape_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a described connection shapes answers; no address, no key, no pace."""
    kept = {key: value for key, value in description.items() if key not in (*PACING, TARGET)}
    return {"lm": resolve(str(description[TARGET])).name, **kept}
