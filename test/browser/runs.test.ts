/** Runs in a real browser: one of them with all that belongs to it, and the list with its filters. */
import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { findBarriers, open } from "./browser.ts";
import { POOL, shown, useStage } from "./stage.ts";
import { makeWorld, type World } from "./world.ts";

const stage = useStage();
let world: World;
beforeAll(async () => {
  world = await makeWorld(stage);
});

const heading = (page: Page) => () => page.getByRole("heading", { level: 1 }).textContent();
const rowOf = (page: Page, name: string | RegExp) => page.getByRole("row", { name }).first();

test("a run shows its tasks, the runs that it started, its slots and what it left", async () => {
  const page = await open(`${stage.url}/runs/flow-run/${world.run}`);
  await shown(() => rowOf(page, /infer-0/).textContent()).toContain("Failed");
  expect(await rowOf(page, /infer-0/).textContent()).toContain("ValueError: no pixels");
  expect(await rowOf(page, /infer-0/).textContent()).toContain("6 s");
  await shown(() => rowOf(page, /gpu:gpu-1 holds/).textContent()).toContain("GPU-1");
  await shown(() => rowOf(page, /gpu:gpu-1 held GPU-2/).count()).toBe(1);
  expect(await page.getByRole("link", { name: "high", exact: true }).getAttribute("href")).toBe(
    `/work-pools/work-pool/${POOL}/queue/high`,
  );
  await shown(() => rowOf(page, /small-child/).textContent()).toContain("Running");

  // Artifacts by their types. Nothing of them is run, and nothing fetched from elsewhere.
  const artifact = (key: string) =>
    page.locator("article.artifact", { has: page.getByRole("link", { name: key, exact: true }) });
  await shown(() => artifact("scores").locator("td.number").allTextContents()).toEqual(["0.91", ""]);
  expect(await artifact("scores").locator("strong").textContent()).toBe("each");
  await shown(() => artifact("result").getByRole("link", { name: "the file" }).getAttribute("href")).toBe(
    "https://example.com/file.csv",
  );
  expect(await artifact("progress").locator("progress").getAttribute("value")).toBe("65");
  const report = artifact("report");
  await shown(() => report.getByRole("heading", { name: "Deep" }).count()).toBe(1);
  expect(await report.textContent()).toContain("<script>alert(1)</script>");
  expect(await report.locator("script, img").count()).toBe(0);
  expect(await report.getByRole("link", { name: "bad" }).count()).toBe(0);
  expect(await report.getByRole("link", { name: "picture: a picture" }).count()).toBe(1);

  // A task and a child lead to their pages, and back.
  await page.getByRole("link", { name: "infer-0" }).click();
  await shown(heading(page)).toBe("infer-0");
  await shown(() => page.locator(".logs li").count()).toBe(115);
  await shown(() => page.locator("article.artifact").count()).toBe(1);
  await page.getByRole("link", { name: "run-one" }).click();
  await shown(heading(page)).toBe("run-one");
  await page.getByRole("link", { name: "small-child" }).click();
  await shown(heading(page)).toBe("small-child");
  await page.getByRole("link", { name: "run-one" }).click();
  await shown(heading(page)).toBe("run-one");
}, 120_000);

test("log lines are found among all of them, and saved", async () => {
  const page = await open(`${stage.url}/runs/flow-run/${world.run}`);
  const lines = page.locator(".logs li");
  await shown(() => lines.count()).toBe(200);
  // The end of it is in sight.
  expect(await lines.last().textContent()).toContain("line 229");
  const box = await page.locator(".logs").boundingBox();
  const last = await lines.last().boundingBox();
  expect((last?.y ?? 0) + (last?.height ?? 0)).toBeLessThanOrEqual((box?.y ?? 0) + (box?.height ?? 0) + 1);
  await page.getByRole("button", { name: "Earlier lines" }).click();
  await shown(() => lines.count()).toBe(30);
  await page.getByLabel("Find").fill('"no pixels" here');
  await shown(() => lines.allTextContents()).toEqual([expect.stringContaining('it says "no pixels" here')]);
  await page.getByLabel("Find").fill("");
  await page.getByLabel("Level").selectOption("error");
  await shown(() => lines.count()).toBe(1);
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "All of them as CSV" }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe("run-one-logs.csv");
  expect(await readFile(await saved.path(), "utf8")).toContain("line 229 of the run");
}, 60_000);

