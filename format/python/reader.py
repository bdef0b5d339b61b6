"""A reader of Firefly data sets in standard Python (3.11 or newer) alone: replays cassettes, grades answers.

    python reader.py CASSETTE TASKS.jsonl ANSWERS.jsonl    one line {"id", "reward"} for each line of answers

``docs/format.md`` is what it follows. It has no validator of JSON Schema: a call that only step 2 of the
replay answers is a miss here, which makes a reward null, "not to be counted", and never a wrong one.
"""
import gzip
import hashlib
import json
import re
import sys
from datetime import datetime
from pathlib import Path
from unicodedata import normalize

PATTERNS = json.loads((Path(__file__).parent.parent / "patterns.json").read_text("utf-8"))


def text_of(value):
    """Return the one JSON text of a value: keys sorted by code point, no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

def digest(text):
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

def lines_of(content):
    return [json.loads(line) for line in content.split(b"\n") if line.strip()]

def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)

def merged(value, depth):
    """Return 25.0 as 25 within ``depth`` arrays; everything else as it is."""
    if depth:
        return [merged(one, depth - 1) for one in value] if isinstance(value, list) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value

def canonical(arguments, rule):
    found = {**rule["defaults"], **arguments}
    numbers = {key: merged(found[key], depth) for key, depth in rule["numbers"].items() if key in found}
    return text_of({**found, **numbers})

def state_of(root, mark, events, indifferent_to):
    """``events``: (server, tool, letter, mark before, mark after), oldest first."""
    rules = {(one["server"], one["tool"]): one for one in indifferent_to}
    items, later = [], set()
    for server, tool, letter, before, after in reversed(events):
        quiet = "recent" if not later else "past" if later == {server} else "foreign"
        matters = not rules.get((server, tool), {}).get(quiet if before == after else "changing", False)
        items += [f"{letter}@{before}"] * matters
        if matters or before != after:
            later.add(server)
    return digest("\n".join([root, mark, *items[::-1]]))


class Cassette:
    def __init__(self, tools, entries, scopes):
        self.tools = {(one["tool"]["server"], one["tool"]["name"]): one for one in tools}
        keys = ((one["server"], one["tool"], text_of(one["arguments"]), one["state"]) for one in entries)
        self.answers, self.scopes = dict(zip(keys, entries, strict=True)), scopes

    @classmethod
    def load(cls, folder):
        manifest, rows = json.loads((folder / "manifest.json").read_bytes()), {}
        if manifest.get("format") != "firefly-cassette" or manifest["format_version"] > 1:
            raise ValueError(f"{folder} holds no cassette of format version 1")
        for name, seal in manifest["files"].items():
            content = (folder / name).read_bytes()
            if hashlib.sha256(content).hexdigest() != seal["sha256"]:
                raise ValueError(f"{folder / name} is damaged")
            rows[name.split(".")[0]] = lines_of(gzip.decompress(content) if name.endswith(".gz") else content)
        return cls(**rows, scopes=manifest["scopes"])

    def replay(self, servers, calls, world=""):
        """Return the recorded observation of each call; None is a miss."""
        launched = " ".join(sorted({server for server, _ in self.tools if server in servers}))
        states = {one["name"]: self.start(one, launched, world) for one in self.scopes}
        return [self.call(states, servers, call) for call in calls]

    def start(self, scope, launched, world):
        """Return [root, mark, events] of a scope, or None: not known."""
        fitting = [one for one in scope["starts"] if world in ("", one["world"])]
        same = [one for one in fitting if launched in one["launches"]]
        places = {(one["root"], one["mark"]) for one in same or fitting}
        return [*places.pop(), []] if len(places) == 1 else None

    def call(self, states, servers, call):
        key = (call["server"], call["tool"])
        known = self.tools.get(key) if key[0] in servers else None
        if known is None:
            return states.update(dict.fromkeys(states))
        rule, text = known["rule"], canonical(call["arguments"], known["rule"])
        if rule["state_independent"]:
            return self.answers.get((*key, text, ""), {}).get("observation")
        state = states.get(rule["scope"])
        found = self.answers.get((*key, text, state_of(*state, rule["indifferent_to"]))) if state else None
        if found is None:
            return states.update(dict.fromkeys([rule["scope"]] if rule["scope"] in states else states))
        letter = digest("\0".join((*key, known["schema_digest"], text)))
        state[2].append((*key, letter, state[1], found["mark"]))
        state[1] = found["mark"]
        if rule["effect_varies"]:
            states[rule["scope"]] = None
        return found["observation"]


def pattern(name, word=""):
    return re.compile(PATTERNS[name].replace("WORD", re.escape(word)), re.I)

def bare(text):
    return pattern("ends").sub("", spaced(text))

def spaced(text):
    return pattern("spaces").sub(" ", text)

def normal(text):
    return bare(normalize("NFC", text)).lower().upper().lower()

def unfenced(text):
    match = pattern("fence").search(text)
    return match[1] if match else text

def json_of(text, unit=""):
    try:
        return json.loads(text, parse_constant=int)  # which refuses NaN and Infinity
    except (ValueError, RecursionError):
        return None

def number(text, unit=""):
    match = pattern("number", unit).search(bare(text))
    plain = (match[1] or match[2]).replace(",", "").replace("−", "-") if match else ""
    whole = plain.lstrip("+-").isdigit() and len(plain) < 4000  # Python reads no longer ones
    return int(plain) if whole else float(plain) if plain else None

def moment(text, unit=""):
    match = pattern("date").search(bare(text))
    parts = [one or "" for one in match.groups()] if match else [""] * 8
    year, month, day, hour, minute, second, fraction, zone = parts[:8]
    time = f"{hour:0>2}:{minute:0>2}:{second:0>2}.{fraction:0<6}{zone.upper().replace('UTC', 'Z')}"
    try:
        return datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}T{time}")
    except ValueError:
        return None

def listed(text, unit=""):
    value = json_of(text)
    if isinstance(value, list | dict):
        return value
    inner = pattern("brackets").search(text)
    lines = [line for line in (inner[1] if inner else text).split("\n") if bare(line)]
    lines = [pattern("bullet").sub("", spaced(line)) for line in lines]
    if len(lines) != 1:
        return lines or None
    separator = next((one for one in (";", ", ", ",") if one in lines[0]), "\n")
    return [match[1] for match in pattern("item", separator).finditer(lines[0])]

READERS = {"number": number, "date": moment, "list": listed, "object": json_of, "string": lambda one, _: one}

def extracted(message, kind, unit):
    """Return the answer in a message, by the convention of the format; None: there is none."""
    if not isinstance(message, str):
        return message
    text = unfenced(normalize("NFC", message))
    for month, form in PATTERNS["worded"].items() if kind == "date" else ():
        text = re.sub(form, rf"\2\4-{month}-\1\3", text, flags=re.I)
    if marked := pattern("marked").search(text):
        tail = unfenced(marked[1])
        return READERS[kind](tail if kind in ("list", "object") else tail.split("\n")[0], unit)
    found = READERS[kind](text, unit)
    if found is not None or kind not in ("number", "date"):
        return found
    for name in ["dates"] if kind == "date" else ["beside", "alone"] if unit else ["within"]:
        values = [READERS[kind](match[1], unit) for match in pattern(name, unit).finditer(text)]
        if values:
            return values[0] if len(set(values)) == 1 else None
    return None

def same(given, wanted, tolerance):
    text = normal(given) if isinstance(given, str) else None
    if wanted is None or isinstance(wanted, bool):
        return given is wanted or text in (json.dumps(wanted), str(wanted).lower())
    if is_number(wanted):
        value = number(given) if isinstance(given, str) else given
        if not is_number(value) or value == wanted or not tolerance:
            return is_number(value) and value == wanted
        return abs(float(value) - float(wanted)) - 1e-12 * abs(float(wanted)) <= tolerance
    if isinstance(wanted, str):
        return (json.dumps(given) if is_number(given) else text) == normal(wanted)
    if type(given) is not type(wanted) or len(given) != len(wanted):
        return False
    if isinstance(wanted, dict):
        equal = (same(given[key], wanted[key], tolerance) for key in wanted)
        return given.keys() == wanted.keys() and all(equal)
    return all(same(one, other, tolerance) for one, other in zip(given, wanted, strict=True))

def right(message, answer):
    kind, wanted, tolerance = answer["type"], answer["value"], answer.get("tolerance", 0)
    given = extracted(message, kind, answer.get("unit", ""))
    if kind == "date":
        return isinstance(given, datetime) and given == moment(wanted)
    if kind != "list" or answer.get("ordered", False):
        return same(given, wanted, tolerance)
    left = list(wanted)
    for one in given if isinstance(given, list) and len(given) == len(wanted) else [None]:
        place = next((at for at, other in enumerate(left) if same(one, other, tolerance)), None)
        if place is None:
            return False
        del left[place]
    return not left

def graded(cassette, task, probes, line):
    """Return 1, 0, or None: not to be counted."""
    calls = line.get("calls") or []
    found = cassette.replay(task["servers"], [*calls, *(one["call"] for one in probes)]) if cassette else []
    outcome = line.get("outcome") or ("miss" if None in found[: len(calls)] else "")
    if outcome in ("miss", "infra", "truncated"):
        return None
    if outcome == "failure" or not right(line["answer"], task["answer"]):
        return 0
    if not task["end_state"]:
        return 1
    if not cassette or line.get("calls") is None or len(probes) != len(task["end_state"]):
        return None
    for probe, observation in zip(probes, found[len(calls) :], strict=True):
        seen = observation and digest(text_of(observation))
        if seen not in probe["right"]:
            return 0 if seen in probe["wrong"] else None
    return 1

def score(folder, tasks, answers):
    """Yield the id and reward of each line of answers to the tasks of one table."""
    cassette, by_id = Cassette.load(folder), {}
    for row in lines_of(tasks.read_bytes()):
        task = json.loads(row["record"])
        by_id[task["id"]] = task, row.get("probes") or []
    for line in lines_of(answers.read_bytes()):
        yield {"id": line["id"], "reward": graded(cassette, *by_id[line["id"]], line)}

if __name__ == "__main__":
    for row in score(*map(Path, sys.argv[1:4])):
        print(json.dumps(row))
