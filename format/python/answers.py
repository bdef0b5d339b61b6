"""The answers of Firefly tasks: read one out of a last message, compare it, give the reward.

Follows the section "Answers" of ``docs/format.md``. Belongs to ``reader.py``; standard Python alone.
"""
import ast
import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from unicodedata import normalize

DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?"
NUMBER = rf"[-+−]?(?:{DIGITS}|\.\d+)"
WITHIN = rf"(?<![\w.,$€£¥]){NUMBER}(?!\w|[.,]\d)"
ISO = (r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?"
       r"\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?")
MONTH = ("(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
         "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)")
DAY_FIRST = rf"(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {MONTH}\.?,? (\d{{4}})"
MONTH_FIRST = rf"{MONTH}\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})"
MARKED = r"[\s*_#>`]*(?:final\s+)?answer\**\s*:\**[ \t]*(.*)"
OWN_TYPE = {"list": list, "object": dict}
BULLET = r"^\s*(?:[-*•]|\d{1,3}[.)])\s+"
WRAPPING = "\"'`*“”‘’«»"

def bare(text):
    return text.strip(WRAPPING).strip().removesuffix(".").strip()

def normal(text):
    text, before = " ".join(normalize("NFC", text).split()), None
    while text != before:
        before, text = text, bare(text)
    return normalize("NFC", text.casefold())

def unfenced(text):
    match = re.fullmatch(r"```[\w-]*[ \t]*\n(.*?)\n?```", text.strip(), re.DOTALL)
    return match[1].strip() if match else text.strip()

def number(text, unit=""):
    plain, unit = bare(" ".join(text.split())), " ".join(unit.split()).casefold()
    if unit and plain.casefold().endswith(unit):
        plain = plain[: -len(unit)].strip()
    elif unit and plain.casefold().startswith(unit):
        plain = plain[len(unit) :].strip()
    if not re.fullmatch(NUMBER, plain):
        raise ValueError("no number")
    value = Decimal(plain.replace(",", "").replace("−", "-"))
    return int(value) if value == value.to_integral_value() else float(value)

def moment(text):
    """Return a date and time and whether it has an offset."""
    iso, day_first, month_first = (re.fullmatch(form, text, re.I) for form in (ISO, DAY_FIRST, MONTH_FIRST))
    fraction, zone = iso.groups()[6:] if iso else (None, None)
    day, month, year = (day_first or month_first or re.match("()()()", "")).groups()
    day, month = (month, day) if month_first else (day, month)
    months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    parts = iso.groups()[:6] if iso else (year, month and 1 + months.index(month[:3].lower()), day)
    found = datetime(*(int(part or 0) for part in parts), microsecond=int((fraction or "0").ljust(6, "0")))
    if zone and zone.upper() not in ("Z", "UTC"):
        if int(zone[1:3]) > 23 or int(zone[-2:]) > 59:
            raise ValueError("no offset")
        found -= timedelta(minutes=(60 * int(zone[1:3]) + int(zone[-2:])) * (1 if zone[0] == "+" else -1))
    return found, bool(zone)

def strict_json(text):
    """Return the JSON document that ``text`` is, if no number in it loses digits and no key stands twice."""
    def exact(found):
        if Decimal(repr(float(found))) != Decimal(found):
            raise ValueError("a number that a double can't hold")
        return float(found)
    def distinct(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)
    def constant(found):
        raise ValueError(found)
    return json.loads(text, parse_float=exact, parse_constant=constant, object_pairs_hook=distinct)

