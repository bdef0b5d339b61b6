"""Reads the server file of an existing MCP client unchanged: Claude Desktop, Cursor, VS Code.

Every literal value of its ``env`` and ``headers`` counts as a secret.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from firefly.errors import ConfigError, nearest
from firefly.servers.spec import ServerSpec, parse_spec

__all__ = ["read_client_file"]

_TAKEN = ("type", "command", "args", "env", "cwd", "url", "headers")
_WITHOUT_MEANING = {
    "alwaysAllow", "autoApprove", "description", "dev", "gallery", "icon", "iconUrl", "id", "name", "note",
    "timeout", "title", "version",
}  # fmt: skip
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def read_client_file(path: Path, overrides: Mapping[str, Any]) -> dict[str, ServerSpec]:
    """Return the servers of a client's file by name; ``overrides`` adds Firefly's own keys.

    Raises:
        ConfigError: the file can't be read or understood; names every fault.
    """
    path = path.expanduser()
    content = _load(path)
    servers = _servers(content, path)
    faults: list[str] = []
    for name in overrides:
        if name not in servers:
            faults.append(f"servers.overrides.{name}: {path} has no such server. {nearest(name, servers)}")
    specs: dict[str, ServerSpec] = {}
    for name in sorted(servers):
        spec = _server(name, servers[name], overrides.get(name) or {}, path, faults)
        if spec is not None:
            specs[name] = spec
    if faults:
        lines = "\n".join(f"  {line}" for line in faults)
        raise ConfigError(f"The servers of {path} have faults:\n{lines}")
    return specs


def _servers(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    nested = content.get("mcp")
    for holder in (content, nested if isinstance(nested, Mapping) else {}):
        for key in ("mcpServers", "servers"):
            if isinstance(holder.get(key), Mapping):
                found: Mapping[str, Any] = holder[key]
                return found
    raise ConfigError(
        f"{path} has neither `mcpServers` (Claude Desktop, Cursor) nor `servers` (VS Code). "
        f"It has: {', '.join(sorted(content)) or 'nothing'}."
    )


def _server(
    name: str, entry: Any, override: Mapping[str, Any], path: Path, faults: list[str]
) -> ServerSpec | None:
    if not isinstance(entry, Mapping):
        faults.append(f"{name}: must be an object with `command` or `url`")
        return None
    if entry.get("disabled") is True or entry.get("enabled") is False or override.get("enabled") is False:
        return None
    own = entry.get("env")
    resolver = _Resolver(path, own if isinstance(own, Mapping) else ())
    known: dict[str, Any] = {}
    warnings: list[str] = []
    missing = len(faults)
    for key, value in entry.items():
        if key in _TAKEN or key == "envFile":
            known[key] = resolver.resolve(value, f"{name}.{key}", faults)
        elif key == "serverUrl":
            known["url"] = resolver.resolve(value, f"{name}.{key}", faults)
        elif key not in _WITHOUT_MEANING and key not in ("disabled", "enabled"):
            warnings.append(f"the key {key!r} of the client's file has no meaning here")
    if len(faults) > missing:
        return None
    if "envFile" in known:
        known["env"] = {**_env_file(Path(known.pop("envFile")), name, faults), **(known.get("env") or {})}
    for key in ("env", "headers"):
        if isinstance(known.get(key), Mapping):
            known[key] = {inner: _plain(value) for inner, value in known[key].items() if value is not None}
    if isinstance(known.get("env"), Mapping):
        resolver.secrets += [value for value in known["env"].values() if isinstance(value, str)]
    known = _without_bridge(known)
    spec = parse_spec(name, {**known, **override}, faults, where="servers.overrides")
    if spec is None:
        return None
    return spec.of_client_file(values=resolver.secrets, warnings=warnings)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


class _Resolver:
    """Fills in ``${env:X}``, ``${input:x}`` and the folders that clients name; remembers what is secret."""

    def __init__(self, path: Path, own: Collection[str]) -> None:
        self._own = own
        self._folder = path.resolve().parent
        if self._folder.name in (".vscode", ".cursor"):
            self._folder = self._folder.parent
        self.secrets: list[str] = []

    def resolve(self, value: Any, where: str, faults: list[str]) -> Any:
        """Return ``value`` with every variable filled in."""
        if isinstance(value, str):
            return _VARIABLE.sub(lambda found: self._fill(found, where, faults), value)
        if isinstance(value, list):
            return [self.resolve(item, where, faults) for item in value]
        if isinstance(value, Mapping):
            return {key: self.resolve(item, f"{where}.{key}", faults) for key, item in value.items()}
        return value

    def _fill(self, found: re.Match[str], where: str, faults: list[str]) -> str:
        kind, colon, name = found.group(1).partition(":")
        if colon and kind in ("env", "input"):
            variable = name if kind == "env" else re.sub(r"\W", "_", name).upper()
            value = os.environ.get(variable)
            if value is None:
                needs = f"{found.group()} needs the environment variable {variable}"
                faults.append(f"{where}: {needs}: export {variable}=...")
                return ""
            self.secrets.append(value)
            return value
        places = {
            "workspaceFolder": str(self._folder),
            "workspaceFolderBasename": self._folder.name,
            "userHome": str(Path.home()),
            "pathSeparator": os.sep,
            "/": os.sep,
        }
        if found.group(1) in places:
            return places[found.group(1)]
        hint = nearest(found.group(1), ("env:NAME", "input:id", *places))
        if hint.startswith("Did you mean"):
            faults.append(f"{where}: {found.group()} is not known. {hint}")
            return ""
        variable, dash, default = found.group(1).partition(":-")
        value = os.environ.get(variable, default if dash else None)
        if value is None or variable in self._own:
            return found.group()  # a shell's own, or the bridge's
        self.secrets.append(value)
        return value


def _env_file(path: Path, name: str, faults: list[str]) -> dict[str, str]:
    try:
        text = path.expanduser().read_text(encoding="utf-8")
    except OSError as error:
        faults.append(f"{name}.envFile: can't read {path}: {error.strerror}")
        return {}
    found = {}
    for line in text.splitlines():
        key, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not key.startswith("#"):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[key.strip()] = value[1:-1] if quoted else value
    return found


def _without_bridge(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a ``npx mcp-remote URL --header ...`` line as the plain URL server that it stands for."""
    args = entry.get("args")
    if entry.get("command") is None or not isinstance(args, list):
        return entry
    words = [str(arg) for arg in args]
    bridge = next(
        (index for index, word in enumerate(words) if re.fullmatch(r"mcp-remote(@[\w.-]+)?", word)), None
    )
    if bridge is None or bridge + 1 >= len(words):
        return entry
    rest = words[bridge + 1 :]
    url = next((word for word in rest if re.match(r"https?://", word)), None)
    if url is None:
        return entry
    environment = {key: str(value) for key, value in (entry.get("env") or {}).items()}
    headers: dict[str, str] = {}
    kind = "http"
    for position, word in enumerate(rest[:-1]):
        if word == "--header":
            header, _, value = rest[position + 1].partition(":")
            filled = re.sub(
                r"\$\{(\w+)\}", lambda found: environment.get(found.group(1), found.group()), value
            )
            headers[header.strip()] = filled.strip()
        elif word == "--transport" and rest[position + 1] == "sse-only":
            kind = "sse"
    return {"type": kind, "url": url, "headers": headers}


# --- JSON as clients accept it ---------------------------------------------------------------


def _load(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        siblings = [one.name for one in path.parent.glob("*.json")] if path.parent.is_dir() else []
        raise ConfigError(f"servers.path: there is no file {path}. {nearest(path.name, siblings)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"servers.path: can't read {path}: {error}") from error
    try:
        content = json.loads("".join(_strict(text)))
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path} is no JSON: line {error.lineno}, column {error.colno}: {error.msg}. "
            "Comments and trailing commas are fine, the rest must be JSON."
        ) from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} holds no JSON object but {type(content).__name__}.")
    return content


_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"?|//[^\n]*|/\*.*?(?:\*/|$)|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]])|.', re.DOTALL
)


def _strict(text: str) -> Iterator[str]:
    """Yield ``text`` without comments and trailing commas; positions stay where they are."""
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word.startswith(("//", "/*")) or (word == "," and _trails(text, token.end())):
            yield re.sub(r"[^\n]", " ", word)
        else:
            yield word


def _trails(text: str, position: int) -> bool:
    rest = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*[}\]]", re.DOTALL)
    return rest.match(text, position) is not None
