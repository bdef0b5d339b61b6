// A reader of Firefly data sets for Node without any package: replays cassettes and grades answers.
//
//     node reader.mjs vectors vectors.json           what it comes to for each case of the conformance vectors
//     node reader.mjs score DATASET ANSWERS.jsonl    one line {"id", "reward"} for each line of answers
//
// docs/format.md is what it follows. It has no validator of JSON Schema and no parsers of outputs: a call that
// only step 2 of the replay answers is a miss here, and a right answer to a task with an end state earns null,
// "not to be counted". Neither can turn into a wrong reward.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { reward } from "./answers.mjs";
import { has, isObject, parse, textOf } from "./json.mjs";

const sha256 = (content) => createHash("sha256").update(content).digest("hex");
const digest = (text) => sha256(Buffer.from(text, "utf8")).slice(0, 32);
const keyOf = (...parts) => parts.join("\0");

// --- canonical arguments

const ANNOTATIONS = ["$ref", "title", "description", "default", "examples"];
const UNCLEAR = ["allOf", "not", "if", "enum", "const"];
const PLAIN = ["number", "string", "boolean", "null", "array", "object"];
const any = (schema, words) => words.some((word) => has(schema, word));

function resolved(schema, root) {
  for (let hop = 0; hop < 8; hop++) {
    if (!isObject(schema)) return null;
    if (!has(schema, "$ref")) return schema;
    const name = schema.$ref;
    const further = Object.keys(schema).some((word) => !ANNOTATIONS.includes(word));
    if (further || typeof name !== "string" || !name.startsWith("#/")) return null;
    schema = root;
    for (const part of name.slice(2).split("/")) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      schema = isObject(schema) && has(schema, key) ? schema[key] : null;
    }
  }
  return null;
}

/** `value` with 25.0 as 25 wherever the schema says plain number. */
function merged(value, given, root, depth = 12) {
  const schema = resolved(given, root);
  if (schema === null || depth === 0 || any(schema, [...UNCLEAR, "patternProperties"])) return value;
  let kinds = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter((kind) => kind !== "null");
  if (any(schema, ["anyOf", "oneOf"])) {
    const branches = has(schema, "anyOf") ? schema.anyOf : schema.oneOf;
    const found = Array.isArray(branches) ? branches.map((one) => resolved(one, root) ?? {}) : [{}];
    kinds = found.map((one) => (any(one, [...UNCLEAR, "anyOf", "oneOf"]) ? null : one.type));
    kinds = kinds.every((kind) => PLAIN.includes(kind)) && kinds.includes("number") ? ["number"] : [];
  }
  const only = new Set(kinds).size === 1 ? kinds[0] : "";
  if (only === "number") return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : value;
  if (only === "array" && !has(schema, "prefixItems") && Array.isArray(value)) {
    return value.map((one) => merged(one, schema.items, root, depth - 1));
  }
  const known = schema.properties;
  if ((only === "object" || (only === undefined && depth === 12)) && isObject(known) && isObject(value)) {
    const fixed = ([key, one]) => [key, has(known, key) ? merged(one, known[key], root, depth - 1) : one];
    return Object.fromEntries(Object.entries(value).map(fixed));
  }
  return value;
}

function canonical(schema, given, rule) {
  let found = given;
  for (const name of rule.defaults) {
    const one = isObject(schema.properties) ? schema.properties[name] : undefined;
    if (isObject(one) && has(one, "default")) found = { [name]: one.default, ...found };
  }
  return textOf(rule.merge_numbers ? merged(found, schema, schema) : found);
}

// --- states and replay

/** `events`: {server, tool, letter, before, after} with the marks before and after, oldest first. */
function itemsThatMatter(events, indifferentTo) {
  const rules = new Map(indifferentTo.map((one) => [keyOf(one.server, one.tool), one]));
  const found = [];
  const later = new Set();
  for (const { server, tool, letter, before, after } of [...events].reverse()) {
    const quiet = later.size === 0 ? "recent" : later.size === 1 && later.has(server) ? "past" : "foreign";
    const matters = !rules.get(keyOf(server, tool))?.[before === after ? quiet : "changing"];
    if (matters) found.unshift(`${letter}@${before}`);
    if (matters || before !== after) later.add(server);
  }
  return found;
}

const stateOf = (root, mark, events, indifferentTo) =>
  digest([root, mark, ...itemsThatMatter(events, indifferentTo)].join("\n"));

class Cassette {
  constructor({ tools, entries, scopes }) {
    const withSchema = (one) => ({ ...one, schema: digest(textOf(one.tool.input_schema)) });
    this.tools = new Map(tools.map((one) => [keyOf(one.tool.server, one.tool.name), withSchema(one)]));
    this.scopes = scopes;
    this.answers = new Map();
    for (const one of entries) {
      const key = keyOf(one.server, one.tool, textOf(one.arguments), one.state);
      if (this.answers.has(key) || this.tools.get(keyOf(one.server, one.tool))?.schema !== one.schema_digest) {
        throw new Error(`an entry of ${one.server}/${one.tool} is of no tool, or one of two with one key`);
      }
      this.answers.set(key, one);
    }
  }

