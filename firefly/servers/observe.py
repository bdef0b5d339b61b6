"""From a server's raw answer to an `Observation`: blocks joined, roots and secrets rewritten, size capped."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Callable
from typing import Any

from pydantic import JsonValue

from firefly.outcomes import classify
from firefly.replay.records import Attachment, Observation, Tool, Truncation, canonical_json
from firefly.servers.session import ServerAnswer

__all__ = ["failed_call", "observe"]

Rewrite = Callable[[str], str]


def observe(answer: ServerAnswer, *, tool: Tool | None, rewrite: Rewrite, limit: int) -> Observation:
    """Return the classified observation of ``answer``.

    ``rewrite`` takes real paths and secrets out of a text; ``limit`` is the most bytes of text kept.
    """
    if answer.result is None:
        text = rewrite(answer.message)
        return classify(Observation(text=text, is_error=True, error_code=answer.code), tool)
    result = answer.result
    blocks = result.get("content")
    texts: list[str] = []
    attachments: list[Attachment] = []
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, dict):
            _take(block, texts, attachments, rewrite)
    structured = _json(result.get("structuredContent"), rewrite)
    text, truncation = _cut(rewrite("\n".join(texts)), limit)
    if structured is not None:
        size = len(canonical_json(structured).encode("utf-8", "surrogatepass"))
        if truncation is not None or size > limit:
            if truncation is None:
                cut, truncation = _cut(canonical_json(structured), limit)
                text = text or cut
            structured = None
    observation = Observation(
        text=text,
        structured=structured,
        attachments=tuple(attachments),
        is_error=result.get("isError") is True,
        truncation=truncation,
    )
    return classify(observation, tool)


def failed_call(reason: str) -> Observation:
    """Return the observation of a call that got no answer; it is never replayed."""
    return Observation(outcome="transient", reason=reason)


def _take(block: dict[str, Any], texts: list[str], attachments: list[Attachment], rewrite: Rewrite) -> None:
    kind = block.get("type")
    if kind == "text":
        texts.append(str(block.get("text", "")))
    elif kind in ("image", "audio"):
        data = _decoded(block.get("data"))
        attachments.append(_attachment(str(kind), block.get("mimeType"), data, "", rewrite))
    elif kind == "resource":
        resource = block.get("resource")
        resource = resource if isinstance(resource, dict) else {}
        if isinstance(resource.get("text"), str):
            texts.append(resource["text"])
            data = rewrite(resource["text"]).encode("utf-8", "surrogatepass")
        else:
            data = _decoded(resource.get("blob"))
        attachments.append(
            _attachment("resource", resource.get("mimeType"), data, resource.get("uri"), rewrite)
        )
    elif kind == "resource_link":
        attachments.append(
            _attachment("resource_link", block.get("mimeType"), b"", block.get("uri"), rewrite)
        )


def _attachment(kind: str, mime: Any, data: bytes, uri: Any, rewrite: Rewrite) -> Attachment:
    return Attachment(
        kind=kind,
        mime_type=str(mime or ""),
        sha256=hashlib.sha256(data).hexdigest() if data else "",
        size=len(data),
        uri=rewrite(str(uri or "")),
    )


def _decoded(data: Any) -> bytes:
    if not isinstance(data, str):
        return b""
    try:
        return base64.b64decode(data)
    except (binascii.Error, ValueError):
        return data.encode("utf-8", "replace")


def _json(value: Any, rewrite: Rewrite) -> JsonValue:
    if isinstance(value, str):
        return rewrite(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON knows neither NaN nor infinities
    if isinstance(value, list):
        return [_json(item, rewrite) for item in value]
    if isinstance(value, dict):
        return {rewrite(str(key)): _json(item, rewrite) for key, item in value.items()}
    return value  # type: ignore[no-any-return]


def _cut(text: str, limit: int) -> tuple[str, Truncation | None]:
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) <= limit:
        return text, None
    whole = Truncation(size=len(raw), sha256=hashlib.sha256(raw).hexdigest())
    kept = raw[:limit].decode("utf-8", "ignore")
    return f"{kept}\n[cut after {limit} of {whole.size} bytes]", whole
