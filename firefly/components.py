"""From plain YAML to components: check the whole tree first, then build.

Nothing is instantiated before every ``_target_`` of the configuration is known to the registry and
every keyword has been checked against the class's signature; all faults are reported together.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path as FilePath
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from firefly.errors import ConfigError, PluginError, nearest
from firefly.plugins import Component, resolve

Path = tuple[str, ...]

TARGET = "_target_"

SUPPLIED = ("models",)
"""Keywords that the run supplies to the components that have them; a configuration can't give them."""


def faults(config: Any, path: Path = ()) -> list[str]:
    """Return every fault of the component descriptions inside ``config``, with their paths."""
    found: list[str] = []
    for where, description in _descriptions(config, path):
        target = description[TARGET]
        try:
            component = resolve(str(target))
        except PluginError as error:
            found.append(f"{dotted((*where, TARGET))}: {error}")
            continue
        found += [
            f"{dotted((*where, name))}: {message}" for name, message in _bad_arguments(component, description)
        ]
    return found


def build(config: Any, supplied: Mapping[str, Any] | None = None) -> Any:
    """Return ``config`` with every component description replaced by its instance.

    Call `faults` on the whole configuration first.

    Args:
        config: the description.
        supplied: values of the keywords in `SUPPLIED`, for the components that have them.

    Raises:
        ConfigError: a component refuses its arguments.
    """
    supplied = supplied or {}
    if isinstance(config, Mapping):
        if TARGET not in config:
            return {key: build(value, supplied) for key, value in config.items()}
        component = resolve(str(config[TARGET]))
        arguments = {key: build(value, supplied) for key, value in config.items() if key != TARGET}
        model = _signature_model(component, arguments)
        given = {name: supplied[name] for name in _supplied_to(component) if name in supplied}
        try:
            checked = model.model_validate(arguments)
            return component.cls(**{name: getattr(checked, name) for name in arguments}, **given)
        except (ValidationError, ValueError) as error:
            raise ConfigError(f"{component.kind}={component.name}: {error}") from error
    if isinstance(config, Sequence) and not isinstance(config, str):
        return [build(value, supplied) for value in config]
    return config


def wanting(config: Any, name: str) -> list[Component]:
    """Return the components that ``config`` describes to which the run supplies the keyword ``name``."""
    return [one for one in source_digest_targets(config) if name in _supplied_to(one)]


def descriptions(config: Any, name: str) -> list[Mapping[str, Any]]:
    """Return the descriptions inside ``config`` of the components to which the run supplies ``name``."""
    return [
        described
        for _, described in _descriptions(config, ())
        if name in _supplied_to(resolve(str(described[TARGET])))
    ]


def states_of(config: Any) -> dict[str, str]:
    """Return the digest of every file that holds the state of a prompt (``state``, ``..._state``)."""
    return {
        dotted(path): hashlib.sha256(FilePath(value).read_bytes()).hexdigest()[:32]
        for path, value in _states(config, ())
        if FilePath(value).is_file()
    }


def state_faults(config: Any, path: Path = ()) -> list[str]:
    """Return every fault of the files inside ``config`` that hold states of prompts, with their paths."""
    found = ((dotted(where), no_state(FilePath(value))) for where, value in _states(config, path))
    return [f"{where}: {fault}" for where, fault in found if fault]


def no_state(file: FilePath) -> str:
    """Return what to say of a file that can't hold the state of a prompt; "" where it may."""
    if file.suffix == ".json" and file.is_file():
        return ""
    return (
        f"{file} is no JSON file. Name one that `python -m firefly --config-name optimize` (or "
        "predictor.save('NAME.json')) wrote; pickled programs are never loaded."
    )


def _states(config: Any, path: Path) -> Iterator[tuple[Path, str]]:
    for where, described in _descriptions(config, path):
        for name, value in described.items():
            if re.fullmatch(r"(?:\w+_)?state", str(name)) and isinstance(value, str):
                yield (*where, str(name)), value


def keywords(target: str) -> frozenset[str]:
    """Return the keywords of the registered component ``target``; none where there is no such component."""
    try:
        component = resolve(target)
    except PluginError:
        return frozenset()
    return frozenset(inspect.signature(component.cls).parameters) - set(SUPPLIED)


def _supplied_to(component: Component) -> tuple[str, ...]:
    return tuple(name for name in SUPPLIED if name in inspect.signature(component.cls).parameters)


@cache
def build_described(description: str) -> Any:
    """Return the component that a JSON text describes; the same one each time in one process."""
    return build(json.loads(description))


def source_digest_targets(config: Any) -> tuple[Component, ...]:
    """Return the components that ``config`` describes, in order; part of every store key."""
    return tuple(resolve(str(description[TARGET])) for _, description in _descriptions(config, ()))


def dotted(path: Path) -> str:
    """Return ``path`` as Hydra users write it."""
    return ".".join(path)


def validation_faults(error: ValidationError, path: Path = (), known: Sequence[str] = ()) -> list[str]:
    """Return one line ``path: message`` for each fault of a pydantic error."""
    lines = []
    for fault in error.errors(include_url=False, include_context=False):
        where = (*path, *(str(part) for part in fault["loc"]))
        if fault["type"] == "extra_forbidden":
            lines.append(f"{dotted(where)}: there is no such key. {nearest(where[-1], known)}")
        else:
            # what is wrong with all of it together would be shown all of it, secrets among it
            whole = fault["type"] == "missing" or not fault["loc"]
            given = "" if whole else f" (given: {_short(fault['input'])})"
            lines.append(f"{dotted(where)}: {fault['msg']}{given}{_nearest_literal(fault)}")
    return lines


def _nearest_literal(fault: Mapping[str, Any]) -> str:
    if fault["type"] != "literal_error" or not isinstance(fault["input"], str):
        return ""
    close = difflib.get_close_matches(fault["input"], re.findall(r"'([^']+)'", fault["msg"]), n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""


def _descriptions(config: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if isinstance(config, Mapping):
        if TARGET in config:
            yield path, config
        for key, value in config.items():
            yield from _descriptions(value, (*path, str(key)))
    elif isinstance(config, Sequence) and not isinstance(config, str):
        for index, value in enumerate(config):
            yield from _descriptions(value, (*path, str(index)))


def _bad_arguments(component: Component, description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    arguments = {str(key): value for key, value in description.items() if key != TARGET}
    model = _signature_model(component, arguments)
    try:
        model.model_validate(arguments)
    except ValidationError as error:
        for line in validation_faults(error, known=tuple(model.model_fields)):
            name, _, message = line.partition(": ")
            yield name, message


def _signature_model(component: Component, arguments: Mapping[str, Any]) -> type[BaseModel]:
    """Return a model of the class's keyword arguments; those that hold components accept anything."""
    signature = inspect.signature(component.cls)
    initializer = next(vars(base)["__init__"] for base in component.cls.__mro__ if "__init__" in vars(base))
    hints = get_type_hints(initializer) if inspect.isfunction(initializer) else {}
    fields: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or name in SUPPLIED:
            continue
        hint = hints.get(name, Any)
        nested = name in arguments and (
            not _is_plain(arguments[name]) or any(True for _ in _descriptions(arguments[name], ()))
        )
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (Any if nested else hint, default)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())
    try:
        return create_model(component.name, __config__=config, **fields)
    except (PydanticUserError, SchemaError):  # a hint that no value can be checked against
        unchecked: dict[str, Any] = {name: (Any, default) for name, (_, default) in fields.items()}
        return create_model(component.name, __config__=config, **unchecked)


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return all(_is_plain(one) for one in value)
    return value is None or isinstance(value, (str, int, float, bool))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
