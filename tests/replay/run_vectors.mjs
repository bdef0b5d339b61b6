// Runs the reader in JavaScript over conformance vectors: node run_vectors.mjs FOLDER vectors.json
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [, , folder, path] = process.argv;
const { Cassette, canonical, digest, graded, keyOf, parse, stateOf, textOf } = await import(
  pathToFileURL(join(folder, "reader.mjs"))
);
const vectors = parse(readFileSync(path, "utf8"));
const tapes = new Map(Object.entries(vectors.cassettes).map(([name, tape]) => [name, new Cassette(tape)]));
const found = {
  canonical: vectors.canonical.map((one) => {
    const [schema, text] = [digest(textOf(one.input_schema)), canonical(one.arguments, one)];
    return [schema, text, digest(keyOf(one.server, one.tool, schema, text))];
  }),
  states: vectors.states.map((one) => stateOf(one.start, one.mark, one.events, one.indifferent_to)),
  episodes: vectors.episodes.map((one) => tapes.get(one.cassette).replay(one.servers, one.calls, one.world)),
  grades: vectors.grades.map((one) => {
    const task = { answer: one.answer, end_state: one.end_state ? [null] : [], servers: [] };
    return graded(null, task, [], { answer: one.message, outcome: one.outcome });
  }),
  end_states: vectors.end_states.map((one) => {
    const task = { ...one, answer: { type: "number", value: 1n } };
    return graded(tapes.get(one.cassette), task, one.probes, { answer: 1n, calls: one.calls });
  }),
};
const plain = (value) => (typeof value === "number" ? BigInt(value) : value); // rewards are whole numbers
console.log(textOf({ ...found, grades: found.grades.map(plain), end_states: found.end_states.map(plain) }));
