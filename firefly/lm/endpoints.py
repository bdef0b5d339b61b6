"""Models behind HTTP: OpenAI, Anthropic, and everything that speaks like OpenAI (vLLM, Ollama, gateways)."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import yaml
from pydantic import JsonValue

from firefly.errors import EndpointError
from firefly.lm.connection import Connection
from firefly.lm.engine import KEYLESS
from firefly.lm.wire import calls_apart, deadlined
from firefly.plugins import register

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Endpoint(Connection):
    """A model behind an HTTP endpoint."""

    address: ClassVar[str] = ""
    """Where it is, unless ``base_url`` says otherwise."""
    variable: ClassVar[str | None] = None
    """Environment variable of its key, unless ``key_variable`` names another."""
    dialect: ClassVar[str] = "openai"
    """The spellings of its requests: a name that `OpenAIChatCompat.preset` knows, or ``anthropic``."""
    public_prices: ClassVar[bool] = False
    """Whether the prices of ``prices.yaml`` are this endpoint's."""
    own_price: ClassVar[tuple[float, float] | None] = None

    def __init__(  # noqa: PLR0913 - each is a key of the YAML
        self,
        *,
        model: str,
        base_url: str | None = None,
        key_variable: str | None = None,
        headers: Mapping[str, str] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        reasoning: str | None = None,
        extra_body: Mapping[str, JsonValue] | None = None,
        tools: bool = True,
        json_schema: bool = True,
        stream: bool = False,
        timeout: float = 120.0,
        deadline: float = 900.0,
        retries: int = 4,
        give_up: int = 20,
        concurrency: int = 64,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        price: Mapping[str, float] | None = None,
    ) -> None:
        """Say which model, where, and how fast. Sends nothing.

        Args:
            model: its name at the endpoint.
            base_url: the endpoint's root, e.g. ``http://localhost:8000/v1``.
            key_variable: the environment variable that holds the key; never the key itself.
            headers: sent with every request, for gateways; kept out of everything that is written.
            temperature: None: the endpoint's default.
            max_tokens: of one answer; None: the endpoint's default.
            reasoning: effort, where the model has one: off, minimal, low, medium, high, ...
            extra_body: keys of the request that only this endpoint knows.
            tools: whether the model takes tools; false: they are described to it in text.
            json_schema: whether it can be held to a JSON schema.
            stream: whether answers are asked for piece by piece: a slow one then shows that it lives.
            timeout: seconds without a byte after which a request counts as failed.
            deadline: seconds after which it counts as failed however many bytes still come.
            retries: most times that one request is sent again.
            give_up: failed requests in a row that end the run.
            concurrency: most requests under way at once.
            requests_per_minute: None: no limit.
            tokens_per_minute: input and output; None: no limit.
            price: US dollars for a million tokens, ``input`` and ``output``; None: the known one, if any.

        """
        self.model = model
        self.where = (base_url or self.address).rstrip("/")
        self.key_variable = key_variable or self.variable
        if self.key_variable and not _VARIABLE.fullmatch(self.key_variable):
            raise ValueError("key_variable is the name of an environment variable, never the key itself")
        if urlsplit(self.where).scheme not in ("http", "https"):
            raise ValueError(f"base_url={self.where!r} does not begin with http:// or https://")
        if min(timeout, deadline, concurrency, give_up) <= 0 or retries < 0:
            raise ValueError("timeout, deadline, concurrency and give_up must be above 0, retries not below")
        self._headers = dict(headers or {})
        self.temperature, self.max_tokens, self.reasoning = temperature, max_tokens, reasoning
        self.extra_body = dict(extra_body or {})
        self.tools, self.json_schema, self._stream, self._timeout = tools, json_schema, stream, timeout
        self._deadline = deadline
        self.retries, self.give_up, self.concurrency = retries, give_up, concurrency
        self.requests_per_minute, self.tokens_per_minute = requests_per_minute, tokens_per_minute
        self.price = _price(price) or (known_price(model) if self.public_prices else self.own_price)
        self._lock = threading.Lock()
        self._router: Any = None
        self._target: Any = None

    def check(self) -> None:
        """Look for the key and for somebody who listens.

        Raises:
            EndpointError: names the variable, or the address.
        """
        if self.key_variable and not os.environ.get(self.key_variable):
            raise EndpointError(
                f"The model {self.model!r} at {self.where} needs a key: set the environment variable "
                f"{self.key_variable} (lm.key_variable names another). {KEYLESS}"
            )
        parts = urlsplit(self.where)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if getproxies().get(parts.scheme) and not proxy_bypass(host):
            return  # what stands between can't be judged from here
        try:
            socket.create_connection((host, port), timeout=10).close()
        except OSError as error:
            raise EndpointError(
                f"Nobody answers at {self.where} (lm.base_url): {error.strerror or error}. Start the server, "
                f"or correct the address. {KEYLESS}"
            ) from error

    def complete(self, request: Request) -> Response:
        """Send one request."""
        from dspy.lm15 import ProviderError, materialize_response

        target = self._opened()
        try:
            found: Response = (
                materialize_response(calls_apart(target.stream(request)), request)
                if self._stream
                else target.complete(request)
            )
        except (TypeError, ValueError) as error:  # what JSON does not have, such as NaN in a call's arguments
            raise ProviderError(f"the answer can't be read: {error}") from error
        if not (found.provider_data or {}).get("choices", True) and not self._stream:
            raise ProviderError("the answer has no choices")  # a gateway's hiccup, and no answer of a model
        return found

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            if self._router is not None:
                self._router.close()
            self._router = self._target = None

    def _opened(self) -> Any:
        with self._lock:
            if self._target is None:
                from dspy.lm15 import LMRouter, RouterConfig

                definition = self._definition()
                key = os.environ.get(self.key_variable or "") or "none"
                self._router = LMRouter(
                    RouterConfig(
                        env={},
                        providers=(definition,),
                        api_keys={definition.id: key},
                        transport=deadlined(
                            timeout=self._timeout, deadline=self._deadline, connections=self.concurrency
                        ),
                        adaptations="silent",
                    )
                )
                self._target = self._router.lm(f"{definition.id}:{self.model}")
            return self._target

    def _definition(self) -> Any:
        from dspy.lm15 import AccessPolicy, AnthropicCompat, OpenAIChatCompat, ProviderDefinition

        access = {"base_url": self.where, "headers": tuple(self._headers.items())}
        if self.dialect == "anthropic":
            policy = AccessPolicy(provider="firefly-messages", auth_scheme=("x-api-key",), **access)
            return ProviderDefinition.anthropic(policy, compat=AnthropicCompat())
        policy = AccessPolicy(provider="firefly-chat", **access)
        return ProviderDefinition.chat(policy, compat=OpenAIChatCompat.preset(self.dialect))