test("a search for more than can be searched for is said to be refused, and not to be tried again", async () => {
  const page = await open(`${stage.url}/runs/flow-run/${world.run}`, {
    isAllowed: (fault) => fault.includes("422"),
  });
  await shown(() => page.locator(".logs li").count()).toBe(200);
  await page.getByLabel("Find").fill("long ".repeat(100));
  await shown(() => page.getByRole("alert").textContent()).toMatch(/^This could not be loaded: logs\.text/);
  expect(await page.getByText("Loading …").count()).toBe(0);
  await page.getByLabel("Find").fill("");
  await shown(() => page.locator(".logs li").count()).toBe(200);
});

test("runs are narrowed down by what people look for, and the URL says it", async () => {
  const page = await open(`${stage.url}/runs`);
  const names = () => page.locator("tbody td:first-child").allTextContents();
  await page.getByLabel("Name").pressSequentially("run-on");
  await shown(names).toEqual(["run-one"]);
  expect(page.url()).toBe(`${stage.url}/runs?name=run-on`);
  await page.goto(`${stage.url}/runs?state=RUNNING`);
  await shown(async () => (await names()).toSorted()).toEqual(["run-one", "small-child"]);
  await page.getByLabel("Pool").selectOption(POOL);
  await page.getByLabel("Tag").fill("mine");
  await shown(names).toEqual(["run-one"]);
  await page.getByLabel("Flow").fill("no such");
  await shown(() => page.getByText("No run is like that until now.").count()).toBe(1);
  await page.goto(`${stage.url}/runs?deployment=${world.deployment}&made=schedule&when=next`);
  await shown(async () => (await names()).length).toBeGreaterThan(0);
  // Those are left out elsewhere, which is said.
  await page.getByLabel("Due").selectOption("");
  await shown(() => page.getByText("No run is like that until now.").count()).toBe(1);
  await page.getByRole("link", { name: "Runs to come" }).click();
  await shown(async () => (await names()).length).toBeGreaterThan(0);
  await page.getByRole("button", { name: "deployment infer, remove" }).click();
  await page.getByLabel("Made by").selectOption("");
  await page.getByLabel("Due").selectOption("1h");
  await shown(async () => (await names()).toSorted()).toEqual(["run-one", "small-child"]);
}, 60_000);

test("what runs in a pool is counted, whoever runs it, and unanswered questions are not answered with none", async () => {
  const { active_slots } = await stage.ask<{ active_slots: number }>(
    "POST",
    `/work_pools/${POOL}/concurrency_status`,
    {},
  );
  expect(active_slots).toBeGreaterThan(0);
  await stage.ask("PATCH", `/work_pools/${POOL}`, { concurrency_limit: null });
  const page = await open(`${stage.url}/work-pools`);
  const running = page.getByRole("row", { name: POOL }).locator('[data-head="running"]');
  await shown(() => running.textContent()).toBe(String(active_slots));
  let answer: () => void = () => {};
  const isAnswered = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/flow_runs/filter", async (route) => {
    await isAnswered;
    await route.continue();
  });
  await page.goto(`${stage.url}/deployments/deployment/${world.deployment}`);
  await shown(heading(page)).toBe("pipeline / infer");
  const recent = page.getByRole("link", { name: "run-one" });
  expect([await recent.count(), await page.getByText("No runs.").count()]).toEqual([0, 0]);
  answer();
  await shown(() => recent.count()).toBe(1);
}, 60_000);

