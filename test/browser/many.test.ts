/** Hundreds of limits and workers in a real browser: machines first, all of them within reach, and nothing cut silently. */
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { findBarriers, open } from "./browser.ts";
import { POOL, shown, useStage } from "./stage.ts";

const MACHINES = 260;
const DEPLOYMENTS = 210;
const WORKERS = 230;
const AT_ONCE = 30;

const stage = useStage();

/** So many at once, which is quicker than one after the other. */
async function makeEach(count: number, make: (number: number) => Promise<unknown>): Promise<void> {
  let next = 1;
  const work = async (): Promise<void> => {
    while (next <= count) {
      next += 1;
      await make(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
const makeLimit = (name: string) => stage.ask("POST", "/v2/concurrency_limits/", { name, limit: 2 });

beforeAll(async () => {
  await stage.ask("POST", "/work_pools/", { name: POOL, type: "process" });
  const flow = await stage.ask<{ id: string }>("POST", "/flows/", { name: "pipeline" });
  await stage.ask("POST", "/deployments/", { name: "nightly", flow_id: flow.id, concurrency_limit: 2 });
  await makeEach(DEPLOYMENTS - 1, () => makeLimit(`deployment:${crypto.randomUUID()}`));
  await makeEach(MACHINES, (number) => makeLimit(`gpu:node-${number}`));
  await makeEach(WORKERS, (number) =>
    stage.ask("POST", `/work_pools/${POOL}/workers/heartbeat`, { name: `node-${number}` }),
  );
  await makeLimit("plain");
}, 120_000);

const headings = (page: Page) => page.locator(".machine h2").allTextContents();
const rows = (page: Page) => page.locator("[data-limit]").count();
const totals = (page: Page) => page.locator(".title .totals").textContent();

test("of hundreds of limits the machines come first, the others are shown on demand, and all of it is said", async () => {
  const page = await open(stage.url);
  await shown(() => rows(page)).toBe(101);
  await shown(async () => (await headings(page)).slice(0, 3)).toEqual(
    [1, 2, 3].map((number) => ` node-${number}online`),
  );
  expect((await headings(page)).slice(-2)).toEqual(["Other limits", "Deployments"]);
  const allOf = (others: number) =>
    `0 of 942 slots held, 0 waiting at all 471 limits; the ${others} that are not shown are asked once a minute`;
  await shown(() => totals(page)).toBe(allOf(370));
  expect(await page.getByText("The first 100 of 260 limits").count()).toBe(1);
  expect(await page.getByText("210 limits", { exact: true }).count()).toBe(1);

  const machines = page.getByRole("navigation", { name: "Pages of Machines" });
  for (const count of [201, 261]) {
    await machines.getByRole("button", { name: "More" }).click();
    await shown(() => rows(page)).toBe(count);
  }
  expect(await machines.count()).toBe(0);
  const deployments = page.getByRole("navigation", { name: "Pages of Deployments" });
  await deployments.getByRole("button", { name: "Show" }).click();
  await shown(() => rows(page)).toBe(361);
  await shown(() => totals(page)).toBe(allOf(110));
  expect(await page.getByText("The first 100 of 210 limits").count()).toBe(1);

  // All of it is kept up to date, and is as it was when one comes back.
  await page.locator('[data-limit="gpu:node-260"] a').click();
  await shown(() => page.getByRole("heading", { level: 1 }).textContent()).toBe("gpu:node-260");
  await page.goBack();
  await shown(() => rows(page)).toBe(361);
  await stage.ask("POST", "/v2/concurrency_limits/acquire", { names: ["gpu:node-260"], request_id: "one" });
  await shown(() => page.locator('[data-limit="gpu:node-260"] .cell.held').count()).toBe(1);
  await deployments.getByRole("button", { name: "Fold" }).click();
  await shown(() => rows(page)).toBe(261);
});

test("who waits at a limit that is not shown is told of, and seen by one press", async () => {
  const name = "gpu:node-259";
  const acquire = (request_id: string) =>
    stage.ask("POST", "/v2/concurrency_limits/acquire", {
      names: [name],
      slots: 2,
      request_id,
      note: request_id,
    });
  await acquire("holder");
  await acquire("waiter");
  const watched: boolean[] = [];
  const page = await open(stage.url, {
    hears: (opened) =>
      opened.on("request", (request) => {
        const { holders } = (request.postDataJSON() ?? {}) as { holders?: number };
        if (holders === 0) watched.push("sluice-watch" in request.headers());
      }),
  });
  const elsewhere = page.getByRole("region", { name: "Lines elsewhere" });
  await shown(() => elsewhere.textContent()).toContain(
    "One limit that is not shown below has somebody waiting.",
  );
  expect(await totals(page)).toMatch(/^\d of 942 slots held, 1 waiting at all 471 limits; /);
  await elsewhere.getByRole("button", { name: "Show" }).click();
  await shown(() => elsewhere.locator(`[data-limit="${name}"] .line`).textContent()).toContain("waiter");
  expect(await findBarriers(page)).toEqual([]);
  await elsewhere.getByRole("button", { name: "Fold" }).click();
  await shown(() => elsewhere.locator("[data-limit]").count()).toBe(0);
  // Those that are only counted tell nobody of their changes.
  expect(new Set(watched)).toEqual(new Set([false]));
  for (const request_id of ["waiter", "holder"])
    await stage.ask("POST", "/v2/concurrency_limits/withdraw", { names: [name], request_id });
});

test("a text is found among all limits, also by the name of a deployment", async () => {
  const page = await open(stage.url);
  await shown(() => rows(page)).toBe(101);
  await page.getByLabel("Find").fill("NODE-25");
  await shown(() => headings(page).then((found) => found.length)).toBe(11);
  expect((await headings(page))[0]).toContain("node-25");
  expect(await totals(page)).toContain("at the 11 limits shown of 471");
  await page.getByLabel("Find").fill("node-259");
  await shown(() => totals(page)).toContain("at the one limit shown of 471");
  await page.getByLabel("Find").fill("nightly");
  await shown(() => page.locator(".limit-name a").allTextContents()).toEqual(["nightly"]);
  await page.getByLabel("Find").fill("nothing like it");
  await shown(() => page.getByText("No limit has “nothing like it” in its name.").count()).toBe(1);
  expect(await page.locator(":focus").getAttribute("type")).toBe("search");
  expect(await findBarriers(page)).toEqual([]);
});

test("all workers of a pool are counted, listed and found", async () => {
  const page = await open(`${stage.url}/work-pools`);
  await shown(() => page.locator("tbody td:last-child").textContent()).toBe(`${WORKERS} of ${WORKERS}`);
  await page.goto(`${stage.url}/work-pools/work-pool/${POOL}`);
  const worker = page.getByRole("link", { name: /^node-\d+$/ });
  await shown(() => worker.count()).toBe(WORKERS);
  const sort = page.getByRole("button", { name: "worker", exact: true });
  await sort.click();
  await shown(() => worker.first().textContent()).toBe("node-1");
  await sort.click();
  await shown(() => worker.first().textContent()).toBe(`node-${WORKERS}`);
  // By name it is the last one.
  await page.getByRole("link", { name: "node-99", exact: true }).click();
  await shown(() => page.getByRole("heading", { level: 1 }).textContent()).toBe("node-99");
  await page.goto(`${stage.url}/work-pools/work-pool/${POOL}/worker/node-99`);
  await shown(() => page.getByRole("heading", { level: 1 }).textContent()).toBe("node-99");
  await page.goto(`${stage.url}/work-pools/work-pool/${POOL}/worker/${crypto.randomUUID()}`);
  await shown(() => page.getByRole("heading", { name: "There is no such worker" }).count()).toBe(1);
});

test("of a pool's many runs it is said how many there are, and all of them are one step away", async () => {
  const pool = "busy";
  await stage.ask("POST", "/work_pools/", { name: pool, type: "process" });
  await stage.ask("POST", `/work_pools/${pool}/queues`, { name: "batch + more" });
  const [flow] = await stage.ask<{ id: string }[]>("POST", "/flows/filter", {});
  const submit = async (work_queue_name: string, states: string[] = []) => {
    const { id } = await stage.ask<{ id: string }>(
      "POST",
      `/deployments/${deployments[work_queue_name]}/create_flow_run`,
      {},
    );
    for (const type of states)
      await stage.ask("POST", `/flow_runs/${id}/set_state`, { state: { type }, force: true });
  };
  const deployments: Record<string, string> = {};
  for (const work_queue_name of ["default", "batch + more"]) {
    const body = { name: work_queue_name, flow_id: flow?.id, work_pool_name: pool, work_queue_name };
    deployments[work_queue_name] = (await stage.ask<{ id: string }>("POST", "/deployments/", body)).id;
  }
  await makeEach(22, () => submit("batch + more"));
  await makeEach(21, () => submit("default", ["PENDING", "RUNNING"]));
  await submit("default");
  const page = await open(`${stage.url}/work-pools/work-pool/${pool}`);
  const all = page.getByRole("link", { name: "All of them" });
  const said = page.getByText("These are 20 of");
  await shown(() => said.allTextContents()).toEqual([
    "These are 20 of 21. All of them",
    "These are 20 of 23. All of them",
  ]);
  expect(await findBarriers(page)).toEqual([]);
  const listed = page.getByRole("row");
  await all.first().click();
  await shown(() => listed.count()).toBe(1 + 21);
  expect(await page.getByLabel("State").locator("option:checked").textContent()).toBe(
    "claimed, or under way",
  );
  // Of the queue it is those that wait in it; as many as are shown need no more words.
  await page.goto(`${stage.url}/work-pools/work-pool/${pool}/queue/${encodeURIComponent("batch + more")}`);
  await shown(() => said.allTextContents()).toEqual(["These are 20 of 22. All of them"]);
  await all.click();
  await shown(() => listed.count()).toBe(1 + 22);
  await page.getByRole("button", { name: "queue batch + more, remove" }).click();
  await shown(() => listed.count()).toBe(1 + 23);
  expect(await findBarriers(page)).toEqual([]);
}, 60_000);
