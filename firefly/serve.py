"""``firefly serve``: composes ``conf/serve.yaml`` and serves a finished data set as an MCP server."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from firefly.app import FireflySearchPath, check_collisions, config_folder
from firefly.components import TARGET, build, faults, validation_faults
from firefly.errors import ConfigError, FireflyError
from firefly.mistakes import explained, with_open_servers

if TYPE_CHECKING:
    from firefly.protocols import Backend
    from firefly.serving.config import ServeConfig

HELP = """usage: firefly serve DATASET [KEY=VALUE ...]

Serves the recorded tools of a data set as an MCP server, over stdio unless told otherwise. Its keys:
"""

_ERRORS = (FireflyError, HydraException, OmegaConfBaseException)


def main(arguments: Sequence[str]) -> int:
    """Serve until stopped; return the exit code."""
    if set(arguments) & {"-h", "--help"}:
        print(HELP)
        print((config_folder() / "serve.yaml").read_text(encoding="utf-8"))
        return 0
    if not arguments or "=" in arguments[0] or arguments[0].startswith("-"):
        print(
            "usage: firefly serve DATASET [KEY=VALUE ...]; firefly serve --help lists the keys",
            file=sys.stderr,
        )
        return 2
    try:
        with _one_error():
            _serve(composed(arguments[0], arguments[1:]))
    except _ERRORS as error:
        print(f"firefly serve: {explained(error, arguments[1:], config_folder(), 'serve')}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


@contextmanager
def _one_error() -> Iterator[None]:
    """Take a failure that several tasks share as the one it is."""
    try:
        yield
    except BaseExceptionGroup as group:
        found: BaseException = group
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        raise found from None


def composed(dataset: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the plain configuration.

    Raises:
        ConfigError: an override is no KEY=VALUE.
    """
    Plugins.instance().register(FireflySearchPath)
    check_collisions()
    for one in overrides:
        if "=" not in one and not one.startswith("~"):
            raise ConfigError(f"{one!r} is no KEY=VALUE. firefly serve --help lists the keys.")
    folder = str(Path(dataset).expanduser().absolute()).replace("\\", "\\\\").replace("'", "\\'")
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        found = compose("serve", [*with_open_servers(overrides), f"dataset='{folder}'"])
    plain = OmegaConf.to_container(found, resolve=True, throw_on_missing=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


_COMPONENTS = ("simulator", "faults", "world")
_OTHERS = ("lm", "servers", "sessions", "offline", "cache")


def _checked(plain: Mapping[str, Any]) -> ServeConfig:
    """Return the validated configuration.

    Raises:
        ConfigError: names every fault with its path.
    """
    from firefly.serving.config import ServeConfig

    found: list[str] = []
    config = None
    try:
        config = ServeConfig.model_validate(
            {key: value for key, value in plain.items() if key not in (*_COMPONENTS, *_OTHERS)}
        )
    except ValidationError as error:
        found += validation_faults(error, known=tuple(ServeConfig.model_fields))
    for group in _COMPONENTS:
        if plain.get(group) is not None:
            found += faults(plain[group], (group,))
    if TARGET not in (plain.get("simulator") or {}):
        found.append(f"simulator: has no {TARGET}. Choose an option of the group: simulator=NAME")
    if found or config is None:
        lines = [line.removeprefix(": ").replace("Value error, ", "") for line in found]
        raise ConfigError("The configuration has faults:\n" + "\n".join(f"  {line}" for line in lines))
    return config


def _serve(plain: dict[str, Any]) -> None:
    config = _checked(plain)
    import anyio

    from firefly.faults import FaultyBackend
    from firefly.lm.models import Models, Settings
    from firefly.protocols import UsesLive, UsesModel
    from firefly.replay.cassette import Cassette
    from firefly.serving import ServedDataset
    from firefly.serving.episodes import Episodes
    from firefly.serving.http import serve_http
    from firefly.serving.log import Counts, EpisodeLog
    from firefly.serving.stdio import serve_stdio

    with ExitStack() as stack:
        simulator = build(plain["simulator"])
        on_purpose = {
            name: build(described) for name, described in (plain.get("faults") or {}).items() if described
        }
        if plain.get("servers"):
            if not isinstance(simulator, UsesLive):
                raise ConfigError(
                    "servers: this simulator asks no live servers; take simulator=live or lenient"
                )
            simulator.use_live(stack.enter_context(_live(plain)))

        def backend_of(cassette: Cassette) -> Backend:
            backend: Backend = simulator.backend(cassette)
            return FaultyBackend(backend, on_purpose, seed=config.seed) if on_purpose else backend

        settings = Settings.of(plain.get("lm") or {})
        if settings.any:
            if not isinstance(simulator, UsesModel):
                raise ConfigError("lm: this simulator asks no model; take simulator=lenient")
            models = Models(settings)
            stack.callback(models.close)
            models.check()
            simulator.use_model(models.lm("simulator"))

        dataset = ServedDataset(config.dataset, backend_of)
        log = EpisodeLog(config.log)
        stack.callback(log.close)
        chosen = config.episodes
        if config.transport == "stdio" and chosen.task is None and chosen.servers is None:
            chosen = chosen.model_copy(update={"servers": ["all"]})  # the client can't say which
        gc.collect()
        gc.freeze()  # what was loaded stays: collections need not walk through it with every thousand calls
        episodes = Episodes(dataset, chosen, log=log, counts=Counts(), seed=config.seed)
        if config.transport == "http":
            anyio.run(serve_http, episodes, config)
            _say(episodes)
        else:

            def at_end() -> None:
                _say(episodes)
                log.close()

            anyio.run(serve_stdio, episodes, at_end)


def _say(episodes: Any) -> None:
    tiers = episodes.counts.tiers
    begun, _ = episodes.counts.episodes
    shown = ", ".join(f"{tier} {count}" for tier, count in tiers.items()) or "none"
    print(f"firefly serve: stopped; episodes {begun}, calls: {shown}", file=sys.stderr, flush=True)


@contextmanager
def _live(plain: Mapping[str, Any]) -> Iterator[Backend]:
    """Make the live servers, in fresh sandboxes over their world."""
    from firefly.servers.live import LiveBackend
    from firefly.servers.spec import parse_specs

    with ExitStack() as stack:
        world = Path(stack.enter_context(TemporaryDirectory(prefix="firefly-world-")))
        if plain.get("world"):
            build(plain["world"]).build(world)
        live = LiveBackend(
            parse_specs(plain["servers"]),
            fixture=world,
            cache_dir=Path(plain["cache"]["path"]),
            offline=bool(plain["offline"]),
            max_sessions=int(plain["sessions"]["live"]),
        )
        stack.enter_context(live)
        yield live.fresh