test("the workers of a pool that does not answer are not known, those of the others are", async () => {
  await stage.ask("POST", "/work_pools/", { name: "mute", type: "process" });
  await stage.ask("POST", "/work_pools/", { name: "well", type: "process" });
  await stage.ask("POST", "/work_pools/well/workers/heartbeat", { name: "one" });
  const page = await open(`${stage.url}/work-pools`, {
    isAllowed: (fault) => fault.includes("ERR_FAILED"),
    hears: (opened) => opened.route("**/work_pools/mute/workers/filter", (route) => route.abort()),
  });
  const online = (pool: string) => () =>
    page.getByRole("row", { name: pool }).locator('[data-head="workers online"]').textContent();
  await shown(online("well")).toBe("1 of 1");
  expect(await online("mute")()).toBe("…");
}, 60_000);

test("a run took as long as it ran, not counting its pauses; its deployment may be gone", async () => {
  const { id: flow_id } = await stage.ask<{ id: string }>("POST", "/flows/", { name: "long" });
  const deployment = await stage.ask<{ id: string }>("POST", "/deployments/", { name: "gone", flow_id });
  const { id } = await stage.ask<{ id: string }>("POST", `/deployments/${deployment.id}/create_flow_run`, {
    name: "paused-in-between",
  });
  const set = (type: string) =>
    stage.ask("POST", `/flow_runs/${id}/set_state`, { state: { type }, force: true });
  const read = () => stage.ask<{ total_run_time: number }>("GET", `/flow_runs/${id}`);
  await set("RUNNING");
  const page = await open(`${stage.url}/runs`);
  const row = rowOf(page, "paused-in-between");
  const took = async () => Number.parseInt((await row.locator('[data-head="took"]').textContent()) ?? "", 10);
  await shown(took).toBeGreaterThanOrEqual(2);
  await set("PAUSED");
  await shown(() => row.textContent()).toContain("Paused");
  const { total_run_time } = await read();
  expect(total_run_time).toBeGreaterThan(1);
  await shown(took).toBe(Math.round(total_run_time));
  await stage.ask("DELETE", `/deployments/${deployment.id}`);
  await set("RUNNING");
  await shown(took).toBeGreaterThan(Math.round(total_run_time));
  await set("COMPLETED");
  await page.reload();
  await shown(async () => (await read()).total_run_time).toBeGreaterThan(total_run_time);
  const { total_run_time: all } = await read();
  await shown(took).toBe(Math.round(all));
  await shown(() => row.textContent()).toContain(`long / ${deployment.id.slice(-12)}`);
}, 60_000);

test("a run that waits is moved to the front of its queue, and the page says before whom", async () => {
  await stage.ask("POST", "/work_pools/", { name: "narrow", type: "process" });
  const { id } = await stage.ask<{ id: string }>("POST", "/flows/", { name: "narrow" });
  const deployment = await stage.ask<{ id: string }>("POST", "/deployments/", {
    name: "narrow",
    flow_id: id,
    work_pool_name: "narrow",
  });
  const runs: string[] = [];
  for (const name of ["early", "later", "last"]) {
    const path = `/deployments/${deployment.id}/create_flow_run`;
    runs.push((await stage.ask<{ id: string }>("POST", path, { name })).id);
  }
  const page = await open(`${stage.url}/runs/flow-run/${runs[2]}`);
  const button = page.getByRole("button", { name: "To the front" });
  await shown(() => page.locator("#to-front").textContent()).toBe("goes before 2 others of queue default");
  await button.click();
  await shown(() => page.locator(".why").textContent()).toContain("It is number 1 of its queue.");
  await shown(() => button.count()).toBe(0);
  // A list says it of each run, when somebody asks.
  const list = await open(`${stage.url}/runs?pool=narrow`);
  await shown(() => list.getByText("why?").count()).toBe(3);
  expect(await list.locator(".why").count()).toBe(0);
  await list.getByRole("row", { name: /last/ }).getByText("why?").click();
  await shown(() => list.locator(".why").textContent()).toContain("It is number 1 of its queue.");
  expect(await findBarriers(list)).toEqual([]);
  await shown(() => page.getByRole("region", { name: "Last acts" }).textContent()).toContain(
    "flow_run.to_front",
  );
  await page.goto(`${stage.url}/runs/flow-run/${runs[0]}`);
  await shown(() => page.locator("#to-front").textContent()).toBe("goes before one other of queue default");
  // Where nobody waits for a worker any more there is nothing to move.
  await stage.ask("POST", `/flow_runs/${runs[0]}/set_state`, { state: { type: "CANCELLING" } });
  await shown(() => page.getByRole("button", { name: "Run it again" }).count()).toBe(1);
  expect(await button.count()).toBe(0);
}, 60_000);

