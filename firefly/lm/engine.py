"""One role's way to its model: look into the transcript, mind the budget, wait the turn, send, record."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from firefly.errors import EndpointError, RunError, StoreError, TranscriptError
from firefly.lm.connection import Connection
from firefly.lm.ledger import Ledger, Spent, tokens_of
from firefly.lm.pace import Pace, backoff
from firefly.lm.spoken import spoken
from firefly.lm.transcript import unwritable
from firefly.lm.wire import prompt_letters, read_response, write_request, write_response
from firefly.lm.work import StopRun, Work, current_work
from firefly.replay.records import digest

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["KEYLESS", "Door", "Engine"]


class Door:
    """A connection with its pace and its run of failures; shared by the roles that use it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.pace = Pace(
            concurrency=connection.concurrency,
            requests_per_minute=connection.requests_per_minute,
            tokens_per_minute=connection.tokens_per_minute,
        )
        self._lock = threading.Lock()
        self._in_a_row = 0
        self.answered = False

    def outcome(self, good: bool) -> int:
        """Note how a request ended; return how many have failed in a row."""
        with self._lock:
            self._in_a_row = 0 if good else self._in_a_row + 1
            self.answered = self.answered or good
            return self._in_a_row

    def close(self) -> None:
        """Let nobody wait, and close the connection."""
        self.pace.close()
        self.connection.close()


class Engine:
    """What DSPy calls for a role; the same answers for the same requests of an item, once recorded."""

    supported_params = frozenset(
        {"temperature", "max_tokens", "top_p", "stop", "seed", "tools", "tool_choice", "response_format"}
    )
    supports_reasoning = False

    def __init__(self, role: str, door: Door, ledger: Ledger) -> None:
        self.role, self._door, self._ledger = role, door, ledger
        self.supports_function_calling = door.connection.tools
        self.supports_response_schema = door.connection.json_schema

    def complete(self, request: Request) -> Response:
        """Return the recorded answer, or send the request and record the answer before it is used.

        Raises:
            dspy.lm15.LM15Error: the endpoint refused this request, or kept failing; the item may go on.
        """
        work = current_work()
        request = self._with_settings(request)
        plain = write_request(request)
        if work is None:
            return self._halting(None, lambda: self._send(request, plain, None))
        return self._halting(work, lambda: self._recorded(work, request, plain))

    @staticmethod
    def _halting(work: Work | None, act: Any) -> Response:
        try:
            answer: Response = act()
        except RunError as error:
            if work is None:
                raise
            raise StopRun(error) from error
        except OSError as error:  # an endpoint's are errors of lm15: this one is the transcript's
            raise StopRun(StoreError(unwritable(work.log, error) if work else str(error))) from error
        return spoken(answer)

    def _with_settings(self, request: Request) -> Request:
        from dspy.lm15 import Reasoning

        settings, config = self._door.connection, request.config
        changes: dict[str, Any] = {}
        if config.temperature is None and settings.temperature is not None:
            changes["temperature"] = settings.temperature
        if config.max_tokens is None and settings.max_tokens is not None:
            changes["max_tokens"] = settings.max_tokens
        if config.reasoning is None and settings.reasoning is not None:
            changes["reasoning"] = Reasoning(effort=settings.reasoning)
        if settings.extra_body:
            changes["extensions"] = {**settings.extra_body, **(config.extensions or {})}
        return replace(request, config=replace(config, **changes)) if changes else request

    # --- with a transcript ----------------------------------------------------------------------

    def _recorded(self, work: Work, request: Request, plain: dict[str, Any]) -> Response:
        log, connection = work.log, self._door.connection
        if log is None:
            return self._send(request, plain, work)
        name = digest(plain)
        occurrence = work.occurrence(self.role, name)
        where = None if work.replays else connection.where
        known = log.answer(self.role, name, occurrence, where)
        if known is not None:
            self._ledger.count(self.role, "recorded")
            if "error" in known:
                raise _as_error(known["error"])
            response = read_response(known["response"])
            work.tally.add(self._spent(response, plain, connection.model))
            return response
        if work.replays:
            raise TranscriptError(
                f"lm.mode=replay: the transcript has no answer to a request of role {self.role} for item "
                f"{work.item} of {work.stage} ({log.path}); {log.nearest(self.role, plain)}. Use the "
                "version, configuration and servers it was recorded with, or lm.mode=record to ask the model."
            )
        entry = {
            "role": self.role,
            "digest": name,
            "occurrence": occurrence,
            "where": connection.where,
            "request": plain,
        }
        from dspy.lm15 import LM15Error

        try:
            response = self._send(request, plain, work, keep=lambda answer: log.keep({**entry, **answer}))
        except LM15Error as error:
            log.keep({**entry, "error": {"type": type(error).__name__, "message": error.message}})
            raise
        return response

    # --- the endpoint ---------------------------------------------------------------------------

    def _send(self, request: Request, plain: dict[str, Any], work: Work | None, keep: Any = None) -> Response:
        connection = self._door.connection
        tokens = prompt_letters(plain) // 4
        price = connection.price
        usd = None if price is None else tokens * price[0] / 1e6
        stage = work.stage if work is not None else ""
        self._ledger.admit(tokens, usd)
        spent: Spent | None = None
        try:
            response = replace(self._tried(request, tokens), provider_data=None)
            spent = self._spent(response, plain, connection.model)
            if keep is not None:
                keep({"response": write_response(response)})
            if work is not None:
                work.tally.add(spent)
        finally:
            self._ledger.settle(tokens, usd, stage, spent)
        if response.finish_reason == "length":
            self._ledger.count(self.role, "cut_short")
        self._door.pace.correct(spent.input_tokens + spent.output_tokens - tokens)
        return response

    def _tried(self, request: Request, tokens: int) -> Response:
        from dspy.lm15 import LM15Error, RateLimitError

        door = self._door
        attempt = 0
        while True:
            attempt += 1
            try:
                with door.pace.turn(tokens):
                    response = door.connection.complete(request)
            except LM15Error as error:
                self._ledger.count(self.role, type(error).__name__)
                if (fatal := _fatal(error, door.connection)) is not None:
                    raise fatal from error
                if not _passes(error):
                    raise
                if attempt > door.connection.retries:
                    failed = door.outcome(False)
                    if _nobody_there(error) or failed >= door.connection.give_up:
                        raise EndpointError(_unreachable(error, door.connection, failed)) from error
                    raise
                wait = backoff(attempt, error.retry_after)
                if isinstance(error, RateLimitError):
                    door.pace.hold(wait)
                else:
                    door.pace.wait(wait)
                self._ledger.count(self.role, "sent_again")
                continue
            door.outcome(True)
            return response

    def _spent(self, response: Response, plain: dict[str, Any], model: str) -> Spent:
        usage, price = response.usage, self._door.connection.price
        asked, said = usage.input_tokens, usage.output_tokens
        counted = asked is not None and said is not None
        if asked is None:
            asked = prompt_letters(plain) // 4
        if said is None:
            said = tokens_of("".join(str(getattr(part, "text", part)) for part in response.message.parts))
        return Spent(
            role=self.role,
            model=model,
            calls=1,
            input_tokens=asked,
            output_tokens=said,
            cached_tokens=usage.cache_read_tokens or 0,
            uncounted=int(not counted),
            usd=None if price is None else round((asked * price[0] + said * price[1]) / 1e6, 9),
        )