  static load(folder) {
    const manifest = parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    if (manifest.format !== "firefly-cassette" || manifest.format_version > 1n) {
      throw new Error(`${folder} holds no cassette of format version 1`);
    }
    const rows = {};
    for (const [name, seal] of Object.entries(manifest.files)) {
      const content = readFileSync(join(folder, name));
      if (sha256(content) !== seal.sha256) throw new Error(`${join(folder, name)} is damaged`);
      const lines = linesOf(name.endsWith(".gz") ? gunzipSync(content) : content);
      if (BigInt(lines.length) !== seal.lines) throw new Error(`${join(folder, name)} lacks lines`);
      rows[name.split(".")[0]] = lines;
    }
    return new Cassette({ ...rows, scopes: manifest.scopes });
  }

  /** The recorded observation of each call; null is a miss. */
  replay(servers, calls, world = "") {
    const wanted = [...this.tools.values()].map((one) => one.tool.server).filter((one) => servers.includes(one));
    const launched = [...new Set(wanted)].sort().join(" ");
    const states = new Map(this.scopes.map((one) => [one.name, this.start(one, launched, world)]));
    return calls.map((call) => this.call(states, servers, call));
  }

  /** Where a scope begins: {root, mark, events}; null where that is not known. */
  start(scope, launched, world) {
    const fitting = scope.starts.filter((one) => world === "" || world === one.world);
    let same = fitting.filter((one) => has(one.launches, launched));
    if (same.length > 0 && scope.name.startsWith("remote:")) {
      const rank = (one) => [one.launches[launched], one.root];
      const more = ([a, b], [c, d]) => (a > c || (a === c && b > d) ? 1 : -1);
      same = [same.reduce((best, one) => (more(rank(one), rank(best)) > 0 ? one : best))];
    }
    const places = same.length > 0 ? same : fitting;
    const distinct = new Set(places.map((one) => keyOf(one.root, one.mark)));
    return distinct.size === 1 ? { root: places[0].root, mark: places[0].mark, events: [] } : null;
  }

  call(states, servers, call) {
    const lose = (names) => names.forEach((name) => states.set(name, null)) ?? null;
    const known = servers.includes(call.server) ? this.tools.get(keyOf(call.server, call.tool)) : undefined;
    if (known === undefined) return lose([...states.keys()]);
    const rule = known.rule;
    const text = canonical(known.tool.input_schema, call.arguments, rule);
    const recorded = (state) => this.answers.get(keyOf(call.server, call.tool, text, state));
    if (rule.state_independent) return recorded("")?.observation ?? null;
    const state = states.get(rule.scope);
    const found = state && recorded(stateOf(state.root, state.mark, state.events, rule.indifferent_to));
    if (!found) return lose(states.has(rule.scope) ? [rule.scope] : [...states.keys()]);
    const letter = digest(keyOf(call.server, call.tool, known.schema, text));
    state.events.push({ server: call.server, tool: call.tool, letter, before: state.mark, after: found.mark });
    state.mark = found.mark;
    if (rule.effect_varies) states.set(rule.scope, null);
    return found.observation;
  }
}

// --- whole data sets, and the conformance vectors

function linesOf(content) {
  return content.toString("utf8").split("\n").filter((line) => line.trim()).map(parse);
}

function results(vectors) {
  const tapes = new Map(Object.entries(vectors.cassettes).map(([name, tape]) => [name, new Cassette(tape)]));
  return {
    canonical: vectors.canonical.map((one) => {
      const schema = digest(textOf(one.input_schema));
      const text = canonical(one.input_schema, one.arguments, one);
      return [schema, text, digest(keyOf(one.server, one.tool, schema, text))];
    }),
    states: vectors.states.map((one) => [
      itemsThatMatter(one.events, one.indifferent_to),
      stateOf(one.start, one.mark, one.events, one.indifferent_to),
    ]),
    episodes: vectors.episodes.map((one) => tapes.get(one.cassette).replay(one.servers, one.calls, one.world)),
    grades: vectors.grades.map((one) => reward(one.answer, one.message, one.end_state, one.outcome)),
  };
}

function* score(folder, answers) {
  const tasks = new Map();
  for (const kind of readdirSync(folder).filter((one) => one.startsWith("tasks"))) {
    for (const name of readdirSync(join(folder, kind)).filter((one) => one.endsWith(".jsonl"))) {
      const own = join(folder, `cassette_${basename(name, ".jsonl")}`);
      for (const row of linesOf(readFileSync(join(folder, kind, name)))) {
        const task = typeof row.record === "string" ? parse(row.record) : row;
        tasks.set(task.id, [task, existsSync(own) ? own : join(folder, "cassette")]);
      }
    }
  }
  const cassettes = new Map();
  for (const line of linesOf(readFileSync(answers))) {
    const [task, place] = tasks.get(line.id);
    if (!cassettes.has(place)) cassettes.set(place, Cassette.load(place));
    const replayed = cassettes.get(place).replay(task.servers, line.calls ?? []);
    const outcome = line.outcome ?? (replayed.includes(null) ? "miss" : null);
    yield { id: task.id, reward: reward(task.answer, line.answer, task.end_state.length > 0, outcome) };
  }
}

const [, , command, first, second] = process.argv;
if (command === "vectors") console.log(textOf(results(parse(readFileSync(first, "utf8")))));
else for (const row of score(first, second)) console.log(JSON.stringify(row));