test("what is done to a run says what comes of it: who would run it again, and how it goes on", async () => {
  const { id } = await stage.ask<{ id: string }>("POST", "/flows/", { name: "served" });
  const deployment = await stage.ask<{ id: string }>("POST", "/deployments/", {
    name: "served",
    flow_id: id,
  });
  const run = await stage.ask<{ id: string }>("POST", `/deployments/${deployment.id}/create_flow_run`, {});
  const enter = (state: object) =>
    stage.ask("POST", `/flow_runs/${run.id}/set_state`, { state, force: true });
  await enter({ type: "COMPLETED" });
  const page = await open(`${stage.url}/runs/flow-run/${run.id}`);
  await page.getByRole("button", { name: "Run it again" }).click();
  await shown(() => page.locator("dialog[open] p").textContent()).toBe(
    "The same run waits again, with the same parameters, as another attempt. Its deployment has no work pool, so no worker begins it: only a process that serves it does.",
  );
  await page.locator("dialog[open] button[type=submit]").click();
  await shown(() => page.getByRole("button", { name: "Cancel" }).count()).toBe(1);
  await enter({ type: "RUNNING" });
  await enter({ type: "PAUSED", state_details: { pause_reschedule: true } });
  const hint = page.locator("#resume");
  await shown(() => hint.textContent()).toBe(
    "its flow begins again, in a process that serves its deployment",
  );
  expect(await findBarriers(page)).toEqual([]);
  await enter({ type: "RUNNING" });
  await enter({ type: "PAUSED" });
  await shown(() => hint.textContent()).toBe("its process, which waits for this, goes on");
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await shown(() => page.locator(".badge").first().textContent()).toBe("Running");
  await page.getByRole("button", { name: "Cancel" }).click();
  await shown(() => page.locator("dialog[open] p").textContent()).toBe(
    "Who serves its deployment stops its process. The server sets it to Cancelled in 5 minutes at the latest.",
  );
  await page.keyboard.press("Escape");
  // Who waits for no process ends at once, which the server calls a refusal of Cancelling.
  await enter({ type: "SCHEDULED" });
  await shown(() => page.locator(".badge").first().textContent()).toBe("Scheduled");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator("dialog[open] button[type=submit]").click();
  await shown(() => page.getByText("is cancelled.").count()).toBe(1);
  await shown(() => page.locator(".badge").first().textContent()).toBe("Cancelled");
  await stage.ask("DELETE", `/deployments/${deployment.id}`);
  await page.getByRole("button", { name: "Run it again" }).click();
  await shown(() => page.locator("dialog[open] p").textContent()).toBe(
    "Its deployment was deleted, so it waits, and fails as soon as a worker takes it: deploy it again.",
  );
}, 60_000);

