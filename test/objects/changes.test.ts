/** Who shows what objects have answered hears when these change, and costs nothing where nobody looks. */
import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { addressOfName, formatAddress } from "../../src/contract/envelope.ts";
import { waitFor } from "../support/wait-for.ts";
import { countRows } from "./support/rows.ts";
import { send } from "./support/send.ts";

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await exports.default.fetch(`http://sluice.test/api${path}`, {
    method,
    headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  await response.text();
  return response;
}

async function connect() {
  const response = await exports.default.fetch("http://sluice.test/api/changes", {
    headers: { upgrade: "websocket", "sec-websocket-protocol": "prefect" },
  });
  const { webSocket: socket } = response;
  if (socket === null) throw new Error(`refused: ${response.status}`);
  const frames: { type: string; objects?: string[] }[] = [];
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    if (data !== "pong") frames.push(JSON.parse(String(data)) as (typeof frames)[number]);
  });
  socket.send(JSON.stringify({ type: "auth", token: null }));
  await waitFor(() => expect(frames).toEqual([{ type: "auth_success" }]));
  return { socket, changed: () => frames.flatMap(({ objects }) => objects ?? []) };
}

const acquire = (name: string, request_id: string) =>
  send("POST", "/v2/concurrency_limits/acquire", { names: [name], request_id });

test("an object that somebody shows tells that it has changed, and which it is", async () => {
  for (const name of ["shown", "hidden"]) await send("POST", "/v2/concurrency_limits/", { name, limit: 2 });
  const { socket, changed } = await connect();
  const watched = await ask("GET", "/v2/concurrency_limits/shown", undefined, { "Sluice-Watch": "60" });
  const { key } = addressOfName("default", "limit", "shown");
  expect(watched.headers.get("Sluice-Objects")).toBe(`limit/${key}`);
  // Reading changes nothing.
  await ask("GET", "/v2/concurrency_limits/shown", undefined, { "Sluice-Watch": "60" });
  await acquire("hidden", "one");
  await acquire("shown", "one");
  await waitFor(() => expect(changed()).toEqual([`limit/${key}`]));
  // What changes again and again is told now and then, and the last time, too.
  for (let index = 2; index < 8; index += 1) await acquire("shown", `r${index}`);
  await waitFor(() => expect(changed().length).toBeGreaterThanOrEqual(3));
  expect(changed().length).toBeLessThan(7);
  expect(new Set(changed())).toEqual(new Set([`limit/${key}`]));
  socket.close();
});

test("who watches is told the server's clock, nobody else", async () => {
  const [before, watched, plain] = [
    Date.now(),
    await ask("GET", "/health", undefined, { "Sluice-Watch": "60" }),
    await ask("GET", "/health"),
  ];
  const now = Number(watched.headers.get("Sluice-Now"));
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
  expect(plain.headers.get("Sluice-Now")).toBeNull();
});

test("what is not there yet tells when it comes to be", async () => {
  const { socket, changed } = await connect();
  const { key } = addressOfName("default", "limit", "later");
  const read = await ask("GET", "/v2/concurrency_limits/later", undefined, { "Sluice-Watch": "60" });
  expect([read.status, read.headers.get("Sluice-Objects")]).toEqual([404, `limit/${key}`]);
  await send("POST", "/v2/concurrency_limits/", { name: "later", limit: 2 });
  await waitFor(() => expect(changed()).toContain(`limit/${key}`));
  socket.close();
});

test("nothing is written and nothing told for objects that nobody watches", async () => {
  await send("POST", "/v2/concurrency_limits/", { name: "quiet", limit: 9 });
  const stub = env.CONCURRENCY_LIMIT.getByName(formatAddress(addressOfName("default", "limit", "quiet")));
  await acquire("quiet", "warm");
  const count = await countRows(stub);
  await acquire("quiet", "one");
  const { written } = count();
  await ask("GET", "/v2/concurrency_limits/quiet", undefined, { "Sluice-Watch": "60" });
  expect(count().written).toBe(1);
  await ask("GET", "/v2/concurrency_limits/quiet", undefined, { "Sluice-Watch": "60" });
  expect(count().written).toBe(0);
  await acquire("quiet", "two");
  expect(count().written).toBe(written);
});
