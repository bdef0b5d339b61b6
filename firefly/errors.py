"""The error tree, continued from the replay core.

::

    FireflyError               (firefly.replay.errors)
     +-- ReplayError           (firefly.replay.errors)
     +-- ConfigError           a key, value, group or file of the configuration is wrong
     |    +-- PluginError      a plugin does not import, collides, or does not exist
     +-- ServerError           a server does not install, start, list or answer
     |    +-- PrepareError     its package can't be installed
     |    +-- StartError       it does not start or does not speak MCP
     +-- StoreError            the item store can't be read or written (full disk, lock, damage)
     +-- RunError              the run can't go on: nothing left to work with
          +-- EndpointError    a language model can't be asked: no key, nobody there, no such model
          +-- BudgetError      what may be spent on language models is spent
          +-- TranscriptError  a replayed run asks what was not recorded

Foreign exceptions cross exactly one boundary into this tree; a failed *item* becomes a
``Failure`` record instead and never loses the others.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from firefly.replay.errors import CassetteError, DatasetError, FireflyError, ReplayError

__all__ = [
    "BudgetError",
    "CassetteError",
    "ConfigError",
    "DatasetError",
    "EndpointError",
    "FireflyError",
    "PluginError",
    "PrepareError",
    "ReplayError",
    "RunError",
    "ServerError",
    "StartError",
    "StoreError",
    "TranscriptError",
    "nearest",
]


class ConfigError(FireflyError):
    """The configuration is wrong; the message lists every fault with its path."""


class PluginError(ConfigError):
    """A plugin does not import, collides with another, or does not exist."""


class ServerError(FireflyError):
    """A server can't be used."""


class PrepareError(ServerError):
    """A server's package can't be installed."""


class StartError(ServerError):
    """A server does not start, or does not speak MCP."""


class StoreError(FireflyError):
    """The item store can't be read or written."""


class RunError(FireflyError):
    """The run can't go on."""


class EndpointError(RunError):
    """A language model can't be asked; the message names the variable of the key, or the address."""


class BudgetError(RunError):
    """What one command may spend on language models is spent; everything finished is kept."""


class TranscriptError(RunError):
    """A replayed run asks what its transcript does not have."""


def nearest(asked: str, known: Iterable[str]) -> str:
    """Return a phrase that names the nearest of ``known`` and all that exist.

    >>> nearest("smol", ["small", "large"])
    "Did you mean 'small'? Known: large, small."
    """
    names = sorted(known)
    close = difflib.get_close_matches(asked, names, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(names) or 'none'}."
