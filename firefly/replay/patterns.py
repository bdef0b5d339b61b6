r"""The regular expressions by which answers are read, in words that every common dialect knows.

``format/patterns.json`` holds them for readers in other languages. No ``\w``, ``\d`` or ``\s``: what these
mean differs between languages. ``WORD`` stands for an escaped unit or separator. The comment beside each
says with which flags it is meant (``i``: whatever case) and how it is applied.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WHITE = r"\t-\r\x1c-\x20\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SPACE = f"[{_WHITE}]"
_WRAPPING = "\"'`*“”‘’«»"
_LETTER = r"[0-9A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u1fff\u3040-\ud7ff]"
_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?"
_NUMBER = rf"[-+−]?(?:{_DIGITS}|\.[0-9]+)"
_BEFORE = _LETTER.replace("]", ".,$€£¥]")
_ENDS = rf"(?!{_LETTER}|[.,][0-9])"
_CLOCK = r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,6}))?)?"
_ZONE = r"(Z|UTC|([+-])([01][0-9]|2[0-3]):?([0-5][0-9]))"
_DATE = rf"(?!0000)([0-9]{{4}})[-/]([0-9]{{1,2}})[-/]([0-9]{{1,2}})(?:[T ]{_CLOCK}(?:{_SPACE}*{_ZONE})?)?"

_MONTHS = (
    *("jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?", "aug(?:ust)?"),
    *("sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?"),
)
_NTH = "([0-9]{1,2})(?:st|nd|rd|th)?"

WORDED: dict[str, str] = {
    f"{number:02}": rf"(?<!{_LETTER})(?:{_NTH}(?: of)? {name}\.?,? ([0-9]{{4}})"
    rf"|{name}\.? {_NTH},? ([0-9]{{4}}))(?!{_LETTER})"
    for number, name in enumerate(_MONTHS, start=1)
}
"""Month -> dates with its name (whatever case): the day is group 1 or 3, the year group 2 or 4."""

PATTERNS: dict[str, str] = {
    # every match becomes one space
    "spaces": f"{_SPACE}+",
    # every match is removed: what surrounds a value, and periods at its end
    "ends": rf"^[{_WHITE}{_WRAPPING}]+|(?<![{_WHITE}{_WRAPPING}.])[{_WHITE}{_WRAPPING}.]+$",
    # group 1 is the content of a message that is one fenced block
    "fence": rf"^{_SPACE}*```[^\n]*\n([\s\S]*?)\n?```{_SPACE}*$",
    # i; group 1 is what follows the last mark
    "marked": rf"^(?:[\s\S]*\n)?[ \t*_#>`]*(?:final[ \t]+)?answer\**[ \t]*:\**{_SPACE}*([\s\S]*)$",
    # i; WORD: the unit; group 1 or 2 is a number that is all there is
    "number": rf"^(?:({_NUMBER})(?:{_SPACE}*WORD)?|WORD{_SPACE}*({_NUMBER}))$",
    # group 1 is a number in a text, without a unit
    "within": rf"(?<!{_BEFORE})({_NUMBER}){_ENDS}(?!{_SPACE}?[%‰°€$£¥])",
    # i; WORD: the unit; group 1 is a number in a text, with its unit
    "beside": rf"((?<!{_BEFORE}){_NUMBER}{_ENDS}{_SPACE}*WORD(?!{_LETTER})"
    rf"|(?<!{_LETTER})WORD{_SPACE}*{_NUMBER}{_ENDS})",
    # group 1 is the only number of a text, at the end of a phrase
    "alone": rf"^[^0-9]*?(?<!{_BEFORE})({_NUMBER})(?={_SPACE}*(?:[.!?;)]|$))[^0-9]*$",
    # i; groups: year, month, day, hour, minute, second, fraction, zone, its sign, hours, minutes
    "date": f"^{_DATE}$",
    # i; group 1 is a date in a text
    "dates": f"(?<![0-9])({_DATE})(?![0-9]|T[0-9])",
    # group 1 is what stands in the brackets of a list
    "brackets": rf"^{_SPACE}*[\[(]([\s\S]*)[\])]{_SPACE}*$",
    # removed from a line
    "bullet": rf"^{_SPACE}*(?:[-*•]|[0-9]{{1,3}}[.)]){_SPACE}+",
    # WORD: the separator; group 1 of each match is an item of a line
    "item": rf"""("[^"]*"|'[^']*'|[^\n]+?){_SPACE}*(?:WORD{_SPACE}*|$)""",
}


@lru_cache(maxsize=512)
def pattern(name: str, word: str = "") -> re.Pattern[str]:
    """Return one of the expressions, compiled with every flag that any of them asks for."""
    return re.compile(PATTERNS[name].replace("WORD", re.escape(word)), re.IGNORECASE)


@lru_cache(maxsize=16)
def _worded(month: str) -> re.Pattern[str]:
    return re.compile(WORDED[month], re.IGNORECASE)


def with_iso_dates(text: str) -> str:
    """Return a text with each date that names its month as year, month and day in digits.

    >>> with_iso_dates("from May 1st, 2026 to 2 June 2026")
    'from 2026-05-1 to 2026-06-2'
    """
    for month in WORDED:
        text = _worded(month).sub(rf"\2\4-{month}-\1\3", text)
    return text
