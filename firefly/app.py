"""The Hydra application: ``python -m firefly`` composes a configuration and runs the stages.

Imports only Hydra and the standard library, so that ``--help`` and completion stay quick.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from firefly.errors import FireflyError, PluginError, RunError
from firefly.mistakes import explained, with_open_servers
from firefly.plugins import DISTRIBUTION, plugin_config_folders

log = logging.getLogger("firefly")

SECRET_KEYS = ("env", "headers")
REDACTED = "***"
VARIABLE_KEY = "key_variable"
"""Names the environment variable of a key; what is no such name may be the key itself."""


def config_folder() -> Path:
    """Return the folder of the built-in configuration, in a clone or in an installed wheel."""
    inside = Path(__file__).resolve().parent
    return inside / "conf" if (inside / "conf").is_dir() else inside.parent / "conf"


class FireflySearchPath(SearchPathPlugin):
    """Adds the ``conf`` folder of every plugin package."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append one entry per package, named after its entry point."""
        for entry, folder in plugin_config_folders():
            search_path.append(provider=entry.name, path=f"file://{folder}")


class RedactSweep(Callback):
    """Keeps the values of ``env`` and ``headers`` out of the ``multirun.yaml`` that Hydra writes."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Redact the configuration that is written; jobs compose theirs anew."""
        OmegaConf.set_struct(config, False)
        for group in ("servers", "lm"):
            found = OmegaConf.select(config, group)
            if isinstance(found, DictConfig):
                config[group] = redacted(OmegaConf.to_container(found, resolve=False))

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Redact the overrides, which the sweeper has read by now."""
        written = Path(HydraConfig.get().sweep.dir) / "multirun.yaml"
        if not written.is_file():
            return
        sweep = OmegaConf.load(written)
        overrides = [str(one) for one in OmegaConf.select(sweep, "hydra.overrides.task") or ()]
        hidden = [_redact_override(one) for one in overrides]
        if hidden != overrides:
            OmegaConf.update(sweep, "hydra.overrides.task", hidden)
            OmegaConf.update(sweep, "hydra.job.override_dirname", ",".join(hidden))
            OmegaConf.save(sweep, written)


def redacted(tree: Any) -> Any:
    """Return ``tree`` with every literal value of an ``env`` or ``headers`` mapping hidden.

    Interpolations such as ``${oc.env:TOKEN}`` name a secret without holding it and stay. So does a
    ``key_variable`` that can be the name of a variable.
    """
    if isinstance(tree, dict):
        return {key: _redacted_value(key, value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [redacted(one) for one in tree]
    return tree


def _redacted_value(key: Any, value: Any) -> Any:
    if key in SECRET_KEYS and isinstance(value, dict):
        return {name: _hide(one) for name, one in value.items()}
    if key == VARIABLE_KEY and isinstance(value, str) and not value.isidentifier():
        return _hide(value)
    return redacted(value)


def _hide(value: Any) -> Any:
    return value if isinstance(value, str) and value.startswith("${") and value.endswith("}") else REDACTED


def _redact_override(override: str) -> str:
    key, equals, value = override.partition("=")
    parts = key.lstrip("+~").split(".")
    secret = set(parts) & set(SECRET_KEYS) or (parts[-1] == VARIABLE_KEY and not value.isidentifier())
    return f"{key}={REDACTED}" if equals and secret else override


def check_collisions() -> None:
    """Refuse two packages that ship the same option of the same group.

    Raises:
        PluginError: shows both origins.
    """
    seen = {path.relative_to(config_folder()): DISTRIBUTION for path in config_folder().rglob("*.yaml")}
    for entry, folder in plugin_config_folders():
        owner = entry.dist.name if entry.dist is not None else entry.name
        for path in sorted(folder.rglob("*.yaml")):
            option = path.relative_to(folder)
            other = seen.setdefault(option, owner)
            if other != owner:
                raise PluginError(
                    f"Two packages ship the option {option.with_suffix('')}: {other} and {owner} ({path}). "
                    "Uninstall one of them, or rename the option."
                )


COMMANDS = ("densify", "drift", "fidelity", "optimize")
"""Configurations (--config-name) that do something else than making a data set."""


def job(composed: DictConfig) -> float | None:
    """Run one job; the number of verified tasks is what sweepers may optimise."""
    if HydraConfig.get().job.config_name in COMMANDS:
        return command(composed)
    from firefly.config import load_config
    from firefly.pipeline import require_tasks, run
    from firefly.summary import figures
    from firefly.tables import print_tables

    context = HydraConfig.get()
    folder = Path(context.runtime.output_dir)
    sweeping = context.mode == RunMode.MULTIRUN
    measures = False
    try:
        write_config(composed, folder)
        config = load_config(composed)
        measures = sweeping and config.measure.any
        state = run(config, folder)
        print_tables(state)
        if measures:
            _arm(context, figures(state))
        else:  # for a comparison, no task at all is a result like others
            require_tasks(state)
    except FireflyError as error:
        if sweeping:
            show(error, f"job {context.job.num}")
        if measures:
            _arm(context, {}, failed=str(error).split("\n", 1)[0])
        raise
    return float(len(state.verified))


def command(composed: DictConfig) -> float | None:
    """Run the command that the configuration is named after; some return what sweepers may optimise."""
    context = HydraConfig.get()
    folder = Path(context.runtime.output_dir)
    try:
        write_config(composed, folder)
        found = import_module(f"firefly.{context.job.config_name}_command").run(composed, folder)
    except FireflyError as error:
        if context.mode == RunMode.MULTIRUN:
            show(error, f"job {context.job.num}")
        raise
    return None if found is None else float(found)


def _arm(context: Any, found: dict[str, Any], failed: str = "") -> None:
    """Keep what a job of a sweep found, for the table at the end."""
    from firefly.comparison import Arm

    overrides = (str(one) for one in context.overrides.task)
    _arms.append(Arm(tuple(map(_redact_override, overrides)), found, failed))
    _sweep.append(Path(context.sweep.dir))


def compare() -> None:
    """Print one table for the jobs of a sweep that measured themselves, also where some of them failed."""
    if _arms:
        from firefly.comparison import write_comparison

        write_comparison(_arms, _sweep[-1])


def write_config(composed: DictConfig, folder: Path) -> None:
    """Write the composed configuration, without secrets, beside the results.

    Raises:
        RunError: the run's folder can't be written.
    """
    plain = redacted(OmegaConf.to_container(composed, resolve=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(plain)), encoding="utf-8")
    except OSError as error:
        raise RunError(unwritable(error, folder)) from error


def unwritable(error: OSError, folder: Path | str) -> str:
    """Return what to say of a folder for results that can't be made or filled."""
    return (
        f"The folder of the run, {folder}, can't be written: {error.strerror or error}. Free some space, or "
        "choose another place: hydra.run.dir=FOLDER (hydra.sweep.dir=FOLDER with -m)."
    )


