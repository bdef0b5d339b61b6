"""A run's configuration, checked as a whole before anything happens.

Hydra composes plain YAML; `load_config` turns the result into one validated value.
"""

from firefly.config.checked import check_config, load_config, plain_of
from firefly.config.shape import (
    PLURAL_GROUPS,
    SINGLE_GROUPS,
    STAGE_NAMES,
    CacheConfig,
    ComponentConfig,
    ParallelConfig,
    RunConfig,
    SplitsConfig,
    StoreConfig,
)

__all__ = [
    "PLURAL_GROUPS",
    "SINGLE_GROUPS",
    "STAGE_NAMES",
    "CacheConfig",
    "ComponentConfig",
    "ParallelConfig",
    "RunConfig",
    "SplitsConfig",
    "StoreConfig",
    "check_config",
    "load_config",
    "plain_of",
]
