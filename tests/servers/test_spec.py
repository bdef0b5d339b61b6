from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firefly.errors import ConfigError
from firefly.servers.spec import ServerSpec, parse_specs

LOCAL: dict[str, Any] = {"command": "python", "args": ["-m", "x"]}


def one(**keys: Any) -> ServerSpec:
    return parse_specs({"m": keys})["m"]


def faults(servers: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_specs(servers)
    return str(caught.value)


def test_every_fault_of_every_server_is_reported_with_its_path() -> None:
    message = faults(
        {
            "a": {**LOCAL, "dispossable": True},
            "b": {**LOCAL, "call_timeout": -1, "mode": "fast"},
            "c": {"args": ["x"]},
            "d": {"command": "x", "url": "http://h/mcp"},
            "e": 7,
        }
    )
    assert "servers.a.dispossable" in message and "Did you mean 'disposable'?" in message
    assert "servers.b.call_timeout" in message and "servers.b.mode" in message
    assert "servers.c" in message and "servers.d" in message and "`command`" in message
    assert "servers.e" in message


@pytest.mark.parametrize(
    ("keys", "part"),
    [
        ({"url": "http://h/mcp", "disposable": True}, "disposable"),
        ({"url": "ftp://h/mcp"}, "http://"),
        ({"url": "http://h/mcp", "pins": ["x<2"]}, "pins"),
        ({**LOCAL, "headers": {"A": "b"}}, "headers"),
        ({**LOCAL, "fixture": "/nowhere"}, "disposable"),
        ({**LOCAL, "disposable": True, "fixture": "/nowhere"}, "no folder /nowhere"),
        ({**LOCAL, "disposable": True, "state": {"fingerprint": "none"}}, "state.scope: own"),
        (
            {**LOCAL, "disposable": True, "state": {"scope": "own", "fingerprint": {"probe": []}}},
            "fingerprint",
        ),
        ({**LOCAL, "name": "n"}, "servers.m.name"),
    ],
)
def test_what_does_not_fit_together_is_refused(keys: dict[str, Any], part: str) -> None:
    assert part in faults({"m": keys})


def test_a_message_never_shows_the_values_of_env_and_headers() -> None:
    assert "swordfish" not in faults({"m": {**LOCAL, "env": {"A": ["swordfish"]}}})
    assert "swordfish" not in faults(
        {"m": {"url": "http://h/mcp", "headers": {"A": {"b": "swordfish"}}, "x": 1}}
    )


def test_scopes_follow_from_what_may_be_destroyed() -> None:
    assert one(**LOCAL, disposable=True).scope == "workspace"
    assert one(**LOCAL, disposable=True, state={"scope": "own"}).scope == "own:m"
    assert one(**LOCAL, state={"scope": "none"}).scope == "none"
    assert one(**LOCAL).scope == "remote:m"
    assert one(url="http://h/mcp").scope == "remote:m"


def test_the_home_of_a_disposable_server_is_isolated_unless_it_says_otherwise() -> None:
    assert one(**LOCAL, disposable=True).isolated_home
    assert not one(**LOCAL).isolated_home
    assert one(**LOCAL, home="isolated").isolated_home


def test_public_tells_no_secret_but_keeps_what_shapes_answers() -> None:
    spec = one(**LOCAL, env={"API_KEY": "swordfish-1", "PLACE": "/workspace/books"})
    assert spec.public()["env"] == {"API_KEY": None, "PLACE": "/workspace/books"}
    assert one(**LOCAL, env={"API_KEY": "swordfish-2", "PLACE": "/workspace/books"}).digest == spec.digest
    assert one(**LOCAL, env={"API_KEY": "swordfish-1", "PLACE": "/workspace"}).digest != spec.digest
    remote = one(url="http://h/mcp?key=Bearer-swordfish", headers={"Authorization": "Bearer-swordfish"})
    assert "swordfish" not in json.dumps(remote.public())


def test_a_token_is_a_secret_without_its_scheme_too() -> None:
    spec = one(url="http://h/mcp", headers={"Authorization": "Bearer abcdef-123456"})
    assert spec.secrets == ("Bearer abcdef-123456", "abcdef-123456")


def test_disabled_and_null_servers_are_left_out() -> None:
    assert list(parse_specs({"a": {**LOCAL, "enabled": False}, "b": None, "c": LOCAL})) == ["c"]


def test_a_file_needs_its_keys_spelt_right(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'overrides'"):
        parse_specs({"path": str(tmp_path / "x.json"), "override": {}})
