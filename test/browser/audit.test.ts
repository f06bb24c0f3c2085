/** What is done in the dashboard, and elsewhere, is in its audit list as it happens. */
import type { Page } from "playwright-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, type Client } from "../../src/client/index.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { closePages, findBarriers, open } from "./browser.ts";

let server: TestServer;
let client: Client;

beforeEach(async () => {
  server = await startTestServer();
  client = createClient({ apiUrl: `${server.url}/api`, headers: { "user-agent": "alice" } });
});

afterEach(async () => {
  try {
    await closePages();
  } finally {
    await client.close();
    await server.stop();
  }
});

const shown = (look: () => Promise<unknown>) => expect.poll(look, { timeout: 30_000 });
/** Who, act, target and changes of the rows that are shown. */
const rows = (page: Page): Promise<string[]> =>
  page.locator(".acts tbody tr").evaluateAll((all) =>
    all.map((row) =>
      [...row.querySelectorAll("td")]
        .slice(1)
        .map((cell) => cell.textContent)
        .join(" | "),
    ),
  );

test("who calls itself by a long name makes the list no wider than its window", async () => {
  const talkative = createClient({
    apiUrl: `${server.url}/api`,
    headers: { "user-agent": "x".repeat(4000) },
  });
  await talkative.limits.create({ name: "gpu:gpu-1", limit: 2 });
  await talkative.close();
  const list = await open(`${server.url}/audit`);
  await shown(() => rows(list)).toHaveLength(1);
  for (const width of [390, 1280]) {
    await list.setViewportSize({ width, height: 900 });
    expect(await list.evaluate("document.documentElement.scrollWidth")).toBe(width);
  }
  expect((await list.locator("tbody tr").boundingBox())?.height).toBeLessThan(100);
});

test("an act in a page appears at once in the audit list and on the page of what it was done to", async () => {
  await client.limits.create({ name: "gpu:gpu-1", limit: 2 });
  await client.workPools.create({ name: "ml-pool", type: "process" });
  const list = await open(`${server.url}/audit`);
  await shown(() => rows(list)).toHaveLength(2);
  expect(await findBarriers(list)).toEqual([]);

  const limit = await open(`${server.url}/limits/${encodeURIComponent("gpu:gpu-1")}`);
  await limit.getByRole("button", { name: "Resize" }).click();
  await limit.getByLabel("Slots").fill("1");
  await limit.getByRole("button", { name: "Set it to 1" }).click();
  const resized = "a browser | limit.update | limit gpu:gpu-1 | limit 2 → 1";
  await shown(async () => (await rows(list))[0]).toBe(resized);
  await shown(async () => (await rows(limit))[0]).toBe("a browser | limit.update | limit 2 → 1");

  // The filter stands in the address, and what is acted on is a link.
  await list.getByRole("searchbox", { name: "Act" }).fill("work_pool.");
  await list.getByRole("searchbox", { name: "Act" }).press("Enter");
  await shown(async () => (await rows(list)).map((row) => row.split(" | ").slice(0, 3))).toEqual([
    ["alice", "work_pool.create", "work pool ml-pool"],
  ]);
  expect(list.url()).toContain("act=work_pool.");
  await client.workPools.update("ml-pool", { is_paused: true });
  await shown(async () => (await rows(list))[0]).toBe(
    "alice | work_pool.pause | work pool ml-pool | is paused no → yes",
  );
  await list.getByRole("link", { name: "work pool ml-pool" }).first().click();
  await shown(() => list.getByRole("heading", { name: "Last acts" }).count()).toBe(1);
  await list.getByRole("button", { name: "Pause" }).last().click();
  await shown(() => list.locator("dialog[open] .preview").textContent()).toBe(
    "No more runs are given to workers. None is under way or waits.",
  );
  await list.getByRole("button", { name: "Pause it" }).click();
  await shown(async () => (await rows(list))[0]).toMatch(
    /^a browser \| work_queue\.pause \| work queue ml-pool\/default/,
  );
  expect(await findBarriers(list)).toEqual([]);
});

test("whose slot was taken away is told by a link to the run", async () => {
  await client.limits.create({ name: "gpu:gpu-1", limit: 2 });
  const flow = await client.flows.put({ name: "train" });
  const run = await client.flowRuns.create({ flow_id: flow.id, name: "keen-lynx" });
  const grant = await client.limits.acquire({
    names: ["gpu:gpu-1"],
    request_id: "train",
    slots: 1,
    lease_seconds: 60,
    holder: { type: "flow_run", id: run.id },
  });
  await client.limits.forceRelease(grant.status === "granted" ? grant.lease_id : expect.fail());
  const list = await open(`${server.url}/audit`);
  await shown(async () => (await rows(list))[0]).toMatch(
    /^alice \| limit\.release \| limit gpu:gpu-1 \| lease slots 1 acquired at \S+ of keen-lynx$/,
  );
  await list.getByRole("link", { name: "keen-lynx" }).click();
  await shown(() => list.locator("h1").textContent()).toContain("keen-lynx");
});
