// JSON as the format needs it: whole numbers of any size stay apart from decimal ones, and text has one form.
// A whole number is a BigInt here, a decimal one a Number.

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;
const MARK = "\u0000number";

export function parse(text) {
  const marked = text.replace(TOKEN, (one) => (one[0] === '"' ? one : `{"\\u0000number":"${one}"}`));
  return JSON.parse(marked, (key, value) => {
    const found = value !== null && typeof value === "object" && !Array.isArray(value) ? value[MARK] : undefined;
    if (found === undefined) return value;
    return /^-?\d+$/.test(found) ? BigInt(found) : Number(found);
  });
}

export const isNumber = (value) => typeof value === "bigint" || typeof value === "number";
export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
export const has = (object, key) => Object.prototype.hasOwnProperty.call(object, key);

/** The decimal number as Python and this format write it: 25.0, 1e-05, 1e+16. */
export function decimal(value) {
  if (!Number.isFinite(value)) throw new Error("NaN or an infinity");
  if (Object.is(value, -0)) return "-0.0";
  const [digits, exponent] = value.toExponential().replace("-", "").split("e");
  const sign = value < 0 ? "-" : "";
  const all = digits.replace(".", "");
  const power = Number(value.toExponential().split("e")[1]);
  if (value === 0) return "0.0";
  if (power < -4 || power >= 16) {
    return `${sign}${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${all}`;
  const whole = all.slice(0, power + 1).padEnd(power + 1, "0");
  return `${sign}${whole}.${all.slice(power + 1) || "0"}`;
}

function byCodePoint(one, other) {
  const [a, b] = [Array.from(one), Array.from(other)];
  const place = a.findIndex((point, index) => point !== b[index]);
  if (place < 0 || place >= b.length) return a.length - b.length;
  return a[place].codePointAt(0) - b[place].codePointAt(0);
}

/** The one JSON text of a value: keys sorted by code point, no white space. */
export function textOf(value) {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return decimal(value);
  if (Array.isArray(value)) return `[${value.map(textOf).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const keys = Object.keys(value).sort(byCodePoint);
  return `{${keys.map((key) => `${JSON.stringify(key)}:${textOf(value[key])}`).join(",")}}`;
}

/** The one document that a text is, if no number loses digits and no key stands twice; else an error. */
export function parseStrictly(text) {
  const value = parse(text);
  let keys = 0;
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"(?=\s*(:)?)|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs)) {
    if (match[1]) keys += 1;
    const plain = match[0][0] === '"' || /^-?\d+$/.test(match[0]);
    if (!plain && !exact(match[0])) throw new Error("a number that a double can't hold");
  }
  const count = (one) =>
    Array.isArray(one) ? one.reduce((sum, item) => sum + count(item), 0)
    : isObject(one) ? Object.values(one).reduce((sum, item) => sum + 1 + count(item), 0) : 0;
  if (count(value) !== keys) throw new Error("a key stands twice");
  return value;
}

const exact = (text) => Number.isFinite(Number(text)) && compare(text, decimal(Number(text))) === 0;

/** A decimal text as [mantissa, exponent of ten]. */
function parts(text) {
  const [, sign, whole, fraction = "", power = "0"] = /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/.exec(text);
  const mantissa = BigInt(`${whole}${fraction}`);
  return [sign === "-" ? -mantissa : mantissa, Number(power) - fraction.length];
}

/** Adds decimal texts exactly; returns [mantissa, exponent]. */
export function difference(one, other) {
  const [[a, x], [b, y]] = [parts(one), parts(other)];
  const low = Math.min(x, y);
  return [a * 10n ** BigInt(x - low) - b * 10n ** BigInt(y - low), low];
}

export function compare(one, other) {
  const [found] = difference(one, other);
  return found < 0n ? -1 : found > 0n ? 1 : 0;
}

/** Whether a decimal text says a whole number; then which. */
export function wholeOf(text) {
  const [mantissa, power] = parts(text);
  if (power >= 0) return mantissa * 10n ** BigInt(power);
  const unit = 10n ** BigInt(-power);
  return mantissa % unit === 0n ? mantissa / unit : null;
}
