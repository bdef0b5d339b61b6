"""From what Hydra composed to a configuration: every fault, of whatever part, in one `ConfigError`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from firefly.components import TARGET, faults, keywords, state_faults, validation_faults, wanting
from firefly.config.shape import PLURAL_GROUPS, SINGLE_GROUPS, ComponentConfig, RunConfig
from firefly.errors import ConfigError, PluginError, nearest
from firefly.lm.models import Settings
from firefly.plugins import resolve


def load_config(composed: DictConfig) -> RunConfig:
    """Return the validated configuration.

    Raises:
        ConfigError: names every fault with its path.
    """
    return check_config(plain_of(composed))


def plain_of(composed: DictConfig) -> dict[str, Any]:
    """Return a composed configuration as plain values, without what is Hydra's own.

    Raises:
        ConfigError: a value is missing.
    """
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        what = str(error).split("\n", 1)[0]
        raise ConfigError(
            f"{key or 'configuration'}: {what} Give it on the command line: {key or 'key'}=VALUE"
        ) from error
    if not isinstance(plain, Mapping):
        raise ConfigError("The configuration is not a mapping.")
    return {str(key): value for key, value in plain.items() if key != "hydra"}


def check_config(plain: Mapping[str, Any]) -> RunConfig:
    """Validate a composed configuration that is already plain.

    Raises:
        ConfigError: names every fault with its path.
    """
    found: list[str] = []
    config: RunConfig | None = None
    try:
        config = RunConfig.model_validate(dict(plain))
    except ValidationError as error:
        found += validation_faults(error, known=tuple(RunConfig.model_fields))
    for group in (*SINGLE_GROUPS, *PLURAL_GROUPS):
        if group in plain:
            found += faults(plain[group], (group,))
            found += state_faults(plain[group], (group,))
    found += _model_faults(plain)
    for group in SINGLE_GROUPS:
        if isinstance(plain.get(group), Mapping) and TARGET not in plain[group]:
            found.append(f"{group}: has no {TARGET}. Choose an option of the group, e.g. {group}=NAME")
    if config is not None:
        found += _contradictions(config)
    if found or config is None:
        raise ConfigError("The configuration has faults:\n" + "\n".join(f"  {line}" for line in found))
    return config


def _contradictions(config: RunConfig) -> list[str]:
    """Return what does not go together."""
    found = []
    if not config.baseline and _guesses(config.simulator):
        found.append(
            "simulator: it answers beyond what the recordings prove, so tasks can't be checked with it. "
            "Take simulator=strict here; others are for a finished data set: firefly serve DATASET "
            "simulator=NAME. For a baseline to compare with, add baseline=true: its data set is marked as "
            "not verified by rules"
        )
    if config.measure.any and len(config.splits.parts) > 1:
        found.append("measure: only a run of one split can be measured. Take splits=none")
    return found


def _guesses(simulator: ComponentConfig) -> bool:
    try:
        return bool(getattr(resolve(str(simulator.get(TARGET, ""))).cls, "loose", False))
    except PluginError:
        return False  # told already


def _model_faults(plain: Mapping[str, Any]) -> list[str]:
    lm = plain.get("lm") or {}
    if not isinstance(lm, Mapping):
        return []  # told already
    settings = Settings.of(lm)
    known = (*keywords(str(lm.get(TARGET, ""))), "mode", "transcript")
    found = [f"lm.{key}: there is no such key. {nearest(key, known)}" for key in settings.strange]
    if settings.mode not in _MODES:
        found.append(f"lm.mode: {settings.mode!r} is no mode. {nearest(str(settings.mode), _MODES)}")
    for path, described in (("", settings.default), *settings.roles.items()):
        if described is not None and TARGET in described:
            found += faults(described, ("lm", *((path,) if path else ())))
        elif described is not None:
            found.append(f"lm.{path}: has no {TARGET}. Choose a model for it: +lm@lm.{path}=NAME")
    if settings.any:
        return found
    for group in (*SINGLE_GROUPS, *PLURAL_GROUPS):
        try:
            asking = wanting(plain.get(group) or {}, "models")
        except PluginError:
            continue  # told already
        for one in asking:
            without = f", or use what asks none: {group}={_WITHOUT[group]}" if group in _WITHOUT else ""
            found.append(
                f"{group}: {one.kind}={one.name} asks a language model, and none is chosen. Choose one, e.g. "
                f"lm=ollama lm.model=NAME, lm=openai, or lm=openai_compatible lm.base_url=URL "
                f"lm.model=NAME{without}"
            )
    return found


_MODES = ("record", "replay", "live")


_WITHOUT = {"scorer": "combined", "explorer": "symbolic", "synthesizer": "template", "simulator": "strict"}
"""The option of a group that needs no model."""
