"""How a server is described: the keys of the common ``mcpServers`` JSON plus Firefly's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr, ValidationError, model_validator

from firefly.components import TARGET, validation_faults
from firefly.errors import ConfigError, nearest
from firefly.replay.records import digest

__all__ = ["ProbeCall", "Probes", "ServerSpec", "StateSpec", "parse_specs"]

_STRICT = ConfigDict(extra="forbid", frozen=True)

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|PRIVATE", re.IGNORECASE)
_SHORTEST_SECRET = 5
"""A shorter value is never shown either, but searching results for it would hit ordinary text."""


class ProbeCall(BaseModel):
    """A read whose result tells states apart."""

    model_config = _STRICT
    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class Probes(BaseModel):
    """A fingerprint made of the results of fixed reads."""

    model_config = _STRICT
    probes: list[ProbeCall] = Field(min_length=1)


class StateSpec(BaseModel):
    """Which state a server's tools share, and how it can be observed."""

    model_config = _STRICT
    scope: Literal["workspace", "own", "none"] | None = None
    """``workspace``: the files that all servers of a sandbox share. ``own``: something only this server
    sees. ``none``: it has no state. Left out: ``workspace`` if disposable, else ``own``."""
    fingerprint: Literal["files", "none"] | Probes | dict[str, Any] | None = None
    """``files``, ``none``, ``{probes: [...]}`` or a component. Left out: ``files`` in scope
    ``workspace``, where all servers share it, else ``none``."""
    ignore: list[str] = Field(default_factory=list)
    """Files of the workspace that are no state of anything, as patterns of paths or names: a log that the
    server keeps of itself, say, which no tool returns."""