test("of a run that has no worker it is said that nobody stops its process, and when it is over all the same", async () => {
  const { id: flow_id } = await stage.ask<{ id: string }>("POST", "/flows/", { name: "by-hand" });
  const { id } = await stage.ask<{ id: string }>("POST", "/flow_runs/", {
    flow_id,
    state: { type: "RUNNING" },
  });
  const page = await open(`${stage.url}/runs/flow-run/${id}`);
  await page.getByRole("button", { name: "Cancel" }).click();
  await shown(() => page.locator("dialog[open] p").textContent()).toBe(
    "It has no worker, so nobody stops its process. It is Cancelled when that ends or says so, or by the server in 5 minutes at the latest.",
  );
  await page.locator("dialog[open] button[type=submit]").click();
  const why = page.locator(".why");
  await shown(() => why.textContent()).toContain(
    "The run is Cancelling, and nobody stops its process: it has no worker.",
  );
  expect(await why.textContent()).toMatch(/ at the latest\. About (5 min|4 min \d+ s) to go\./);
  expect(await why.locator("time").count()).toBe(1);
  expect(await findBarriers(page)).toEqual([]);
}, 60_000);

test("more runs than a page has follow without a gap, also where many begin in one moment", async () => {
  const { id } = await stage.ask<{ id: string }>("POST", "/flows/", { name: "many" });
  const deployment = await stage.ask<{ id: string }>("POST", "/deployments/", {
    name: "many",
    flow_id: id,
    work_pool_name: POOL,
  });
  const scheduled_time = new Date(Date.now() + 86_400_000).toISOString();
  for (let index = 0; index < 2; index += 1)
    await stage.ask(
      "POST",
      `/deployments/${deployment.id}/create_flow_run/bulk`,
      Array.from({ length: 65 }, (_, run) => ({
        name: `run-${index * 65 + run}`,
        state: { type: "SCHEDULED", state_details: { scheduled_time } },
      })),
    );
  const page = await open(`${stage.url}/flows/flow/${id}`);
  await page.getByRole("link", { name: "All of them, with those to come" }).click();
  const more = page.locator(".pager").getByRole("button", { name: "More" });
  const seen = new Set<string>();
  const see = async (count: number): Promise<void> => {
    await shown(() => page.locator("tbody tr").count()).toBe(count);
    await shown(async () => {
      const names = await page.locator("tbody td:first-child").allTextContents();
      const isNew = names.every((name) => !seen.has(name));
      if (isNew) for (const name of names) seen.add(name);
      return isNew;
    }).toBe(true);
  };
  await see(50);
  await more.click();
  await see(50);
  await more.click();
  await see(30);
  expect(seen.size).toBe(130);
  expect(await more.count()).toBe(0);
  await page.getByRole("button", { name: "To the first" }).click();
  await shown(() => page.locator("tbody tr").count()).toBe(50);
}, 60_000);

test("events come as they happen, and older ones page by page", async () => {
  const emit = (name: string) =>
    stage.ask("POST", "/events", [
      {
        id: crypto.randomUUID(),
        occurred: new Date().toISOString(),
        event: name,
        resource: { "prefect.resource.id": "shop.order.1" },
      },
    ]);
  for (let index = 0; index < 60; index += 1) await emit(`shop.old-${index}`);
  const page = await open(`${stage.url}/events?prefix=shop.`);
  const rows = page.locator("tbody tr");
  await shown(() => rows.first().textContent()).toContain("shop.old-59");
  await emit("shop.placed");
  await shown(() => rows.first().textContent()).toContain("shop.placed");
  await page.getByRole("button", { name: "Older" }).click();
  await shown(() => rows.count()).toBe(11);
  await page.getByRole("button", { name: "To the newest" }).click();
  await shown(() => rows.first().textContent()).toContain("shop.placed");
  await page.getByLabel("Name begins with").fill("prefect.task-run.");
  await shown(() => rows.count()).toBe(1);
  await page.getByRole("link", { name: "prefect.task-run.Failed" }).click();
  await shown(heading(page)).toBe("prefect.task-run.Failed");
  await shown(() => page.locator("pre").textContent()).toContain("no pixels");
}, 60_000);
