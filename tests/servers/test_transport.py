from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.servers.rate import RateLimit
from firefly.servers.transport import Connection, _Lines, _message, _Oversized


@given(
    st.lists(st.binary(max_size=30).map(lambda part: part.replace(b"\n", b"")), max_size=8),
    st.integers(1, 20),
)
def test_lines_come_out_however_they_are_cut(lines: list[bytes], size: int) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    splitter = _Lines(limit=1000)
    found = [line for at in range(0, len(whole), size) for line in splitter.feed(whole[at : at + size])]
    assert found == [line for line in lines if line]


@given(st.integers(50, 400), st.integers(1, 64))
def test_a_line_over_the_limit_is_dropped_with_its_size(length: int, size: int) -> None:
    whole = b"a" * length + b"\nshort\n"
    splitter = _Lines(limit=49)
    dropped, following = [
        line for at in range(0, len(whole), size) for line in splitter.feed(whole[at : at + size])
    ]
    assert isinstance(dropped, _Oversized) and dropped.size == length
    assert following == b"short"


@pytest.mark.parametrize(
    ("head", "tail", "request_id"),
    [
        (b'{"jsonrpc": "2.0", "id": 7, "result": ', b'"}}', 7),
        (b'{"result": {"content": ', b'}, "jsonrpc": "2.0", "id": "x"}', "x"),
        (b'{"method": "notifications/message", "params": {"id": 3', b"}", None),
    ],
)
def test_a_dropped_answer_becomes_an_error_for_its_request(
    head: bytes, tail: bytes, request_id: int | str | None
) -> None:
    error = _Oversized(head, tail, 10**9).replacement()
    assert getattr(error, "id", None) == request_id


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "\\ud800"}]}}',
        b'{"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "\xff"}]}}',
        b'{"jsonrpc": "2.0", "id": 1, "result": {"n": NaN}}',
    ],
)
def test_answers_that_a_strict_parser_refuses_are_understood(line: bytes) -> None:
    known = Connection()
    message = _message(line, known)
    assert message is not None and known.noise == 0
    json.dumps(message.model_dump(mode="json")).encode()


@pytest.mark.parametrize("line", [b"ready", b"[1]", b'{"a": 1}', b"{" * 3000])
def test_what_is_no_message_is_counted(line: bytes) -> None:
    known = Connection()
    assert _message(line, known) is None and known.noise == 1


def test_requests_are_spread_over_the_minute_after_a_small_burst() -> None:
    limit = RateLimit(60)
    assert [limit.reserve(100.0) for _ in range(9)] == [0, 0, 0, 0, 0, 0, 1, 2, 3]
    assert limit.reserve(200.0) == 0


@given(st.integers(1, 600), st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_no_minute_has_more_requests_than_allowed_and_the_burst(per_minute: int, gaps: list[float]) -> None:
    limit, now, made = RateLimit(per_minute), 1000.0, []
    for gap in gaps:
        now += gap
        made.append(now + limit.reserve(now))
    for first in made:
        assert sum(first <= one < first + 59.99 for one in made) <= per_minute + max(1, per_minute // 10)
