// A reader of Firefly data sets for Node (20.11 or newer) without any package: replays cassettes, grades answers.
//
//     node reader.mjs CASSETTE TASKS.jsonl ANSWERS.jsonl    one line {"id", "reward"} for each line of answers
//
// docs/format.md is what it follows. It has no validator of JSON Schema: a call that only step 2 of the replay
// answers is a miss here, which makes a reward null, "not to be counted", and never a wrong one.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const PATTERNS = JSON.parse(readFileSync(new URL("../patterns.json", import.meta.url), "utf8"));
const NUMBER = "\0number";
const sha256 = (content) => createHash("sha256").update(content).digest("hex");
export const digest = (text) => sha256(Buffer.from(text, "utf8")).slice(0, 32);
export const keyOf = (...parts) => parts.join("\0");
const linesOf = (content) => content.toString("utf8").split("\n").filter((line) => line.trim()).map(parse);
const isNumber = (value) => typeof value === "bigint" || typeof value === "number";
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const numeral = (text) => (/^[-+]?\d+$/.test(text) ? BigInt(text.replace("+", "")) : Number(text));

/** JSON with whole numbers as BigInt and all others as Number. */
export function parse(text) {
  const token = /"(?:[^"\\]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
  const marked = text.replace(token, (one) => (one[0] === '"' ? one : `{"\\u0000number":"${one}"}`));
  const isMarked = (value) => isObject(value) && Object.hasOwn(value, NUMBER);
  return JSON.parse(marked, (key, value) => (isMarked(value) ? numeral(value[NUMBER]) : value));
}

