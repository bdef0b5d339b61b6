"""The trainer's route: what episodes did, which tier answered, and rewards. Never on the agents' port."""

from __future__ import annotations

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from firefly.errors import FireflyError
from firefly.replay.grading import grade
from firefly.serving.episodes import Episodes, ServedEpisode
from firefly.serving.log import call_line

__all__ = ["admin_app"]


def admin_app(episodes: Episodes) -> Starlette:
    """Return the application; guard it with a token.

    ``GET /episodes``, ``GET /episodes/NAME``, ``POST /episodes/NAME/grade`` with ``{"answer": …}``,
    ``DELETE /episodes/NAME``, ``GET /metrics`` as Prometheus reads it.
    """

    async def names(request: Request) -> Response:
        return _Json({"episodes": episodes.names})

    async def one(request: Request) -> Response:
        return _Json(_told(episodes.going(request.path_params["name"])))

    async def graded(request: Request) -> Response:
        episode = episodes.going(request.path_params["name"])
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or "answer" not in body:
            return _Json({"error": 'The body is no JSON object with "answer".'}, status_code=400)
        task = episode.offer.task
        if task is None:
            return _Json({"error": "The episode has no task, so no reward."}, status_code=409)
        async with episode.lock:
            rollout = episode.rollout(body["answer"])
        strict = episodes.dataset.strict(episode.offer.cassette)
        found = grade(task, rollout, strict, tool_set=episode.offer.tool_set)
        return _Json({"episode": episode.name, "task": task.id, **found.model_dump(mode="json")})

    async def end(request: Request) -> Response:
        episode = episodes.going(request.path_params["name"])
        async with episode.lock:
            if not episode.over:
                episodes.end(episode.name, "the trainer ended it")
        return Response(status_code=204)

    async def metrics(request: Request) -> Response:
        return PlainTextResponse(episodes.counts.metrics)

    async def mistake(request: Request, error: Exception) -> Response:
        return _Json({"error": str(error)}, status_code=404)

    name = "/episodes/{name:path}"
    return Starlette(
        routes=[
            Route("/episodes", names, methods=["GET"]),
            Route(f"{name}/grade", graded, methods=["POST"]),
            Route(name, one, methods=["GET"]),
            Route(name, end, methods=["DELETE"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        exception_handlers={FireflyError: mistake},
    )


class _Json(Response):
    """JSON in ASCII: names and arguments of agents may hold halves of characters, which UTF-8 lacks."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def _told(episode: ServedEpisode) -> dict[str, Any]:
    """Return everything about an episode; NaN as text."""
    steps = episode.steps
    evidence = [*episode.evidence] or [{} for _ in steps]
    names = episode.offer.tool_set
    told = {
        "episode": episode.name,
        "task": episode.offer.task.id if episode.offer.task else None,
        "servers": list(names.servers),
        "calls": [
            {
                **call_line(number, names.name_of(*step.call.key), step, why),
                "answer": step.observation.model_dump(mode="json"),
            }
            for number, (step, why) in enumerate(zip(steps, evidence, strict=True), start=1)
        ],
    }
    found: dict[str, Any] = json.loads(json.dumps(told), parse_constant=str)
    return found
