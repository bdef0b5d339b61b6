"""The shape of the configuration ``optimize``: a run's, and what is tuned on how much of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firefly.components import TARGET, faults, validation_faults
from firefly.config import RunConfig, check_config
from firefly.errors import ConfigError

__all__ = ["OptimizeConfig", "read"]


class OptimizeConfig(BaseModel):
    """What is tuned, and on how much."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    part: Literal["explorer", "synthesizer"]
    """The group whose component is tuned."""
    train: int = Field(ge=1)
    """Most items that the optimiser learns from: sub-DAGs, or explorations of different ones."""
    validation: int = Field(ge=1)
    """Most items that it is judged by; none of them is learnt from."""
    path: Path
    """Folder for the states."""


def read(plain: Mapping[str, Any]) -> tuple[RunConfig, OptimizeConfig, Mapping[str, Any]]:
    """Return the run's configuration, what is tuned, and the described optimiser.

    Raises:
        ConfigError: names every fault with its path.
    """
    rest = {key: value for key, value in plain.items() if key not in ("optimize", "optimizer")}
    described = plain.get("optimizer") or {}
    found: list[str] = faults(described, ("optimizer",))
    if TARGET not in described:
        found.append("optimizer: none is chosen. Choose one: optimizer=gepa or optimizer=bootstrap")
    settings: OptimizeConfig | None = None
    try:
        settings = OptimizeConfig.model_validate(plain.get("optimize"))
    except ValidationError as error:
        found += validation_faults(error, ("optimize",), tuple(OptimizeConfig.model_fields))
    config: RunConfig | None = None
    try:
        config = check_config(rest)
    except ConfigError as error:
        found += [line.strip() for line in str(error).split("\n")[1:]]
    if config is not None and len(config.splits.parts) > 1:
        found.append("splits: prompts are tuned on one world. Leave out the splits: splits=none")
    if found or config is None or settings is None:
        raise ConfigError("The configuration has faults:\n" + "\n".join(f"  {line}" for line in found))
    return config, settings, described
