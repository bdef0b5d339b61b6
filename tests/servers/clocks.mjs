// A server without any library that tells the time, waits, and tells a file's time.
import { statSync } from "node:fs";
import { createInterface } from "node:readline";

const tool = { name: "tell", description: "Tell the time.", inputSchema: { type: "object" } };

async function answer(message) {
  if (message.method === "initialize") {
    const protocolVersion = message.params.protocolVersion;
    return { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "clocks", version: "1" } };
  }
  if (message.method === "tools/list") return { tools: [tool] };
  if (message.method !== "tools/call") return undefined;
  const before = performance.now();
  await new Promise((done) => setTimeout(done, 50));
  const slept = performance.now() - before;
  const told = {
    today: new Date().toISOString().slice(0, 10),
    slept: slept > 40 && slept < 5000,
    file: Math.floor(statSync("a.txt").mtimeMs / 1000),
  };
  return { content: [{ type: "text", text: JSON.stringify(told) }] };
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  const result = await answer(message);
  if (result) console.log(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
}
