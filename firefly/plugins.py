"""The one registry of components, and how third-party packages join it.

A component is a class decorated with ``@register(kind, name)`` and one YAML file
``conf/<kind>/<name>.yaml`` whose ``_target_`` is the class. Built-ins use the same way.
A third-party package declares one entry point in the group ``firefly.plugins`` (its value: the
module that registers its components) and ships its YAML files in ``<package>/conf/<kind>/``. It
is found by its metadata alone and imported only when a configuration names one of its classes.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TypeVar

from firefly.errors import PluginError, nearest

GROUP = "firefly.plugins"
"""The entry-point group of third-party packages."""

DISTRIBUTION = "firefly-mcp"

KINDS = (
    "agents",
    "candidates",
    "checks",
    "explorer",
    "exporters",
    "faults",
    "fingerprint",
    "lm",
    "optimizer",
    "parser",
    "sampler",
    "scorer",
    "simulator",
    "synthesizer",
    "tier",
    "values",
    "world",
)

C = TypeVar("C", bound=type)


@dataclass(frozen=True)
class Component:
    """One registered class."""

    kind: str
    name: str
    cls: type
    package: str
    """The distribution it comes from."""

    @property
    def target(self) -> str:
        """Return the ``_target_`` of its YAML file."""
        return f"{self.cls.__module__}.{self.cls.__qualname__}"

    @property
    def summary(self) -> str:
        """Return the first line of its docstring."""
        return (inspect.getdoc(self.cls) or "").split("\n", 1)[0]

    @property
    def origin(self) -> str:
        """Return where it is defined, for messages."""
        return f"{self.target} of {self.package}"


_BY_NAME: dict[tuple[str, str], Component] = {}


def register(kind: str, name: str) -> Callable[[C], C]:
    """Register the decorated class as component ``name`` of ``kind``.

    Raises:
        PluginError: no such kind, or another class has the name already.
    """
    if kind not in KINDS:
        raise PluginError(f"No kind of component is called {kind!r}. {nearest(kind, KINDS)}")

    def decorate(cls: C) -> C:
        found = Component(kind, name, cls, _package_of(cls.__module__))
        other = _BY_NAME.get((kind, name))
        if other is not None and other.target != found.target:
            raise PluginError(
                f"Two components are registered as {kind}/{name}: {other.origin} and {found.origin}. "
                "Uninstall one of the packages, or rename its component."
            )
        _BY_NAME[(kind, name)] = found
        return cls

    return decorate


@cache
def plugin_packages() -> tuple[EntryPoint, ...]:
    """Return the installed plugin packages' entry points; imports none of them."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)))


def plugin_config_folders() -> Iterator[tuple[EntryPoint, Path]]:
    """Yield the ``conf`` folder of every plugin package that ships one, without importing it."""
    for entry in plugin_packages():
        try:
            spec = importlib.util.find_spec(_root(entry.module))
        except (ImportError, ValueError):
            continue  # reported by load_plugin when something of it is selected
        for place in (spec.submodule_search_locations or ()) if spec else ():
            folder = Path(place) / "conf"
            if folder.is_dir():
                yield entry, folder


def load_plugin(entry: EntryPoint) -> None:
    """Import a plugin package so that it registers its components.

    Raises:
        PluginError: it does not import; the message names its distribution.
    """
    try:
        importlib.import_module(entry.module)
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(
            f"The plugin package {_distribution(entry)} does not import: module {entry.module} raised "
            f"{type(error).__name__}: {error}. Fix it, or uninstall it: pip uninstall {_distribution(entry)}"
        ) from error


def resolve(target: str) -> Component:
    """Return the registered component that ``target`` (a ``_target_``) names.

    Only modules of Firefly and of the plugin package that owns the target are imported.

    Raises:
        PluginError: the target is not a registered component.
    """
    root = _root(target)
    owners = [entry for entry in plugin_packages() if _root(entry.module) == root]
    for entry in owners:
        load_plugin(entry)
    if root == "firefly":
        module = target.rpartition(".")[0]
        if _module_exists(module):
            importlib.import_module(module)
    for component in _BY_NAME.values():
        if component.target == target:
            return component
    if owners:
        reexported = _already_imported(target)
        for component in _BY_NAME.values():
            if component.cls is reexported:
                return component
    known = [component.target for component in _BY_NAME.values()]
    raise PluginError(
        f"{target!r} is not a registered component, so it is neither imported nor called. "
        f"{nearest(target, known) if known else ''} `firefly plugins` lists all components; "
        f"a package joins them with an entry point in the group {GROUP!r}."
    )


def components() -> tuple[Component, ...]:
    """Return everything registered so far, by kind and name."""
    return tuple(_BY_NAME[key] for key in sorted(_BY_NAME))


def _root(dotted: str) -> str:
    return dotted.partition(".")[0]


def _module_exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _already_imported(target: str) -> object:
    module, _, name = target.rpartition(".")
    return getattr(sys.modules.get(module), name, None)


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.name


def _package_of(module: str) -> str:
    for entry in plugin_packages():
        if _root(entry.module) == _root(module):
            return _distribution(entry)
    return DISTRIBUTION if _root(module) == "firefly" else _root(module)
