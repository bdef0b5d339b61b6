"""Objects as arguments: what stands inside them."""

from __future__ import annotations

from firefly.parameters import Parameter, inner_parameters, item_parameter
from firefly.replay.records import Tool

__all__ = ["scalar_parts"]


def scalar_parts(parameter: Parameter, tool: Tool) -> tuple[Parameter, ...]:
    """Return the parts of an object, or of the objects in a list, that take texts and numbers."""
    if "object" in parameter.types:
        inner = inner_parameters(parameter, tool)
    elif "array" in parameter.types:
        inner = inner_parameters(item_parameter(parameter, tool), tool)
    else:
        return ()
    return tuple(part for part in inner if not {"object", "boolean"} & set(part.types))
