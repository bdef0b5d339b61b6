"""A reader of Firefly data sets in standard Python alone: replays cassettes and, with ``answers.py``, grades.

    python reader.py vectors vectors.json           what it comes to for each case of the conformance vectors
    python reader.py score DATASET ANSWERS.jsonl    one line {"id", "reward"} for each line of answers

``docs/format.md`` is what it follows. It has no validator of JSON Schema and no parsers of outputs: a call
that only step 2 of the replay answers is a miss here, and a right answer to a task with an end state earns
null, "not to be counted". Neither can turn into a wrong reward.
"""
import gzip
import hashlib
import json
import sys
from pathlib import Path

from answers import reward


def text_of(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

def digest(text):
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

# --- canonical arguments

def resolved(schema, root):
    for _ in range(8):
        if not isinstance(schema, dict) or "$ref" not in schema:
            return schema if isinstance(schema, dict) else None
        name = schema["$ref"]
        further = schema.keys() - {"$ref", "title", "description", "default", "examples"}
        if further or not isinstance(name, str) or not name.startswith("#/"):
            return None
        schema = root
        for part in name[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            schema = schema.get(key) if isinstance(schema, dict) else None
    return None

UNCLEAR = {"allOf", "not", "if", "enum", "const"}
PLAIN = {"number", "string", "boolean", "null", "array", "object"}

def merged(value, schema, root, depth=12):
    """Return ``value`` with 25.0 as 25 wherever the schema says plain number."""
    schema = resolved(schema, root)
    if not schema or not depth or schema.keys() & {*UNCLEAR, "patternProperties"}:
        return value
    kind = schema.get("type")
    kinds = set(kind if isinstance(kind, list) else [kind]) - {"null"}
    if "anyOf" in schema or "oneOf" in schema:
        branches = schema.get("anyOf", schema.get("oneOf"))
        found = [resolved(one, root) or {} for one in branches] if isinstance(branches, list) else [{}]
        kinds = {None if one.keys() & {*UNCLEAR, "anyOf", "oneOf"} else str(one.get("type")) for one in found}
        kinds = {"number"} if kinds <= PLAIN and "number" in kinds else set()
    if kinds == {"number"}:
        return int(value) if isinstance(value, float) and value.is_integer() else value
    if kinds == {"array"} and "prefixItems" not in schema and isinstance(value, list):
        return [merged(one, schema.get("items"), root, depth - 1) for one in value]
    known, is_object = schema.get("properties"), kinds == {"object"} or (kinds == {None} and depth == 12)
    if is_object and isinstance(known, dict) and isinstance(value, dict):
        return {k: merged(v, known[k], root, depth - 1) if k in known else v for k, v in value.items()}
    return value

def canonical(schema, arguments, rule):
    known = schema.get("properties")
    for name in rule["defaults"]:
        if isinstance(known, dict) and isinstance(known.get(name), dict) and "default" in known[name]:
            arguments = {name: known[name]["default"], **arguments}
    return text_of(merged(arguments, schema, schema) if rule["merge_numbers"] else arguments)

# --- states and replay

def items_that_matter(events, indifferent_to):
    """``events``: (server, tool, letter, mark before, mark after), oldest first."""
    rules = {(one["server"], one["tool"]): one for one in indifferent_to}
    found, later = [], set()
    for server, tool, letter, before, after in reversed(events):
        quiet = "recent" if not later else "past" if later == {server} else "foreign"
        matters = not rules.get((server, tool), {}).get(quiet if before == after else "changing", False)
        found += [f"{letter}@{before}"] * matters
        if matters or before != after:
            later.add(server)
    return found[::-1]

def state_of(root, mark, events, indifferent_to):
    return digest("\n".join([root, mark, *items_that_matter(events, indifferent_to)]))

class Cassette:
    def __init__(self, tools, entries, scopes):
        self.tools = {(one["tool"]["server"], one["tool"]["name"]): one for one in tools}
        self.schemas = {key: digest(text_of(one["tool"]["input_schema"])) for key, one in self.tools.items()}
        self.scopes, self.answers = scopes, {}
        for one in entries:
            key = (one["server"], one["tool"], text_of(one["arguments"]), one["state"])
            if key in self.answers or self.schemas.get(key[:2]) != one["schema_digest"]:
                raise ValueError(f"an entry of {key[0]}/{key[1]} is of no tool, or one of two with one key")
            self.answers[key] = one

    @classmethod
    def load(cls, folder):
        manifest, rows = json.loads((folder / "manifest.json").read_bytes()), {}
        if manifest.get("format") != "firefly-cassette" or manifest["format_version"] > 1:
            raise ValueError(f"{folder} holds no cassette of format version 1")
        for name, seal in manifest["files"].items():
            content = (folder / name).read_bytes()
            if hashlib.sha256(content).hexdigest() != seal["sha256"]:
                raise ValueError(f"{folder / name} is damaged")
            content = gzip.decompress(content) if name.endswith(".gz") else content
            rows[name.removesuffix(".gz")] = [json.loads(line) for line in content.split(b"\n") if line]
            if len(rows[name.removesuffix(".gz")]) != seal["lines"]:
                raise ValueError(f"{folder / name} has not as many lines as the manifest says")
        return cls(rows["tools.jsonl"], rows["entries.jsonl"], manifest["scopes"])

    def replay(self, servers, calls, world=""):
        """Return the recorded observation of each call; None is a miss."""
        launched = " ".join(sorted({server for server, _ in self.tools if server in servers}))
        states = {one["name"]: self.start(one, launched, world) for one in self.scopes}
        return [self.call(states, servers, call) for call in calls]

    def start(self, scope, launched, world):
        """Return [root, mark, events] of a scope, or None: not known."""
        fitting = [one for one in scope["starts"] if world in ("", one["world"])]
        same = [one for one in fitting if launched in one["launches"]]
        if same and scope["name"].startswith("remote:"):
            same = [max(same, key=lambda one: (one["launches"][launched], one["root"]))]
        places = {(one["root"], one["mark"]) for one in same or fitting}
        return [*places.pop(), []] if len(places) == 1 else None

    def call(self, states, servers, call):
        key = (call["server"], call["tool"])
        known = self.tools.get(key) if key[0] in servers else None
        if known is None:
            return states.update(dict.fromkeys(states))
        rule = known["rule"]
        text = canonical(known["tool"]["input_schema"], call["arguments"], rule)
        if rule["state_independent"]:
            return self.answers.get((*key, text, ""), {}).get("observation")
        state = states.get(rule["scope"])
        found = self.answers.get((*key, text, state_of(*state, rule["indifferent_to"]))) if state else None
        if found is None:
            return states.update(dict.fromkeys([rule["scope"]] if rule["scope"] in states else states))
        letter = digest("\0".join((*key, self.schemas[key], text)))
        state[2].append((*key, letter, state[1], found["mark"]))
        state[1] = found["mark"]
        if rule["effect_varies"]:
            states[rule["scope"]] = None
        return found["observation"]

# --- whole data sets, and the conformance vectors

def results(vectors):
    """Return what this reader comes to for each case of conformance vectors."""
    tapes = {name: Cassette(**tape) for name, tape in vectors["cassettes"].items()}
    found = {"canonical": [], "states": [], "episodes": [], "grades": []}
    for one in vectors["canonical"]:
        schema = digest(text_of(one["input_schema"]))
        text = canonical(one["input_schema"], one["arguments"], one)
        letter = digest("\0".join((one["server"], one["tool"], schema, text)))
        found["canonical"].append([schema, text, letter])
    for one in vectors["states"]:
        past = [(e["server"], e["tool"], e["letter"], e["before"], e["after"]) for e in one["events"]]
        items = items_that_matter(past, one["indifferent_to"])
        found["states"].append([items, state_of(one["start"], one["mark"], past, one["indifferent_to"])])
    for one in vectors["episodes"]:
        tape = tapes[one["cassette"]]
        found["episodes"].append(tape.replay(one["servers"], one["calls"], one["world"]))
    for one in vectors["grades"]:
        found["grades"].append(reward(one["answer"], one["message"], one["end_state"], one["outcome"]))
    return found

def lines_of(path):
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.strip()]

def score(folder, answers):
    """Yield the id and reward of each line of answers to a data set."""
    tasks, cassettes = {}, {}
    for path in folder.glob("tasks*/*.jsonl"):
        own = folder / f"cassette_{path.stem}"
        for row in lines_of(path):
            task = json.loads(row["record"]) if isinstance(row.get("record"), str) else row
            tasks[task["id"]] = task, own if own.is_dir() else folder / "cassette"
    for line in lines_of(answers):
        task, place = tasks[line["id"]]
        if place not in cassettes:
            cassettes[place] = Cassette.load(place)
        calls = line.get("calls") or []
        replayed = cassettes[place].replay(task["servers"], calls)
        outcome = line.get("outcome") or ("miss" if None in replayed else None)
        yield {"id": task["id"], "reward": reward(task["answer"], line["answer"], task["end_state"], outcome)}

if __name__ == "__main__":
    if sys.argv[1:2] == ["vectors"]:
        print(json.dumps(results(json.loads(Path(sys.argv[2]).read_bytes())), ensure_ascii=False))
    else:
        for row in score(Path(sys.argv[2]), Path(sys.argv[3])):
            print(json.dumps(row))
