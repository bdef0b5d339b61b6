"""The models of a run by role; made from the group ``lm``, shared by all stages and splits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from firefly.components import TARGET, build, keywords
from firefly.errors import ConfigError, RunError
from firefly.lm.connection import Connection, shape_of
from firefly.lm.engine import Door, Engine
from firefly.lm.ledger import Budget, Ledger, Spent
from firefly.lm.transcript import Mode, Transcript
from firefly.lm.wire import the_dspy
from firefly.lm.work import RestartItem, StopRun, Work, working

if TYPE_CHECKING:
    import dspy

__all__ = ["Models", "Settings"]

R = TypeVar("R")

_RUN_KEYS = ("mode", "transcript")


@dataclass(frozen=True)
class Settings:
    """The group ``lm`` of a configuration, taken apart."""

    mode: Mode
    transcript: Path | None
    default: Mapping[str, Any] | None
    """The described connection of every role without one of its own."""
    roles: Mapping[str, Mapping[str, Any]]
    """Role -> its described connection, the default's keys filled in."""
    strange: tuple[str, ...] = ()
    """Keys that are neither settings nor roles."""

    @classmethod
    def of(cls, lm: Mapping[str, Any]) -> Settings:
        """Take the group apart: what is a mapping and no keyword of the connection is a role."""
        mode, folder = lm.get("mode", "record"), lm.get("transcript")
        rest = {str(key): value for key, value in lm.items() if key not in _RUN_KEYS}
        known = keywords(str(rest[TARGET])) if TARGET in rest else frozenset()
        own = {key: value for key, value in rest.items() if key == TARGET or key in known}
        others = {key: value for key, value in rest.items() if key not in own}
        roles = {
            role: dict(value) if TARGET in value else {**own, **value}
            for role, value in others.items()
            if isinstance(value, Mapping) and value
        }
        strange = tuple(
            key for key, value in others.items() if not (value is None or isinstance(value, Mapping))
        )
        return cls(
            mode, Path(folder) if folder is not None else None, own if TARGET in own else None, roles, strange
        )

    @property
    def any(self) -> bool:
        """Return whether a model is chosen at all."""
        return self.default is not None or bool(self.roles)

    def described(self, role: str) -> Mapping[str, Any] | None:
        """Return a role's connection."""
        return self.roles.get(role, self.default)

    @property
    def shape(self) -> dict[str, Any]:
        """Return what of it shapes answers, by role; ``""`` is the default."""
        found = {"": self.default, **self.roles}
        return {role: shape_of(one) for role, one in sorted(found.items()) if one is not None}

    @property
    def addresses(self) -> dict[str, Any]:
        """Return where each role's model is: two endpoints may call different models by one name."""
        found = {"": self.default, **self.roles}
        return {role: one.get("base_url") for role, one in sorted(found.items()) if one is not None}


