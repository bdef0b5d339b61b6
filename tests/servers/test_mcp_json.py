from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firefly.errors import ConfigError
from firefly.servers.spec import ServerSpec, parse_specs
from tests.servers.conftest import SERVER, Start, ask, begin

CLAUDE = {
    "globalShortcut": "Ctrl+Space",
    "mcpServers": {
        "git": {
            "command": "uvx",
            "args": ["mcp-server-git==2026.10.19"],
            "env": {"TOKEN_OF_MINE": "hush-hush-1"},
        },
        "off": {"command": "x", "disabled": True},
    },
}
CURSOR = """{
  "mcpServers": {
    "bridge": {"command": "npx", "args": ["-y", "mcp-remote@latest", "https://example.com/mcp",
               "--header", "Authorization: Bearer ${AUTH}"], "env": {"AUTH": "hush-hush-2"}},
    "plain": {"url": "http://127.0.0.1:1/mcp", "headers": {"X-Key": "${env:MY_KEY}"}}
  }
}"""
VSCODE = """{
  // asked once
  "inputs": [{"type": "promptString", "id": "api-key", "password": true}],
  /* the servers */
  "servers": {
    "files": {
      "type": "stdio",
      "command": "node",
      "args": ["${workspaceFolder}/server.js", "--home=${userHome}", "http://x/y", "a // b", "c,]",],
      "env": {"KEY": "${input:api-key}", "LEVEL": 3, "DEBUG": true,},
      "dev": {"watch": "x"},
      "sandboxed": true, // not known to us
    },
    "old": {"type": "sse", "url": "https://example.com/sse"},
  },
}
"""


def read(path: Path, text: str | dict[str, Any], **overrides: Any) -> dict[str, ServerSpec]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return parse_specs({"path": str(path), "overrides": overrides})


def test_a_claude_desktop_file_is_read_as_it_is(tmp_path: Path) -> None:
    specs = read(tmp_path / "claude_desktop_config.json", CLAUDE)
    assert list(specs) == ["git"]
    assert specs["git"].command == "uvx" and not specs["git"].disposable
    assert specs["git"].secrets == ("hush-hush-1",)
    assert "hush" not in json.dumps(specs["git"].public())


def test_a_cursor_file_may_bridge_to_a_remote_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "hush-hush-3")
    specs = read(tmp_path / ".cursor" / "mcp.json", CURSOR)
    assert (specs["bridge"].command, specs["bridge"].url) == (None, "https://example.com/mcp")
    assert specs["bridge"].headers == {"Authorization": "Bearer hush-hush-2"}
    assert "hush-hush-2" in specs["bridge"].secrets
    assert specs["plain"].headers == {"X-Key": "hush-hush-3"}


def test_a_vs_code_file_may_have_comments_commas_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "hush-hush-4")
    specs = read(tmp_path / ".vscode" / "mcp.json", VSCODE)
    files = specs["files"]
    assert files.args == [f"{tmp_path}/server.js", f"--home={Path.home()}", "http://x/y", "a // b", "c,]"]
    assert files.env == {"KEY": "hush-hush-4", "LEVEL": "3", "DEBUG": "true"}
    assert any("'sandboxed'" in warning for warning in files.warnings)
    assert files.secrets == ("hush-hush-4",)  # every value is one, but "3" and "true" would hit ordinary text
    assert files.public()["env"] == {"DEBUG": None, "KEY": None, "LEVEL": None}
    assert specs["old"].type == "sse"


def test_missing_variables_are_named_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY", raising=False)
    text = VSCODE.replace("${userHome}", "${env:NOT_SET}").replace("${workspaceFolder}", "${workspaceFoldr}")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "mcp.json", text)
    message = str(caught.value)
    assert "files.env.KEY: ${input:api-key} needs the environment variable API_KEY" in message
    assert "${env:NOT_SET} needs the environment variable NOT_SET" in message
    assert "Did you mean 'workspaceFolder'" in message


def test_overrides_add_our_own_keys(tmp_path: Path) -> None:
    specs = read(tmp_path / "c.json", CLAUDE, git={"disposable": True, "pins": ["mcp<2"]})
    assert specs["git"].disposable and specs["git"].pins == ["mcp<2"]
    with pytest.raises(ConfigError, match="Did you mean 'git'"):
        read(tmp_path / "c.json", CLAUDE, gti={})
    with pytest.raises(ConfigError, match=r"servers\.overrides\.git\.disposible"):
        read(tmp_path / "c.json", CLAUDE, git={"disposible": True})
    assert read(tmp_path / "c.json", CLAUDE, git={"enabled": False}) == {}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "line 1"),
        ('{"mcpServers": {"a": 1}}', "a: must be an object"),
        ("[]", "no JSON object"),
        ('{"mcp": {}}', "neither `mcpServers`"),
        ('{"mcpServers": {"a": {"env": {"K": "hush-hush-5"}}}}', "`command`"),
    ],
)
def test_a_file_that_cannot_be_understood_says_where(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "c.json", text)
    assert part in str(caught.value) and "hush" not in str(caught.value)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "mcp.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"Did you mean 'mcp\.json'"):
        parse_specs({"path": str(tmp_path / "mpc.json")})


def test_an_env_file_is_read_and_its_values_are_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# comment\nexport A='hush-hush-6'\nB=hush-hush-7\n")
    servers = {
        "servers": {"m": {"command": "x", "envFile": "${workspaceFolder}/.env", "env": {"B": "hush-hush-8"}}}
    }
    spec = read(tmp_path / ".vscode" / "mcp.json", servers)["m"]
    assert spec.env == {"A": "hush-hush-6", "B": "hush-hush-8"}
    assert set(spec.secrets) == {"hush-hush-6", "hush-hush-8"}


def test_literal_values_of_a_users_file_come_back_in_no_result(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry = {"command": "python", "args": [SERVER], "env": {"ANYTHING": "hush-hush-9"}}
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"mcpServers": {"m": entry}}))
    backend = start({"path": str(path), "overrides": {"m": {"allow": ["environment", "crash"]}}})
    with begin(backend) as episode:
        found = ask(episode, "environment")
        ask(episode, "crash")
    assert '"ANYTHING": "***"' in found.text
    everything = backend.listing("m").to_json() + "".join(step.to_json() for step in episode.steps)
    assert "hush" not in everything + caplog.text
