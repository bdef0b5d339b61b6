"""Requests and answers as JSON, and the one place where DSPy is prepared and imported.

DSPy's native engine (lm15) is used below DSPy's own client: no price map is downloaded, no second HTTP
library is loaded, no cache answers for another address, and unknown models can call tools.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = [
    "calls_apart",
    "deadlined",
    "prompt_letters",
    "read_response",
    "the_dspy",
    "write_request",
    "write_response",
]


def the_dspy() -> Any:
    """Return the module ``dspy``, imported without downloads.

    DSPy makes a folder for its disk cache, though no cache of it is used here, and would unpickle what lies
    there: the folder is the user's own and closed to others.
    """
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    if not os.environ.get("DSPY_CACHEDIR"):
        os.environ["DSPY_CACHEDIR"] = str(private_folder())
    import dspy

    # answers that end for want of tokens are in the ledger; a line for each would be all that one sees
    logging.getLogger("dspy.clients.lm").setLevel(logging.ERROR)
    return dspy


def private_folder() -> Path:
    """Return a folder that only the user can read or write: in the user's cache, or else for this process."""
    base = os.environ.get("XDG_CACHE_HOME")
    path = (Path(base) if base else Path.home() / ".cache") / "firefly" / "dspy"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            path.chmod(0o700)
            return path
    except OSError:
        pass
    made = Path(tempfile.mkdtemp(prefix="firefly-dspy-"))  # with mode 0700
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def write_request(request: Request) -> dict[str, Any]:
    """Return a request as JSON; equal requests give equal JSON."""
    # dspy.lm15 exports the types but not their JSON forms; DSPy is pinned below its next minor version
    from dspy._vendor.lm15.serde import request_to_dict

    found: dict[str, Any] = request_to_dict(request)
    return found


def write_response(response: Response) -> dict[str, Any]:
    """Return an answer as JSON, without the endpoint's raw reply."""
    from dspy._vendor.lm15.serde import response_to_dict

    found: dict[str, Any] = response_to_dict(response)
    return found


def read_response(plain: dict[str, Any]) -> Response:
    """Return the answer that `write_response` wrote."""
    from dspy._vendor.lm15.serde import response_from_dict

    found: Response = response_from_dict(plain)
    return found


def deadlined(*, timeout: float, deadline: float, connections: int) -> Any:
    """Return a transport whose answers have to be complete in time: lm15's own only limits silences.

    Args:
        timeout: seconds without a byte.
        deadline: seconds for one request in all, from when it is sent.
        connections: most at once.

    """
    # dspy.lm15 does not export its transports; DSPy is pinned below its next minor version
    from dspy._vendor.lm15.transports import ReadTimeout, StdlibTransport, TransportResponse

    class Deadlined(StdlibTransport):  # type: ignore[misc]
        def stream(self, request: Any) -> Any:
            until = time.monotonic() + deadline
            response = super().stream(request)

            def chunks() -> Iterator[bytes]:
                for chunk in response:
                    if time.monotonic() > until:
                        raise ReadTimeout(f"the answer was not complete after {deadline:g} s (lm.deadline)")
                    yield chunk

            return TransportResponse(
                status=response.status,
                reason=response.reason,
                headers=response.headers,
                http_version=response.http_version,
                chunks=chunks(),
                release=lambda consumed: response._release_once(body_consumed=consumed),
            )

    return Deadlined(
        connect_timeout=min(10.0, timeout),
        read_timeout=timeout,
        write_timeout=timeout,
        pool_timeout=None,
        max_connections=connections,
    )


def calls_apart(events: Iterator[Any]) -> Iterator[Any]:
    """Yield the events of a stream, calls that come without a number, or all with the same, kept apart.

    A call with another id is another call: else the arguments of both would be joined.
    """
    from dspy.lm15 import ToolCallDelta

    places: dict[int, int] = {}
    ids: dict[int, str] = {}
    beyond = _BEYOND
    for event in events:
        delta = getattr(event, "delta", None)
        if not isinstance(delta, ToolCallDelta):
            yield event
            continue
        place = delta.part_index
        if delta.id and delta.name and ids.setdefault(place, delta.id) != delta.id:
            ids[place], places[place], beyond = delta.id, beyond, beyond + 1
        yield replace(event, delta=replace(delta, part_index=places[place])) if place in places else event


_BEYOND = 10_000
"""Number of the first call that has none of its own: no answer has so many parts."""


def prompt_letters(plain: Any) -> int:
    """Return the letters of all texts in a request: what its tokens are reckoned from."""
    if isinstance(plain, str):
        return len(plain)
    if isinstance(plain, dict):
        return sum(len(key) + prompt_letters(value) for key, value in plain.items())
    if isinstance(plain, list):
        return sum(map(prompt_letters, plain))
    return 1
