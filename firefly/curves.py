"""A picture of how much a run found for how many calls, drawn by hand: SVG is text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 40, 44
"""Margins, in pixels."""
_SERIES = ((1, "#1a6fb0", "distinct tool sequences"), (2, "#b5531a", "verified tasks"))
"""Column, colour and name of each line."""
_TICKS = 5
_FONT = 'font-family="sans-serif" font-size="12" fill="#333"'


def svg(points: Sequence[Sequence[int]]) -> str:
    """Return a drawing of ``[live calls, distinct sequences, verified tasks]``, as steps.

    The text is the same for the same points, and needs nothing to be shown: no script, font or network.
    """
    right = max((point[0] for point in points), default=0)
    top = max((value for point in points for value in point[1:]), default=0)
    across, up = _ticks(right), _ticks(top)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img">',
        "<title>Distinct tool sequences and verified tasks against live calls</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        *_grid(across, up),
    ]
    for place, (column, colour, name) in enumerate(_SERIES):
        drawn = _steps([(point[0], point[column]) for point in points], across[-1], up[-1])
        lines.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{drawn}"/>')
        x = _LEFT + place * 220
        lines.append(f'<rect x="{x}" y="14" width="14" height="4" fill="{colour}"/>')
        lines.append(
            f'<text x="{x + 20}" y="21" {_FONT}>{name}: {points[-1][column] if points else 0}</text>'
        )
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    lines.append(f'<text x="{middle:g}" y="{_HEIGHT - 8}" text-anchor="middle" {_FONT}>live calls</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _grid(across: Sequence[int], up: Sequence[int]) -> Iterator[str]:
    for value in up:
        y = _y(value, up[-1])
        yield f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 8}" y="{float(y) + 4:g}" text-anchor="end" {_FONT}>{value}</text>'
    for value in across:
        x = _x(value, across[-1])
        yield f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle" {_FONT}>{value}</text>'


def _ticks(most: int) -> list[int]:
    """Return round numbers from 0 to at least ``most``.

    >>> _ticks(25), _ticks(1117), _ticks(0)
    ([0, 5, 10, 15, 20, 25], [0, 500, 1000, 1500], [0, 1])
    """
    step = 1
    while step * _TICKS < most:
        step = next(one for factor in (1, 2, 5, 10) if (one := factor * 10 ** (len(str(step)) - 1)) > step)
    return list(range(0, max(most, 1) + step, step))[: -(-max(most, 1) // step) + 1]


def _steps(points: Sequence[tuple[int, int]], right: int, top: int) -> str:
    found: list[str] = []
    before = None
    for calls, value in points:
        if before is not None:
            found.append(f"{_x(calls, right)},{_y(before, top)}")
        found.append(f"{_x(calls, right)},{_y(value, top)}")
        before = value
    return " ".join(found)


def _x(value: int, right: int) -> str:
    return f"{_LEFT + (_WIDTH - _LEFT - _RIGHT) * value / right:.1f}"


def _y(value: int, top: int) -> str:
    return f"{_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top:.1f}"