def python_list(text):
    def plain(value):
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {key: plain(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise ValueError("no JSON")
    value = ast.literal_eval(text) if text[:1] + text[-1:] in ("[]", "()", "{}") else None
    if value is None or repr(value) != text:
        raise ValueError("not the repr of a container")
    return plain(value)

def listed(text):
    for reader in (strict_json, python_list):
        try:
            value = reader(text)
        except (ValueError, SyntaxError, TypeError, ArithmeticError, RecursionError, MemoryError):
            continue
        if isinstance(value, dict):
            raise ValueError("an object, not a list")
        if isinstance(value, list):
            return value
    lines = [re.sub(BULLET, "", line).strip() for line in text.splitlines() if line.strip()]
    if len(lines) == 1:
        separator = next((one for one in ("; ", ";", ", ", ",") if one in lines[0]), None)
        lines = [item.strip() for item in lines[0].split(separator)] if separator else lines
    if not lines or not all(lines):
        raise ValueError("no list")
    return lines

def only(found):
    if len({json.dumps(value) for value in found}) != 1:
        raise ValueError("no value, or several to choose from")
    return found[0]

def read(text, kind, unit):
    if kind == "date":
        moment(text := bare(" ".join(text.split())))
    elif kind == "string" and not normal(text):
        raise ValueError("an empty answer")
    elif kind == "object" and not isinstance(text := strict_json(text), dict):
        raise ValueError("no object")
    return number(text, unit) if kind == "number" else listed(text) if kind == "list" else text

def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)

def extracted(message, kind, unit=""):
    """Return the answer in a message, by the convention of the format."""
    if not isinstance(message, str):
        if is_number(message) if kind == "number" else isinstance(message, OWN_TYPE.get(kind, ())):
            return message
        return json.dumps(message if kind == "string" and is_number(message) else only([]))
    text = unfenced(normalize("NFC", message))
    lines = text.splitlines()
    for place in range(len(lines) - 1, -1, -1):
        if match := re.fullmatch(MARKED, lines[place], re.I):
            rest = match[1].strip().removesuffix("**").strip()
            below = [line for line in lines[place + 1 :] if line.strip()]
            whole = "\n".join([match[1], *lines[place + 1 :]])
            line = rest or (below or [""])[0]
            return read(unfenced(whole if kind in OWN_TYPE else line), kind, unit)
    try:
        return read(text, kind, unit)
    except (ValueError, ArithmeticError):
        if kind == "date":
            forms = (re.finditer(form, text, re.I) for form in (ISO, DAY_FIRST, MONTH_FIRST))
            return only([read(match[0], kind, unit) for form in forms for match in form])
        if kind != "number":
            raise
    found, name = re.findall(rf"{WITHIN}(?!\s?[%‰°€$£¥])", text), re.escape(" ".join(unit.split()))
    if unit:
        united = re.findall(rf"{WITHIN}\s*{name}(?!\w)|(?<!\w){name}\s*{NUMBER}(?!\w|[.,]\d)", text, re.I)
        every, alone = re.findall(WITHIN, text), re.findall(rf"{WITHIN}(?=\s*(?:[.!?;)]|$))", text)
        found = united or (alone if len(every) == 1 else every)
    return only([number(one, unit) for one in found])

def close(one, other, tolerance):
    return abs(Decimal(repr(one)) - Decimal(repr(other))) <= Decimal(repr(tolerance))

def same(given, wanted, tolerance):
    if isinstance(wanted, bool) or wanted is None:
        return given is wanted or (isinstance(given, str) and normal(given) == json.dumps(wanted))
    if is_number(wanted):
        try:
            given = number(given) if isinstance(given, str) else given
        except ValueError:
            return False
        return is_number(given) and close(given, wanted, tolerance)
    if isinstance(wanted, str):
        given = json.dumps(given) if is_number(given) else given
        return isinstance(given, str) and normal(given) == normal(wanted)
    if type(given) is not type(wanted) or len(given) != len(wanted):
        return False
    if isinstance(wanted, dict):
        equal = (same(given[key], wanted[key], tolerance) for key in wanted)
        return given.keys() == wanted.keys() and all(equal)
    return all(same(one, other, tolerance) for one, other in zip(given, wanted, strict=True))

def matched(given, wanted, tolerance):
    """Return whether the items of two lists can be paired one to one, whatever their order."""
    partner = {}
    def place(index, tried):
        for other in range(len(wanted)):
            if other not in tried and same(given[index], wanted[other], tolerance):
                tried.add(other)
                if other not in partner or place(partner[other], tried):
                    partner[other] = index
                    return True
        return False
    return len(given) == len(wanted) and all(place(index, set()) for index in range(len(given)))

def right(message, answer):
    kind, wanted, tolerance = answer["type"], answer["value"], answer.get("tolerance", 0.0)
    try:
        given = extracted(message, kind, answer.get("unit", ""))
        if kind == "date":
            one, other = moment(given), moment(str(wanted).strip())
            return one == other
    except (ValueError, ArithmeticError):
        return False
    if kind == "list" and not answer.get("ordered", False):
        return matched(given, wanted, tolerance)
    return same(given, str(wanted) if kind == "string" else wanted, tolerance)

def reward(answer, message, end_state=False, outcome=None):
    """Return 1, 0, or None: not to be counted."""
    if outcome in ("miss", "infra", "truncated"):
        return None
    empty = message is None or (isinstance(message, str) and not message.strip())
    if outcome == "failure" or empty or not right(message, answer):
        return 0
    return None if end_state else 1