def show(error: BaseException, where: str = "", text: str = "") -> None:
    """Print an error's message, or the ``text`` that says it better, once, for people."""
    if getattr(error, "_shown", False):
        return
    prefix = f"firefly: {where}: " if where else "firefly: "
    print(f"{prefix}{text or error}", file=sys.stderr)
    error._shown = True  # type: ignore[attr-defined]


@hydra.main(version_base="1.3", config_path=str(config_folder()), config_name="config")
def application(composed: DictConfig) -> float | None:
    """Run the composed job."""
    _begun.append(True)
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return job(composed)
    try:
        return job(composed)
    except (FireflyError, BrokenPipeError) as error:
        _ended_by.append(error)  # raised by `main`, past Hydra's own report of a failed job
        return None


def chosen_config(arguments: Sequence[str]) -> str:
    """Return the name of the configuration that a command line chooses.

    >>> chosen_config(["--config-name=fidelity", "seed=1"]), chosen_config(["-cn", "drift"])
    ('fidelity', 'drift')
    """
    for place, one in enumerate(arguments):
        name, equals, value = one.partition("=")
        if name in ("--config-name", "-cn"):
            return value if equals else "".join(arguments[place + 1 : place + 2])
    return "config"


_begun: list[bool] = []
_arms: list[Any] = []
_sweep: list[Path] = []
_ended_by: list[Exception] = []


def main() -> int:
    """Run the application; return the exit code.

    A user's mistake prints one message; a traceback means a fault of Firefly's own (or that
    HYDRA_FULL_ERROR=1 asks for it).
    """
    asked_for_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing its own shortened traceback
    logging.raiseExceptions = False  # a log file on a full disk is no reason for tracebacks
    sys.argv[1:] = with_open_servers(sys.argv[1:])
    Plugins.instance().register(FireflySearchPath)
    try:
        check_collisions()
        try:
            application()
        finally:
            compare()
        if _ended_by:
            raise _ended_by[0]
    except (FireflyError, HydraException, OmegaConfBaseException) as error:
        if asked_for_traceback:
            raise
        show(error, text=explained(error, sys.argv[1:], config_folder(), chosen_config(sys.argv[1:])))
        return 1
    except OSError as error:  # Hydra makes the folder of the run before anything of ours begins
        if asked_for_traceback or _begun or isinstance(error, BrokenPipeError):
            raise
        show(error, text=unwritable(error, error.filename or "multirun"))
        return 1
    except KeyboardInterrupt:
        print("firefly: interrupted; run the same command again to go on.", file=sys.stderr)
        return 130
    return 0