@register("lm", "openai")
class OpenAI(Endpoint):
    """A model of OpenAI, by chat completions."""

    address = "https://api.openai.com/v1"
    variable = "OPENAI_API_KEY"
    public_prices = True


@register("lm", "anthropic")
class Anthropic(Endpoint):
    """A model of Anthropic, by messages."""

    address = "https://api.anthropic.com/v1"
    variable = "ANTHROPIC_API_KEY"
    dialect = "anthropic"
    public_prices = True


@register("lm", "openai_compatible")
class OpenAICompatible(Endpoint):
    """A model behind anything that speaks like OpenAI: vLLM, LM Studio, llama.cpp, a gateway."""

    dialect = "vllm"


@register("lm", "ollama")
class Ollama(Endpoint):
    """A model that Ollama runs on this machine; no key, no price."""

    address = "http://localhost:11434/v1"
    dialect = "ollama"
    own_price = (0.0, 0.0)


@cache
def _prices() -> dict[str, tuple[float, float]]:
    table = yaml.safe_load(Path(__file__).with_name("prices.yaml").read_text(encoding="utf-8"))
    return {str(name): (float(row["input"]), float(row["output"])) for name, row in table.items()}


def known_price(model: str) -> tuple[float, float] | None:
    """Return US dollars for a million input and output tokens; None: not in the table.

    A dated version costs what its undated name does.

    >>> known_price("gpt-4.1-mini-2025-04-14") == known_price("gpt-4.1-mini")
    True
    >>> known_price("gpt-4.1-imaginary") is None
    True
    """
    return _prices().get(re.sub(r"(-latest|[-@]?20\d\d-?\d\d-?\d\d)$", "", model))


def _price(given: Mapping[str, float] | None) -> tuple[float, float] | None:
    if given is None:
        return None
    if set(given) != {"input", "output"}:
        raise ValueError("price has two keys, input and output: US dollars for a million tokens")
    return (float(given["input"]), float(given["output"]))
