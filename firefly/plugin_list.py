"""``firefly plugins``: every component that a configuration can choose."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from firefly.app import check_collisions, config_folder
from firefly.components import TARGET
from firefly.errors import FireflyError
from firefly.plugins import (
    KINDS,
    Component,
    components,
    load_plugin,
    plugin_config_folders,
    plugin_packages,
    resolve,
)

HELP = """usage: firefly plugins [--json] [KIND ...]

Lists the registered components: kind, name, package, summary. A component is chosen as KIND=NAME
(plural groups: +KIND=NAME)."""


def main(arguments: Sequence[str]) -> int:
    """Print the table; return the exit code."""
    wanted = [one for one in arguments if not one.startswith("-")]
    options = {one for one in arguments if one.startswith("-")}
    if options & {"-h", "--help"}:
        print(HELP)
        return 0
    unknown = [one for one in wanted if one not in KINDS] + sorted(options - {"--json"})
    if unknown:
        print(
            f"firefly plugins: no kind or option {unknown[0]!r}. Kinds: {', '.join(KINDS)}.", file=sys.stderr
        )
        return 2
    try:
        found = [one for one in all_components() if not wanted or one.kind in wanted]
    except FireflyError as error:
        print(f"firefly: {error}", file=sys.stderr)
        return 1
    rows = [(one.kind, one.name, one.package, one.summary) for one in found]
    if "--json" in options:
        for kind, name, package, summary in rows:
            print(json.dumps({"kind": kind, "name": name, "package": package, "summary": summary}))
        return 0
    header = ("kind", "name", "package", "summary")
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(3)]
    for row in [header, *rows]:
        print(
            "  ".join(
                [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]
            ).rstrip()
        )
    return 0


def all_components() -> tuple[Component, ...]:
    """Import every plugin package and every target of the built-in options; return what is registered.

    Raises:
        PluginError: a package does not import, collides, or an option names something unregistered.
    """
    check_collisions()
    for entry in plugin_packages():
        load_plugin(entry)
    for folder in [config_folder(), *(folder for _, folder in plugin_config_folders())]:
        for target in sorted(set(_targets(folder))):
            resolve(target)
    return components()


def _targets(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.yaml")):
        if path.relative_to(folder).parts[0] in KINDS:
            yield from _targets_in(OmegaConf.to_container(OmegaConf.load(path), resolve=False))


def _targets_in(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        if TARGET in content:
            yield str(content[TARGET])
        for value in content.values():
            yield from _targets_in(value)
