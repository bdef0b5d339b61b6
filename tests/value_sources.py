"""All value sources in the order in which the default configuration lists them."""

from __future__ import annotations

from collections.abc import Sequence

from firefly.protocols import ValueSource
from firefly.values import declared, description, dictionary, errors, grammar, launch, observed, pool, schema

SOURCES: Sequence[ValueSource] = (
    dictionary.Dictionary(),
    observed.Observed(),
    declared.Enum(),
    declared.Default(),
    declared.Examples(),
    description.Description(),
    launch.Launch(),
    grammar.Grammar(),
    errors.Errors(),
    pool.Pool(),
    schema.Schema(),
)