class ServerSpec(BaseModel):
    """One server. Build a mapping of them with `parse_specs`."""

    model_config = _STRICT
    name: str = ""
    type: Literal["stdio", "http", "streamable-http", "streamableHttp", "sse"] | None = None
    command: str | None = None
    args: list[str] = Field(default_factory=list)
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)

    enabled: bool = True
    pins: list[str] = Field(default_factory=list)
    """Further requirements of its environment, e.g. ``mcp<2``."""
    python: str | None = None
    """Python version or interpreter of its environment; left out: the one that runs Firefly."""
    disposable: bool = False
    """Its state may be destroyed: it runs in a sandbox, and every tool may be called."""
    fixture: Path | None = None
    """A folder copied over the world's files."""
    state: StateSpec = StateSpec()
    mode: Literal["legacy", "auto"] = "legacy"
    """``legacy``: the initialize handshake. ``auto``: first ask for the newest protocol."""
    allow: list[str] = Field(default_factory=list)
    """Tools to call although nothing says that they only read."""
    deny: list[str] = Field(default_factory=list)
    """Tools never to call."""
    values: dict[str, list[JsonValue]] = Field(default_factory=dict)
    """Values to try first: ``parameter`` or ``tool.parameter`` -> values."""
    start_timeout: float = Field(default=120.0, gt=0)
    """Seconds until it must have answered the handshake and listed its tools."""
    call_timeout: float = Field(default=60.0, gt=0)
    """Seconds for one call."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    concurrency: int = Field(default=1, ge=1)
    """Calls in flight in one session."""
    home: Literal["isolated", "user"] | None = None
    """Left out: ``isolated`` if disposable, else ``user``."""
    max_result_bytes: int = Field(default=256 * 1024, ge=1024)
    """A longer text is cut; its size and hash are kept."""

    _secret_values: tuple[str, ...] = PrivateAttr(default=())
    _private_environment: bool = PrivateAttr(default=False)
    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _where: str = PrivateAttr(default="servers")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("give either `command` (a local server) or `url` (a remote one)")
        if self.url is not None:
            if self.disposable:
                raise ValueError(
                    "`disposable: true` is refused for a `url` server: its state can't be made anew. "
                    "Name the tools that may be called in `allow`"
                )
            if not re.match(r"https?://", self.url):
                raise ValueError(
                    f"`url` must begin with http:// or https:// (given: {self.url.split('?')[0]})"
                )
            if self.state.scope == "workspace":
                raise ValueError("a `url` server has no workspace; its `state.scope` is `own` or `none`")
            for key in ("args", "env", "pins", "cwd", "fixture"):
                if getattr(self, key):
                    raise ValueError(f"`{key}` means nothing for a `url` server")
        elif self.type not in (None, "stdio"):
            raise ValueError(f"`type: {self.type}` needs a `url`, not a `command`")
        elif self.headers:
            raise ValueError("`headers` mean nothing for a `command` server; use `env`")
        shares_files = self.disposable and self.state.scope in (None, "workspace")
        if shares_files and self.state.fingerprint not in (None, "files"):
            raise ValueError(
                "the fingerprint of scope `workspace` is `files`, as servers share it; another needs "
                "`state.scope: own`"
            )
        if self.fixture is not None and not self.disposable:
            raise ValueError("`fixture` needs `disposable: true`")
        return self

    @property
    def where(self) -> str:
        """Return where its keys stand in the configuration, for messages."""
        return f"{self._where}.{self.name}"

    @property
    def remote(self) -> bool:
        """Return whether it is reached by URL."""
        return self.url is not None

    @property
    def scope(self) -> str:
        """Return the state scope as records name it."""
        if self.state.scope == "none":
            return "none"
        if not self.disposable:
            return f"remote:{self.name}"
        return f"own:{self.name}" if self.state.scope == "own" else "workspace"

    @property
    def isolated_home(self) -> bool:
        """Return whether it gets a HOME of its own."""
        return self.home == "isolated" or (self.home is None and self.disposable)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the values that may stand nowhere, longest first."""
        named = [
            value
            for name, value in self.env.items()
            if self._private_environment or _SECRET_NAME.search(name)
        ]
        found = {*self._secret_values, *self.headers.values(), *named}
        if self.url is not None:
            parts = urlsplit(self.url)
            found.update(value for _, value in parse_qsl(parts.query) if len(value) >= 8)
            found.add(parts.password or "")
        for value in self.headers.values():
            found.update(part for part in value.split() if len(part) >= 8)  # "Bearer <token>"
        return tuple(sorted((one for one in found if _searchable(one)), key=lambda one: (-len(one), one)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what was understood of its description only in part."""
        return self._warnings

    def of_client_file(self, *, values: Sequence[str] = (), warnings: Sequence[str] = ()) -> ServerSpec:
        """Return a copy as a client's file gives it: its whole environment, and ``values``, are secrets."""
        copy = self.model_copy()
        copy._where = "servers.overrides"
        copy._private_environment = True
        copy._secret_values = tuple(values)
        copy._warnings = tuple(warnings)
        return copy

    def public(self) -> dict[str, Any]:
        """Return the description without any secret: names of variables and headers, not their values."""
        plain = self.model_dump(mode="json", exclude={"env", "headers"})
        plain["env"] = {
            name: None if self._private_environment or _SECRET_NAME.search(name) else value
            for name, value in sorted(self.env.items())
        }
        plain["headers"] = dict.fromkeys(sorted(self.headers))
        cleaned: dict[str, Any] = _without(plain, self.secrets)
        return cleaned

    @property
    def digest(self) -> str:
        """Return the digest of everything that shapes its answers, secrets left out."""
        return digest(self.public())


def _searchable(value: str) -> bool:
    plain = value.lower() in ("true", "false", "none", "null") or re.fullmatch(r"[\d.]*", value)
    return len(value) >= _SHORTEST_SECRET and not plain


def _without(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, Mapping):
        return {key: _without(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, secrets) for item in value]
    return value


def parse_specs(config: Mapping[str, Any]) -> dict[str, ServerSpec]:
    """Return the servers that ``config`` describes, by name in sorted order; disabled ones left out.

    ``config`` maps names to descriptions, or is ``{path: FILE, overrides: {...}}`` for an existing
    file of an MCP client.

    Raises:
        ConfigError: names every fault with its path.
    """
    if isinstance(config.get("path"), str):
        from firefly.servers.mcp_json import read_client_file

        unknown = sorted(set(config) - {"path", "overrides"})
        if unknown:
            raise ConfigError(
                f"servers.{unknown[0]}: there is no such key. {nearest(unknown[0], ('path', 'overrides'))}"
            )
        return read_client_file(Path(config["path"]), config.get("overrides") or {})
    faults: list[str] = []
    specs: dict[str, ServerSpec] = {}
    for name in sorted(config):
        if config[name] is None:
            continue  # switched off
        if isinstance(config[name], Mapping) and not any(config[name].get(key) for key in ("command", "url")):
            others = [other for other in config if other != name]
            given = ", ".join(sorted(map(str, config[name]))) or "nothing"
            faults.append(
                f"servers.{name}: it has no `command` and no `url` (given: {given}). {nearest(name, others)}"
            )
            continue
        spec = parse_spec(name, config[name], faults)
        if spec is not None and spec.enabled:
            specs[name] = spec
    if faults:
        raise ConfigError("The servers have faults:\n" + "\n".join(f"  {line}" for line in faults))
    return specs


def parse_spec(
    name: str, description: Any, faults: list[str], *, where: str = "servers"
) -> ServerSpec | None:
    """Return one server, or None after adding what is wrong with its description to ``faults``."""
    path = (where, name)
    known = tuple(key for key in ServerSpec.model_fields if key != "name")
    if not isinstance(description, Mapping):
        given = type(description).__name__
        faults.append(f"{where}.{name}: must be a mapping with `command` or `url` (given: {given})")
        return None
    if "name" in description:
        faults.append(f"{where}.{name}.name: there is no such key. {nearest('name', known)}")
        return None
    try:
        spec = ServerSpec.model_validate({**description, "name": name})
    except ValidationError as error:
        private = {key: "***" for key in ("env", "headers") if key in description}
        faults += _faults_of(error, path, known, private)
        return None
    if spec.fixture is not None and not spec.fixture.is_dir():
        faults.append(f"{where}.{name}.fixture: there is no folder {spec.fixture}")
    fingerprint = spec.state.fingerprint
    if isinstance(fingerprint, dict) and TARGET not in fingerprint:
        faults.append(
            f"{where}.{name}.state.fingerprint: give `files`, `none`, `probes: [...]` or a `{TARGET}`"
        )
    return spec


def _faults_of(
    error: ValidationError, path: tuple[str, ...], known: tuple[str, ...], private: Mapping[str, str]
) -> list[str]:
    lines = set()
    for line in validation_faults(error, path, known):
        where = line.partition(":")[0].split(".")
        pattern = r" \(given: .*" if any(key in where for key in private) else r" \(given: \{.*"
        lines.add(re.sub(pattern, "", line, flags=re.DOTALL))
    return sorted(lines)
