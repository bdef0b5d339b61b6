// The answers of Firefly tasks: read one out of a last message, compare it, give the reward.
// Follows the section "Answers" of docs/format.md. Belongs to reader.mjs.

import { compare, decimal, difference, has, isNumber, isObject, parseStrictly, textOf, wholeOf } from "./json.mjs";

const SPACE = "[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LETTER = "[\\p{L}\\p{N}_]";
const DIGITS = "(?:\\d{1,3}(?:,\\d{3})+|\\d+)(?:\\.\\d+)?(?:[eE][+-]?\\d{1,3})?";
const NUMBER = `[-+−]?(?:${DIGITS}|\\.\\d+)`;
const WITHIN = `(?<![\\p{L}\\p{N}_.,$€£¥])${NUMBER}(?!${LETTER}|[.,]\\d)`;
const ISO =
  "(\\d{4})[\\-/](\\d{1,2})[\\-/](\\d{1,2})(?:[T ](\\d{1,2}):(\\d{2})(?::(\\d{2})(?:\\.(\\d{1,6}))?)?" +
  `${SPACE}*(Z|UTC|[+\\-]\\d{2}:?\\d{2})?)?`;
const MONTH =
  "(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|" +
  "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)";
const DAY_FIRST = `(\\d{1,2})(?:st|nd|rd|th)?(?: of)? ${MONTH}\\.?,? (\\d{4})`;
const MONTH_FIRST = `${MONTH}\\.? (\\d{1,2})(?:st|nd|rd|th)?,? (\\d{4})`;
const MARKED = new RegExp(`^(?:${SPACE}|[*_#>\`])*(?:final${SPACE}+)?answer\\**${SPACE}*:\\**[ \\t]*(.*)$`, "iu");
const BULLET = new RegExp(`^${SPACE}*(?:[\\-*•]|\\d{1,3}[.)])${SPACE}+`, "u");
const LINE = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
const WRAPPING = "\"'`*“”‘’«»";
const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");

const strip = (text) => text.replace(new RegExp(`^${SPACE}+|${SPACE}+$`, "gu"), "");
const joined = (text) => strip(text).replace(new RegExp(`${SPACE}+`, "gu"), " ");
const unwrapped = (text) => text.replace(new RegExp(`^[${WRAPPING}]+|[${WRAPPING}]+$`, "gu"), "");
const bare = (text) => strip(strip(unwrapped(text)).replace(/\.$/, ""));
const lines = (text) => text.split(LINE);
const whole = (form) => new RegExp(`^(?:${form})$`, "iu");

/** Full case folding, but for letters that have no other case in common use. */
function folded(text) {
  return Array.from(text, (one) => (one === "ı" ? one : one.toLowerCase().toUpperCase().toLowerCase())).join("");
}

function normal(text) {
  let found = joined(text.normalize("NFC"));
  for (let before = null; found !== before; ) [before, found] = [found, bare(found)];
  return folded(found).normalize("NFC");
}

function unfenced(text) {
  const match = /^```[\p{L}\p{N}_-]*[ \t]*\n([^]*?)\n?```$/u.exec(strip(text));
  return match ? strip(match[1]) : strip(text);
}

function number(text, unit = "") {
  let plain = bare(joined(text));
  const name = joined(unit);
  if (name && folded(plain).endsWith(folded(name))) plain = strip(plain.slice(0, -name.length));
  else if (name && folded(plain).startsWith(folded(name))) plain = strip(plain.slice(name.length));
  if (!new RegExp(`^(?:${NUMBER})$`, "u").test(plain)) throw new Error("no number");
  const value = plain.replaceAll(",", "").replaceAll("−", "-");
  return wholeOf(value) ?? Number(value);
}