# --- what failures mean -----------------------------------------------------------------------


def _passes(error: Any) -> bool:
    """Return whether the same request may well succeed later."""
    from dspy import lm15

    if isinstance(error, (lm15.RateLimitError, lm15.ServerError, lm15.TimeoutError, lm15.TransportError)):
        return True
    if isinstance(error, (lm15.StreamAssemblyError, lm15.LockTimeoutError)):
        return True
    # a reply that came whole by its status, but can't be read: cut short, or of a gateway
    return type(error) is lm15.ProviderError and error.status in (None, 200)


def _fatal(error: Exception, connection: Connection) -> RunError | None:
    """Return why no request can succeed, in one line; None: this one may have been at fault."""
    from dspy import lm15

    said = str(getattr(error, "message", error)).partition("\n")[0].strip() or type(error).__name__
    where, key = connection.where, connection.key_variable
    if isinstance(error, lm15.AuthError):
        named = f"the key in {key}" if key else "requests without a key (lm.key_variable names its variable)"
        return EndpointError(f"{where} does not accept {named}: {said}. {KEYLESS}")
    if isinstance(error, lm15.BillingError):
        return EndpointError(
            f"The account behind {where} ({key or 'no key'}) is used up: {said}. Everything finished is "
            "kept; run the same command again once it is topped up."
        )
    missing = getattr(error, "status", None) == 404
    if isinstance(error, lm15.UnsupportedModelError) or missing:
        return EndpointError(
            f"{where} has no model {connection.model!r}: {said}. Set lm.model, or lm.base_url."
        )
    return None


def _nobody_there(error: Exception) -> bool:
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")


def _unreachable(error: Exception, connection: Connection, failed: int) -> str:
    said = str(getattr(error, "message", error)).partition("\n")[0].strip()
    if _nobody_there(error):
        return f"Nobody answers at {connection.where} (lm.base_url): {said}. {KEYLESS}"
    return (
        f"{failed} requests in a row failed at {connection.where}, the last with: {said}. Everything "
        f"finished is kept; run the same command again once it answers. {KEYLESS}"
    )


KEYLESS = "Without a model: leave out lm=... and what asks one (python -m firefly needs no key)."
"""The way on without any model."""


def _as_error(recorded: dict[str, Any]) -> Any:
    from dspy import lm15

    found: Any = getattr(lm15, str(recorded["type"]), None)
    known = isinstance(found, type) and issubclass(found, lm15.LM15Error)
    kind: Any = found if known else lm15.ProviderError
    error = kind.__new__(kind)  # its constructor would add advice to a message that has it already
    lm15.LM15Error.__init__(error, recorded["message"])
    return error