class Models:
    """Hands out models by role, and sees to it that what they say and cost is kept."""

    def __init__(self, settings: Settings, budget: Budget | None = None) -> None:
        self.settings = settings
        self.ledger = Ledger(budget or Budget())
        self._transcript = Transcript(settings.transcript) if settings.transcript is not None else None
        self._doors: dict[str, Door] = {}
        self._lms: dict[str, Any] = {}
        self._lock = threading.RLock()

    def check(self) -> None:
        """Refuse what can be known to fail before anything is spent: no key, nobody there, no price.

        Raises:
            EndpointError: names the variable or the address.
            ConfigError: dollars are limited, and there is no price.
        """
        for role in ("", *self.settings.roles):
            if self.settings.described(role) is None:
                continue
            connection = self.connection(role)
            if self.ledger.budget.usd is not None and connection.price is None:
                raise ConfigError(
                    f"budget.usd needs the price of {connection.model!r}, which is not known: set "
                    "lm.price={input: DOLLARS, output: DOLLARS} for a million tokens, or use budget.tokens."
                )
            if self.settings.mode != "replay":
                connection.check()

    def connection(self, role: str) -> Connection:
        """Return a role's connection; roles that are described alike share one, and its limits."""
        return self._door(role).connection

    def lm(self, role: str) -> dspy.LM:
        """Return the model of a role (``explorer``, ``writer``, ``scorer``, ``solver``, ``judge``, ...).

        Raises:
            ConfigError: neither the role nor the run has a model.
        """
        with self._lock:
            if role not in self._lms:
                dspy = the_dspy()
                door = self._door(role)
                # retries, caching and prices are ours: the engine sees every request that is really made
                self._lms[role] = dspy.LM(
                    door.connection.model, engine=Engine(role, door, self.ledger), cache=False, num_retries=0
                )
            return self._lms[role]

    @contextmanager
    def using(self, role: str, adapter: Any = None) -> Iterator[Any]:
        """Let DSPy modules that are called inside ask the model of ``role``.

        Args:
            role: whose model.
            adapter: how prompts are written and answers read; None: `adapter`.
        """
        lm = self.lm(role)
        with the_dspy().context(lm=lm, adapter=adapter or self.adapter(role), disable_history=True):
            yield lm

    def adapter(self, role: str) -> Any:
        """Return the fitting adapter: native tool calls, and JSON schemas where the model takes them."""
        dspy, connection = the_dspy(), self.connection(role)
        if connection.json_schema:
            from firefly.lm.adapters import FindingAdapter

            return FindingAdapter(use_native_function_calling=connection.tools)
        return dspy.ChatAdapter(use_native_function_calling=connection.tools, use_json_adapter_fallback=False)

    # --- items ----------------------------------------------------------------------------------

    def make(
        self,
        stage: str,
        item: str,
        shape: str,
        make: Callable[[], Sequence[R]],
        keep: Callable[[Sequence[R], Sequence[Spent]], None],
    ) -> list[R]:
        """Make one item with everything recorded; return its records.

        Args:
            stage: the stage (or part of one).
            item: the item's id.
            shape: digest of what shapes it.
            make: makes it; called again when what happens differs from an interrupted attempt.
            keep: stores the records and what they used; only then is the attempt finished.

        Raises:
            RunError: the run can't go on: budget, endpoint, or a replay without its record.
            Exception: whatever ``make`` raises.
        """
        replays = self.settings.mode == "replay"
        held = (
            nullcontext()
            if self.settings.mode == "live" or self._transcript is None
            else self._transcript.item(stage, item, shape, replays=replays)
        )
        with held as log:
            for _ in range(_ATTEMPTS):
                work = Work(stage, item, log, replays)
                try:
                    with working(work):
                        records = list(make())
                except RestartItem:  # what it used so far was for nothing; a replayed run will not use it
                    self.ledger.restart()
                    if log is not None:
                        log.forget()
                    continue
                except StopRun as stop:
                    raise stop.error from stop
                except Exception:
                    self.ledger.use(stage, work.tally.rows)
                    raise
                finally:
                    if log is not None:
                        log.close()
                self.ledger.use(stage, work.tally.rows)
                keep(records, work.tally.rows)
                if log is not None and not replays:
                    log.finish()
                    log.close()
                return records
        raise RunError(f"Item {item} of {stage} differs from its journal each time; set redo=[{stage}].")

    def close(self) -> None:
        """Close all connections."""
        for door in {id(door): door for door in self._doors.values()}.values():
            door.close()

    def _door(self, role: str) -> Door:
        described = self.settings.described(role)
        if described is None:
            known = ", ".join(sorted(self.settings.roles)) or "none"
            raise ConfigError(
                f"The role {role or 'of no name'} has no model: choose one for all (lm=NAME), or for it "
                f"(+lm@lm.{role or 'ROLE'}=NAME). Roles with one: {known}."
            )
        with self._lock:
            if role not in self._doors:
                alike = next(
                    (
                        door
                        for other, door in self._doors.items()
                        if self.settings.described(other) == described
                    ),
                    None,
                )
                self._doors[role] = alike or Door(build(dict(described)))
            return self._doors[role]


_ATTEMPTS = 3