/** Microseconds since 1970 and whether the text has an offset. */
function moment(text) {
  const iso = whole(ISO).exec(text);
  const worded = iso ? null : whole(DAY_FIRST).exec(text) ?? whole(MONTH_FIRST).exec(text);
  if (!iso && !worded) throw new Error("no date");
  let fields = iso?.slice(1, 7);
  if (worded) {
    const [day, month] = /^\d/.test(worded[1]) ? [worded[1], worded[2]] : [worded[2], worded[1]];
    fields = [worded[3], 1 + MONTHS.indexOf(month.slice(0, 3).toLowerCase()), day];
  }
  const [year, month, day, hour = 0, minute = 0, second = 0] = fields.map((one) => Number(one ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const shown = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours()];
  const valid = [year, month, day, hour].every((one, place) => one === shown[place]);
  if (!valid || year < 1 || minute > 59 || second > 59) throw new Error("no date");
  let micro = BigInt(date.getTime()) * 1000n + BigInt((iso?.[7] ?? "0").padEnd(6, "0"));
  const zone = iso?.[8];
  if (zone && !/^(?:Z|UTC)$/i.test(zone)) {
    const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
    if (hours > 23 || minutes > 59) throw new Error("no offset");
    micro -= BigInt((60 * hours + minutes) * (zone[0] === "+" ? 60 : -60)) * 1000000n;
    const moved = new Date(Number(micro / 1000n)).getUTCFullYear();
    if (moved < 1 || moved > 9999) throw new Error("no date");
  }
  return [micro, Boolean(zone)];
}

/** A list as Python prints it: the one kind of literal that also turns up in answers. */
function pythonList(text) {
  const token = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|\b(?:None|True|False)\b/gu;
  const constants = { None: "null", True: "true", False: "false" };
  const value = parseStrictly(
    text.replace(token, (all, single, double) => {
      const inner = single ?? double;
      if (inner === undefined) return constants[all];
      // repr prefers single quotes, and takes double ones only around text with a single and no double one
      if (double !== undefined && (!double.includes("'") || double.includes('"'))) throw new Error("no repr");
      const escapes = { n: "\n", r: "\r", t: "\t", "\\": "\\", "'": "'" };
      return JSON.stringify(
        inner.replace(/\\(.)/gu, (whole_, one) => {
          if (!has(escapes, one)) throw new Error("an escape");
          return escapes[one];
        }),
      );
    }),
  );
  if (!Array.isArray(value)) throw new Error("no list");
  return value;
}

function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function listed(text) {
  for (const reader of [parseStrictly, pythonList]) {
    const value = attempt(() => reader(text));
    if (isObject(value)) throw new Error("an object, not a list");
    if (Array.isArray(value)) return value;
  }
  let found = lines(text).filter(strip).map((line) => strip(line.replace(BULLET, "")));
  if (found.length === 1) {
    const separator = ["; ", ";", ", ", ","].find((one) => found[0].includes(one));
    if (separator) found = found[0].split(separator).map(strip);
  }
  if (found.length === 0 || !found.every(Boolean)) throw new Error("no list");
  return found;
}

function only(found) {
  if (new Set(found.map(textOf)).size !== 1) throw new Error("no value, or several to choose from");
  return found[0];
}

function read(text, kind, unit) {
  if (kind === "number") return number(text, unit);
  if (kind === "list") return listed(text);
  if (kind === "date") {
    const plain = bare(joined(text));
    moment(plain);
    return plain;
  }
  const value = kind === "object" ? parseStrictly(text) : text;
  if (kind === "object" ? !isObject(value) : !normal(text)) throw new Error("no object, or an empty answer");
  return value;
}

const every = (form, text) => Array.from(text.matchAll(new RegExp(form, "giu")), (match) => match[0]);
const FITS = { number: isNumber, list: Array.isArray, object: isObject };

/** The answer in a message, by the convention of the format. */
function extracted(message, kind, unit) {
  if (typeof message !== "string") {
    if (FITS[kind]?.(message)) return message;
    if (kind === "string" && isNumber(message)) return textOf(message);
    throw new Error("no answer");
  }
  const text = unfenced(message.normalize("NFC"));
  const all = lines(text);
  for (let place = all.length - 1; place >= 0; place--) {
    const match = MARKED.exec(all[place]);
    if (match === null) continue;
    const below = all.slice(place + 1);
    if (kind === "list" || kind === "object") return read(unfenced([match[1], ...below].join("\n")), kind, unit);
    const rest = strip(strip(match[1]).replace(/\*\*$/, ""));
    return read(unfenced(rest || (below.find(strip) ?? "")), kind, unit);
  }
  try {
    return read(text, kind, unit);
  } catch (error) {
    if (kind === "date") {
      return only([ISO, DAY_FIRST, MONTH_FIRST].flatMap((form) => every(form, text)).map((one) => read(one, kind)));
    }
    if (kind !== "number") throw error;
  }
  let found = every(`${WITHIN}(?!${SPACE}?[%‰°€$£¥])`, text);
  if (unit) {
    const name = joined(unit).replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
    const before = `(?<!${LETTER})${name}${SPACE}*${NUMBER}(?!${LETTER}|[.,]\\d)`;
    const united = every(`${WITHIN}${SPACE}*${name}(?!${LETTER})|${before}`, text);
    const alone = every(`${WITHIN}(?=${SPACE}*(?:[.!?;)]|$))`, text);
    found = every(WITHIN, text);
    found = united.length > 0 ? united : found.length === 1 ? alone : found;
  }
  return only(found.map((one) => number(one, unit)));
}

const numeral = (value) => (typeof value === "bigint" ? value.toString() : decimal(value));

function close(one, other, tolerance) {
  const [mantissa, power] = difference(numeral(one), numeral(other));
  return compare(`${mantissa < 0n ? -mantissa : mantissa}e${power}`, numeral(tolerance)) <= 0;
}

function same(given, wanted, tolerance) {
  if (typeof wanted === "boolean" || wanted === null) {
    return given === wanted || (typeof given === "string" && normal(given) === String(wanted));
  }
  if (isNumber(wanted)) {
    const value = typeof given === "string" ? attempt(() => number(given)) : given;
    return isNumber(value) && close(value, wanted, tolerance);
  }
  if (typeof wanted === "string") {
    const text = isNumber(given) ? textOf(given) : given;
    return typeof text === "string" && normal(text) === normal(wanted);
  }
  if (Array.isArray(wanted)) {
    if (!Array.isArray(given) || given.length !== wanted.length) return false;
    return wanted.every((one, place) => same(given[place], one, tolerance));
  }
  if (!isObject(given) || Object.keys(given).length !== Object.keys(wanted).length) return false;
  return Object.keys(wanted).every((key) => has(given, key) && same(given[key], wanted[key], tolerance));
}

/** Whether the items of two lists can be paired one to one, whatever their order. */
function matched(given, wanted, tolerance) {
  const partner = new Map();
  const place = (index, tried) =>
    wanted.some((one, other) => {
      if (tried.has(other) || !same(given[index], one, tolerance)) return false;
      tried.add(other);
      if (partner.has(other) && !place(partner.get(other), tried)) return false;
      partner.set(other, index);
      return true;
    });
  return given.length === wanted.length && given.every((_, index) => place(index, new Set()));
}

function right(message, { type, value, tolerance = 0, unit = "", ordered = false }) {
  const given = extracted(message, type, unit);
  if (type === "date") return textOf(moment(given)) === textOf(moment(strip(value)));
  return type === "list" && !ordered ? matched(given, value, tolerance) : same(given, value, tolerance);
}

/** 1, 0, or null: not to be counted. */
export function reward(answer, message, endState = false, outcome = null) {
  if (["miss", "infra", "truncated"].includes(outcome)) return null;
  const empty = message === null || (typeof message === "string" && !strip(message));
  if (outcome === "failure" || empty || !attempt(() => right(message, answer))) return 0;
  return endState ? null : 1;
}
