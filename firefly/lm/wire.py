"""Requests and answers as JSON, and the one place where DSPy is prepared and imported.

DSPy's native engine (lm15) is used below DSPy's own client: no price map is downloaded, no second HTTP
library is loaded, no cache answers for another address, and unknown models can call tools.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["prompt_letters", "read_response", "the_dspy", "write_request", "write_response"]


def the_dspy() -> Any:
    """Return the module ``dspy``, imported without a cache in the user's home and without downloads."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("DSPY_CACHEDIR", os.path.join(tempfile.gettempdir(), "firefly-dspy"))  # noqa: PTH118
    import dspy

    return dspy


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


def prompt_letters(plain: Any) -> int:
    """Return the letters of all texts in a request: what its tokens are reckoned from."""
    if isinstance(plain, str):
        return len(plain)
    if isinstance(plain, dict):
        return sum(len(key) + prompt_letters(value) for key, value in plain.items())
    if isinstance(plain, list):
        return sum(map(prompt_letters, plain))
    return 1
