"""How prompts are written and answers read; imports DSPy, so import it where a model is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from firefly.lm.spoken import objects
from firefly.lm.wire import the_dspy

if TYPE_CHECKING:
    import dspy
else:
    dspy = the_dspy()

__all__ = ["FindingAdapter"]


class FindingAdapter(dspy.JSONAdapter):  # type: ignore[misc]
    """DSPy's, for models that put words around their JSON, or more than one object into an answer."""

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """Return the fields of the last object that has them all; else what DSPy makes of the text.

        Raises:
            dspy.utils.exceptions.AdapterParseError: there is none.
        """
        found = _fields(completion, tuple(signature.output_fields))
        parsed: dict[str, Any] = super().parse(signature, completion if found is None else found)
        return parsed


def _fields(text: str, names: tuple[str, ...]) -> str | None:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, list) and len(names) == 1:  # the one field itself
        return json.dumps({names[0]: whole})
    return next((json.dumps(one) for one in objects(text) if one.keys() >= set(names)), None)
