// Usage: node foreign_client.mjs http URL | stdio COMMAND ARGUMENT...   Prints what a client of the TypeScript SDK gets.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [how, target, ...rest] = process.argv.slice(2);
const transport =
  how === "http"
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args: rest });
const client = new Client({ name: "foreign", version: "1" });
await client.connect(transport);
const { tools } = await client.listTools();
const found = { tools: tools.map((tool) => tool.name) };
const failed = await client.callTool({ name: "read", arguments: { name: "none" } });
found.failed = [failed.isError, failed.content[0].text];
await client.callTool({ name: "write", arguments: { name: "c", text: "hello" } });
found.names = (await client.callTool({ name: "list", arguments: {} })).structuredContent.names;
try {
  await client.callTool({ name: "nope", arguments: {} });
} catch (error) {
  found.unknown = error.code;
}
await client.close();
console.log(JSON.stringify(found));
