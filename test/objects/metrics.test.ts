import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { addressOfName, formatAddress } from "../../src/contract/envelope.ts";
import { waitFor } from "../support/wait-for.ts";
import { send } from "./support/send.ts";

const scrape = async () => (await send("GET", "/metrics")).text.split("\n");
const acquire = (name: string) =>
  send("POST", "/v2/concurrency_limits/acquire", { names: [name], request_id: crypto.randomUUID() });

test("limits, pools and workers are told in the text format, odd names escaped", async () => {
  await send("POST", "/v2/concurrency_limits/", { name: 'a "quoted" \\ one', limit: 3 });
  await acquire('a "quoted" \\ one');
  await send("POST", "/work_pools/", { name: "measured", type: "process", concurrency_limit: 7 });
  await send("POST", "/work_pools/measured/workers/heartbeat", { name: "w" });
  const { status, headers, text } = await send("GET", "/metrics");
  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const label = String.raw`{limit="a \"quoted\" \\ one"}`;
  for (const line of [
    "# TYPE sluice_limit_slots gauge",
    `sluice_limit_slots${label} 3`,
    `sluice_limit_slots_used${label} 1`,
    `sluice_limit_waiting${label} 0`,
    `sluice_limit_active${label} 1`,
    'sluice_work_pool_slots{work_pool="measured"} 7',
    'sluice_work_pool_slots_used{work_pool="measured",work_queue="default"} 0',
    'sluice_workers{work_pool="measured",status="online"} 1',
    "# TYPE sluice_invariant_violations_total counter",
    "sluice_metrics_cut 0",
  ])
    expect(text.split("\n")).toContain(line);
});

test("a broken promise refuses the operation and is counted each time that it is met", async () => {
  const name = "broken";
  await send("POST", "/v2/concurrency_limits/", { name, limit: 3, slot_names: ["a", "b", "c"] });
  for (const _ of ["a", "b"]) expect((await acquire(name)).status).toBe(200);
  const object = formatAddress(addressOfName("default", "limit", name));
  const stub = env.CONCURRENCY_LIMIT.getByName(object);
  await runInDurableObject(stub, (_, { storage }) =>
    storage.sql.exec(`UPDATE lease SET slot_names = '["a"]'`).toArray(),
  );
  expect((await acquire(name)).status).toBe(503);
  expect((await acquire(name)).status).toBe(503);
  const line = `sluice_invariant_violations_total{object="${object}",invariant="I3"} 2`;
  await waitFor(async () => expect(await scrape()).toContain(line));
  const read = JSON.parse((await send("GET", `/v2/concurrency_limits/${name}`)).text) as object;
  expect(read).toMatchObject({ active_slots: 2 });
});
