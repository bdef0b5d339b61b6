"""Bundled server ``almanac``: dates and fees from the arguments alone, beside two volatile tools.

python -m firefly.bundled.almanac
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from firefly.bundled.serving import (
    DATE,
    READ_ONLY,
    Arguments,
    BundledTool,
    Reply,
    ToolError,
    as_date,
    as_json,
    as_lines,
    serve,
)

_CLOSED = "Sunday"


def tools() -> list[BundledTool]:
    """Return the server's tools."""
    return [
        BundledTool(
            "now",
            "Tell the current date and time in UTC.",
            _now,
            output={"timestamp": {"type": "string"}, "weekday": {"type": "string"}},
            hints=READ_ONLY,
        ),
        BundledTool("draw_ticket", "Draw a random queue ticket.", _draw_ticket),
        BundledTool(
            "describe_date",
            "Get the calendar page of a date: weekday, ISO week, day of the year, quarter.",
            _describe_date,
            properties={"date": DATE},
            required=["date"],
            hints=READ_ONLY,
        ),
        BundledTool(
            "days_between",
            "Count the days from one date to another, and those on which the workshop is open.",
            _days_between,
            properties={"start": DATE, "end": DATE},
            required=["start", "end"],
            output={"days": {"type": "integer"}, "open_days": {"type": "integer"}},
            hints=READ_ONLY,
        ),
        BundledTool(
            "add_days",
            "Get the calendar day some days after (or before) a date.",
            _add_days,
            properties={"date": DATE, "days": {"type": "integer", "minimum": -3660, "maximum": 3660}},
            required=["date", "days"],
            output={"date": {"type": "string"}, "weekday": {"type": "string"}},
        ),
        BundledTool(
            "loan_cost",
            "Get a quote for a loan: the daily fee per day, a tenth less from the eighth day on.",
            _loan_cost,
            properties={
                "daily_fee": {"type": "number", "minimum": 0},
                "days": {"type": "integer", "minimum": 0, "maximum": 3660, "default": 14},
            },
            required=["daily_fee"],
            output={"cost": {"type": "number"}, "reduced_days": {"type": "integer"}},
            hints=READ_ONLY,
        ),
    ]


def _now(arguments: Arguments) -> Reply:
    moment = datetime.now(UTC)
    return as_json({"timestamp": moment.isoformat(), "weekday": moment.strftime("%A")})


def _draw_ticket(arguments: Arguments) -> Reply:
    return as_lines({"ticket": secrets.token_hex(4).upper(), "waiting": secrets.randbelow(90) + 1})


def _describe_date(arguments: Arguments) -> Reply:
    day = as_date(arguments["date"])
    return as_lines(
        {
            "date": day.isoformat(),
            "weekday": day.strftime("%A"),
            "iso_week": day.isocalendar().week,
            "day_of_year": day.timetuple().tm_yday,
            "quarter": f"Q{(day.month + 2) // 3}",
        }
    )


def _days_between(arguments: Arguments) -> Reply:
    start, end = as_date(arguments["start"]), as_date(arguments["end"])
    days = (end - start).days
    if days < 0:
        raise ToolError("The end is before the start")
    # every seven days hold one closed day; the rest of the last week is counted out
    weeks, rest = divmod(days, 7)
    closed = weeks + sum((start + timedelta(days=offset)).strftime("%A") == _CLOSED for offset in range(rest))
    return as_json({"days": days, "open_days": days - closed})


def _add_days(arguments: Arguments) -> Reply:
    try:
        day = as_date(arguments["date"]) + timedelta(days=arguments["days"])
    except OverflowError as error:
        raise ToolError("That date is out of the calendar") from error
    return as_json({"date": day.isoformat(), "weekday": day.strftime("%A")})


def _loan_cost(arguments: Arguments) -> Reply:
    days = arguments.get("days", 14)
    reduced = max(0, days - 7)
    cost = arguments["daily_fee"] * (days - reduced) + arguments["daily_fee"] * reduced * 0.9
    return as_json({"cost": round(cost, 2), "reduced_days": reduced})


def main(arguments: Sequence[str]) -> None:
    """Serve the almanac; it takes no arguments."""
    if arguments:
        sys.exit("usage: python -m firefly.bundled.almanac (without arguments)")
    serve("almanac", tools())


if __name__ == "__main__":
    main(sys.argv[1:])
