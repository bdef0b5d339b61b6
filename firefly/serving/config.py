"""The shape of ``conf/serve.yaml``, checked before anything listens."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_STRICT = ConfigDict(extra="forbid", frozen=True)


class EpisodesConfig(BaseModel):
    """Which episodes there can be."""

    model_config = _STRICT
    task: str | None
    """The task whose tools are offered to an episode that names none."""
    servers: list[str] | None
    """Servers whose tools are offered to an episode that names neither; ["all"]: of every server."""
    split: str | None
    """Split whose cassette answers where no task is named; None: the common one."""
    most: int = Field(ge=1)
    """Episodes at once."""
    idle: float = Field(gt=0)
    """Seconds without a call after which an episode may make room for a new one."""

    @field_validator("servers", mode="before")
    @classmethod
    def _one_needs_no_brackets(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class HttpConfig(BaseModel):
    """Where the MCP server listens, over streamable HTTP."""

    model_config = _STRICT
    host: str
    port: int = Field(ge=0, le=65535)
    """0: a free one, which is printed."""
    path: str = Field(pattern=r"^/[A-Za-z0-9._~/-]*$")
    token: str
    """Bearer token of the clients; "": none, which only a loopback host allows."""
    body: int = Field(ge=1024)
    """Most bytes of a request."""


class AdminConfig(BaseModel):
    """The trainer's route to tiers and rewards; on loopback alone, off without a port."""

    model_config = _STRICT
    port: int | None = Field(ge=0, le=65535)
    token: str


class ServeConfig(BaseModel):
    """Everything that composes a served data set."""

    model_config = _STRICT
    dataset: Path
    transport: Literal["stdio", "http"]
    episodes: EpisodesConfig
    http: HttpConfig
    admin: AdminConfig
    log: Path | None
    """File that every call is appended to, with the tier that answered it; None: none."""
    seed: int

    @model_validator(mode="after")
    def _listens_safely(self) -> ServeConfig:
        if self.transport == "http" and not is_loopback(self.http.host) and not self.http.token:
            raise ValueError(
                f"http.host={self.http.host} is reachable from other machines, so a token is needed: set "
                "FIREFLY_TOKEN in the environment"
            )
        if self.admin.port is not None and not self.admin.token:
            raise ValueError(
                "admin.port opens the route to rewards, so a token is needed: set FIREFLY_ADMIN_TOKEN in the "
                "environment"
            )
        return self


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