/** The one JSON text of a value: keys sorted by code point, no white space. */
export function textOf(value) {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return decimal(value);
  if (Array.isArray(value)) return `[${value.map(textOf).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const keys = Object.keys(value).sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  return `{${keys.map((key) => `${JSON.stringify(key)}:${textOf(value[key])}`).join(",")}}`;
}

/** A decimal number as the format writes it: 25.0, 1e-05, 1e+16. */
function decimal(value) {
  if (Object.is(value, -0)) return "-0.0";
  const [digits, power] = value.toExponential().split("e");
  if (power < -4 || power > 15) return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** 25.0 as 25 within `depth` arrays; everything else as it is. */
function merged(value, depth) {
  if (depth > 0) return Array.isArray(value) ? value.map((one) => merged(one, depth - 1)) : value;
  return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : value;
}

export function canonical(given, rule) {
  const found = { ...rule.defaults, ...given };
  const numbers = Object.entries(rule.numbers).filter(([name]) => Object.hasOwn(found, name));
  for (const [name, depth] of numbers) found[name] = merged(found[name], Number(depth));
  return textOf(found);
}

/** `events`: {server, tool, letter, before, after} with the marks before and after, oldest first. */
export function stateOf(root, mark, events, indifferentTo) {
  const rules = new Map(indifferentTo.map((one) => [keyOf(one.server, one.tool), one]));
  const [lines, later] = [[], new Set()];
  for (const { server, tool, letter, before, after } of [...events].reverse()) {
    const quiet = later.size === 0 ? "recent" : later.size === 1 && later.has(server) ? "past" : "foreign";
    const matters = !rules.get(keyOf(server, tool))?.[before === after ? quiet : "changing"];
    if (matters) lines.unshift(`${letter}@${before}`);
    if (matters || before !== after) later.add(server);
  }
  return digest([root, mark, ...lines].join("\n"));
}

export class Cassette {
  constructor({ tools, entries, scopes }) {
    const keyed = (one) => [keyOf(one.server, one.tool, textOf(one.arguments), one.state), one];
    this.tools = new Map(tools.map((one) => [keyOf(one.tool.server, one.tool.name), one]));
    this.answers = new Map(entries.map(keyed));
    this.scopes = scopes;
  }

  static load(folder) {
    const manifest = parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    if (manifest.format !== "firefly-cassette" || manifest.format_version > 1n) {
      throw new Error(`${folder} holds no cassette of format version 1`);
    }
    const rows = { scopes: manifest.scopes };
    for (const [name, seal] of Object.entries(manifest.files)) {
      const content = readFileSync(join(folder, name));
      if (sha256(content) !== seal.sha256) throw new Error(`${join(folder, name)} is damaged`);
      rows[name.split(".")[0]] = linesOf(name.endsWith(".gz") ? gunzipSync(content) : content);
    }
    return new Cassette(rows);
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
    const same = fitting.filter((one) => Object.hasOwn(one.launches, launched));
    const places = (same.length > 0 ? same : fitting).map((one) => [keyOf(one.root, one.mark), one]);
    const [place, ...more] = new Map(places).values();
    return place && more.length === 0 ? { root: place.root, mark: place.mark, events: [] } : null;
  }

  call(states, servers, call) {
    const lose = (names) => names.forEach((name) => states.set(name, null)) ?? null;
    const { server, tool } = call;
    const known = servers.includes(server) ? this.tools.get(keyOf(server, tool)) : undefined;
    if (known === undefined) return lose([...states.keys()]);
    const { rule, schema_digest } = known;
    const text = canonical(call.arguments, rule);
    if (rule.state_independent) return this.answers.get(keyOf(server, tool, text, ""))?.observation ?? null;
    const state = states.get(rule.scope);
    const seen = state && stateOf(state.root, state.mark, state.events, rule.indifferent_to);
    const found = state && this.answers.get(keyOf(server, tool, text, seen));
    if (!found) return lose(states.has(rule.scope) ? [rule.scope] : [...states.keys()]);
    const letter = digest(keyOf(server, tool, schema_digest, text));
    state.events.push({ server, tool, letter, before: state.mark, after: found.mark });
    state.mark = found.mark;
    if (rule.effect_varies) states.set(rule.scope, null);
    return found.observation;
  }
}

const pattern = (name, flags, word = "") =>
  new RegExp(PATTERNS[name].replaceAll("WORD", word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")), flags);
const spaced = (text) => text.replace(pattern("spaces", "gu"), " ");
const bare = (text) => spaced(text).replace(pattern("ends", "gu"), "");
const normal = (text) => bare(text.normalize("NFC")).toLowerCase().toUpperCase().toLowerCase();
const unfenced = (text) => pattern("fence", "u").exec(text)?.[1] ?? text;
const READERS = { number, date: moment, list: listed, object: json, string: (text) => text };

function json(text) {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

/** A number as BigInt or Number; null: the text is none. */
function number(text, unit) {
  const found = pattern("number", "iu", unit).exec(bare(text));
  return found && numeral((found[1] ?? found[2]).replaceAll(",", "").replaceAll("−", "-"));
}

/** A text that is the same for the same moment; null: there is none. */
function moment(text) {
  const found = pattern("date", "iu").exec(bare(text)) ?? [];
  const [, year, month, day, hour = 0, minute = 0, second = 0, fraction = "", zone = "", sign, ...offset] = found;
  const date = new Date(new Date(0).setUTCFullYear(year, month - 1, day));
  if (date.getUTCMonth() !== month - 1) return null;
  const east = sign ? (60 * offset[0] + Number(offset[1])) * (sign === "-" ? -60 : 60) : 0;
  const seconds = date.getTime() / 1000 + 3600 * hour + 60 * minute + Number(second) - east;
  return `${seconds}.${fraction.padEnd(6, "0")}${zone && "Z"}`;
}

function listed(text) {
  const value = json(text);
  if (Array.isArray(value) || isObject(value)) return value;
  const inner = pattern("brackets", "u").exec(text)?.[1] ?? text;
  const lines = inner.split("\n").filter(bare).map((line) => spaced(line).replace(pattern("bullet", "u"), ""));
  if (lines.length !== 1) return lines.length > 0 ? lines : null;
  const separator = [";", ", ", ","].find((one) => lines[0].includes(one)) ?? "\n";
  return Array.from(lines[0].matchAll(pattern("item", "gu", separator)), (match) => match[1]);
}

/** The answer in a message, by the convention of the format; null: there is none. */
function extracted(message, kind, unit) {
  if (typeof message !== "string") return message;
  const months = kind === "date" ? Object.entries(PATTERNS.worded) : [];
  const iso = (text, [month, form]) => text.replace(new RegExp(form, "giu"), `$2$4-${month}-$1$3`);
  const text = months.reduce(iso, unfenced(message.normalize("NFC")));
  const marked = pattern("marked", "iu").exec(text);
  if (marked) {
    const tail = unfenced(marked[1]);
    return READERS[kind](kind === "list" || kind === "object" ? tail : tail.split("\n")[0], unit);
  }
  const found = READERS[kind](text, unit);
  if (found !== null || (kind !== "number" && kind !== "date")) return found;
  for (const name of kind === "date" ? ["dates"] : unit ? ["beside", "alone"] : ["within"]) {
    const matches = [...text.matchAll(pattern(name, "giu", unit))].map((match) => READERS[kind](match[1], unit));
    if (matches.length > 0) return new Set(matches.map(String)).size === 1 ? matches[0] : null;
  }
  return null;
}

function same(given, wanted, tolerance) {
  const text = typeof given === "string" ? normal(given) : null;
  if (wanted === null || typeof wanted === "boolean") {
    return given === wanted || [String(wanted), wanted ?? "none"].includes(text);
  }
  if (isNumber(wanted)) {
    const value = text === null ? given : number(given, "");
    const apart = Math.abs(Number(value) - Number(wanted)) - 1e-12 * Math.abs(Number(wanted));
    return isNumber(value) && (value == wanted || (tolerance > 0 && apart <= tolerance)); // 25n == 25
  }
  if (typeof wanted === "string") return (isNumber(given) ? textOf(given) : text) === normal(wanted);
  if (Array.isArray(given) !== Array.isArray(wanted) || !given || typeof given !== "object") return false;
  const keys = Object.keys(wanted);
  const equal = (key) => Object.hasOwn(given, key) && same(given[key], wanted[key], tolerance);
  return Object.keys(given).length === keys.length && keys.every(equal);
}

function right(message, { type, value, tolerance = 0, unit = "", ordered = false }) {
  const given = extracted(message, type, unit);
  if (type === "date") return typeof given === "string" && given === moment(value);
  if (type !== "list" || ordered) return same(given, value, Number(tolerance));
  const left = [...value];
  const takes = (one) => {
    const place = left.findIndex((other) => same(one, other, Number(tolerance)));
    return place >= 0 && left.splice(place, 1);
  };
  return Array.isArray(given) && given.length === value.length && given.every(takes);
}

/** 1, 0, or null: not to be counted. */
export function graded(cassette, task, probes, line) {
  const calls = line.calls ?? [];
  const found = cassette?.replay(task.servers, [...calls, ...probes.map((probe) => probe.call)]) ?? [];
  const outcome = line.outcome ?? (found.slice(0, calls.length).includes(null) ? "miss" : "");
  if (["miss", "infra", "truncated"].includes(outcome)) return null;
  if (outcome === "failure" || !right(line.answer, task.answer)) return 0;
  if (task.end_state.length === 0) return 1;
  if (!cassette || !line.calls || probes.length !== task.end_state.length) return null;
  const seen = found.slice(calls.length).map((one) => one && digest(textOf(one)));
  const open = probes.findIndex((probe, place) => !probe.right.includes(seen[place]));
  return open < 0 ? 1 : probes[open].wrong.includes(seen[open]) ? 0 : null;
}

export function* score(folder, tasks, answers) {
  const cassette = Cassette.load(folder);
  const byId = new Map(linesOf(readFileSync(tasks)).map((row) => [parse(row.record).id, row]));
  for (const line of linesOf(readFileSync(answers))) {
    const { record, probes } = byId.get(line.id);
    yield { id: line.id, reward: graded(cassette, parse(record), probes, line) };
  }
}

const [, script, ...names] = process.argv;
if (script === import.meta.filename) for (const row of score(...names)) console.log(JSON.stringify(row));
