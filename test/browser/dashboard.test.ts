/** The dashboard as people see it: the first visit, the main job, acts with their previews, faults, links, barriers. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, type Client } from "../../src/client/index.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait-for.ts";
import { closePages, findBarriers, open } from "./browser.ts";

const SLUICE = fileURLToPath(new URL("../../bin/sluice.js", import.meta.url));
const POOL = "ml-pool";
const HOME_SCRIPT_BYTES_MAX = 50_000;
const BOUND = 30_000;

let server: TestServer;
let client: Client;
let folder: string;
const children = new Set<ChildProcess>();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-browser-"));
  server = await startTestServer();
  client = createClient({ apiUrl: `${server.url}/api` });
});

afterEach(async () => {
  try {
    await closePages();
  } finally {
    await end();
  }
});

async function end(): Promise<void> {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await gone;
    clearTimeout(timer);
  }
  children.clear();
  await client.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}

function sluice(args: string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [SLUICE, ...args], {
    env: { ...process.env, SLUICE_API_URL: `${server.url}/api`, SLUICE_HOME: folder, ...env },
    stdio: "ignore",
  });
  children.add(child);
  return child;
}

const startWorker = (name: string): ChildProcess =>
  sluice(["worker", "start", "--pool", POOL, "--limit", "10", "--name", name], { WORKER_ID: name });

const cells = (page: Page, limit: string, kind: string) =>
  page.locator(`[data-limit="${limit}"] .cell.${kind}`);
const shown = (look: () => Promise<unknown>) => expect.poll(look, { timeout: BOUND });

/** A deployment of a command that needs a slot of its worker's GPU limit. */
async function deploy(seconds: number, { hasPool = false } = {}): Promise<string> {
  const infer = join(folder, "infer.sh");
  writeFileSync(
    infer,
    `echo downloaded\n"${process.execPath}" "${SLUICE}" exec --limit "gpu:$WORKER_ID" -- sh -c 'echo infers; sleep ${seconds}'\necho saved\n`,
  );
  if (!hasPool) await client.workPools.create({ name: POOL, type: "process" });
  const flow = await client.flows.put({ name: "pipeline" });
  const { id } = await client.deployments.put({
    name: "infer",
    flow_id: flow.id,
    work_pool_name: POOL,
    job_variables: { command: `sh ${infer}` },
  });
  return id;
}

test("the first visit shows how to begin, and ticks off what is done as it happens", async () => {
  const page = await open(server.url);
  const done = () => page.locator(".steps li.done").count();
  await shown(() => page.locator(".steps li").count()).toBe(4);
  expect(await done()).toBe(0);
  expect(await findBarriers(page)).toEqual([]);
  await client.limits.create({ name: "gpu:gpu-1", limit: 2 });
  await shown(done).toBe(1);
  await client.workPools.create({ name: POOL, type: "process" });
  startWorker("gpu-1");
  await shown(done).toBe(3);
  await deploy(1, { hasPool: true });
  await shown(done).toBe(4);
  await page.getByRole("link", { name: "run it" }).click();
  await page.getByRole("button", { name: "Run it now" }).click();
  await page.waitForURL("**/runs/flow-run/*");
  // Now there is something better to look at.
  await page.getByRole("link", { name: "Machines" }).click();
  await shown(() => page.getByText("online").count()).toBe(1);
  expect(await page.locator(".steps").count()).toBe(0);
});

test("the commands of the first visit are safe to paste, whatever the pool is called", async () => {
  await client.workPools.create({ name: "ml; touch $(id)", type: "process" });
  const page = await open(server.url);
  await shown(() => page.locator(".steps code").allTextContents()).toContain(
    "WORKER_ID=gpu-1 sluice worker start --pool 'ml; touch $(id)' --limit 10",
  );
  expect(await page.locator(".steps code").allTextContents()).toContain(
    "sluice work-pool create 'ml; touch $(id)' --type process",
  );
});

test("the main job, watched from the first page: never more than two slots held on a machine, and all of it done", async () => {
  for (const machine of ["gpu-1", "gpu-2"]) await client.limits.create({ name: `gpu:${machine}`, limit: 2 });
  // Long enough to be seen: the page is looked at now and then.
  const deployment = await deploy(3);
  const page = await open(server.url);
  for (const machine of ["gpu-1", "gpu-2"]) startWorker(machine);
  await shown(() => page.getByText("online").count()).toBe(2);
  for (let index = 0; index < 8; index += 1) await client.deployments.createRun(deployment, {});
  let [most, line] = [0, 0];
  await waitFor(async () => {
    for (const machine of ["gpu-1", "gpu-2"]) {
      most = Math.max(most, await cells(page, `gpu:${machine}`, "held").count());
      line = Math.max(line, await page.locator(`[data-limit="gpu:${machine}"] .waiter`).count());
    }
    const runs = await client.flowRuns.list();
    expect(runs.filter(({ state_type }) => state_type === "COMPLETED")).toHaveLength(8);
  }, 90_000);
  expect(most).toBe(2);
  expect(line).toBeGreaterThan(0);
  await shown(() => page.locator(".cell.held").count()).toBe(0);
}, 180_000);

test("the last minutes of a limit are a timeline: a bar for each holder, nothing where it was idle, moving on without a question", async () => {
  await client.limits.create({ name: "gpu:gpu-1", limit: 1 });
  const deployment = await deploy(2);
  const asked: string[] = [];
  const page = await open(server.url, {
    hears: (opened) =>
      opened.on("request", (request) => {
        if (request.url().includes("/history")) asked.push(request.url());
      }),
  });
  const timeline = page.locator('[data-limit="gpu:gpu-1"] .timeline');
  const bars = timeline.locator("[data-lease]");
  const boxOf = async (index: number) =>
    (await bars.nth(index).locator("rect").boundingBox()) ?? expect.fail();
  await shown(() => timeline.locator("figcaption").textContent()).toContain("nobody has held a slot");
  startWorker("gpu-1");
  const names: string[] = [];
  for (const count of [1, 2]) {
    const { id, name } = await client.deployments.createRun(deployment, {});
    names.push(name);
    // It is there while it is held, and is still there afterwards.
    await shown(() => bars.count()).toBe(count);
    await shown(() => bars.last().getAttribute("aria-label")).toMatch(new RegExp(`^${name} · since `));
    await shown(() => bars.last().getAttribute("aria-label")).toMatch(
      new RegExp(`^${name} · .+ – .+ · \\d+ s · given back$`),
    );
    await waitFor(async () => {
      const { state_type, end_time } = await client.flowRuns.read(id);
      expect(state_type).toBe("COMPLETED");
      expect(Date.now() - Date.parse(end_time ?? "")).toBeGreaterThan(8000);
    }, BOUND);
  }
  const [first, second] = [await boxOf(0), await boxOf(1)];
  const lane = (await timeline.locator(".lane").boundingBox()) ?? expect.fail();
  // A pixel is a second or so.
  expect(second.x - (first.x + first.width)).toBeGreaterThan(4);
  expect(lane.x + lane.width - (second.x + second.width)).toBeGreaterThan(4);
  expect(await timeline.locator("figcaption").textContent()).toMatch(/^2 leases in the last .* % in use/);
  expect(await findBarriers(page)).toEqual([]);

  const questions = asked.length;
  await shown(async () => first.x - (await boxOf(0)).x).toBeGreaterThan(2);
  expect(asked).toHaveLength(questions);

  // One of them is reached by the tab key, the others from there by arrows.
  await bars.last().focus();
  await page.keyboard.press("ArrowLeft");
  await shown(() => timeline.locator("figcaption").textContent()).toMatch(new RegExp(`^${names[0]} · `));
  await page.keyboard.press("Enter");
  await shown(() => page.getByRole("heading", { level: 1 }).textContent()).toBe(names[0]);
  await page.goto(`${server.url}/limits/gpu%3Agpu-1`);
  await shown(() => page.locator(".timeline [data-lease]").count()).toBe(2);
  expect(await findBarriers(page)).toEqual([]);
}, 120_000);

test("of a limit with many slots some lanes are drawn and the others counted, and one whose slots have names says which", async () => {
  await client.limits.create({ name: "wide", limit: 200 });
  await client.limits.create({ name: "devices", limit: 2, slot_names: ["GPU-a", "GPU-b"] });
  await client.limits.create({ name: "decays", limit: 2, slot_decay_per_second: 1 });
  for (let index = 0; index < 30; index += 1)
    await client.limits.acquire({ names: ["wide"], request_id: `wide ${index}`, lease_seconds: 300 });
  const { lease_id } = (await client.limits.acquire({
    names: ["devices"],
    request_id: "forced",
    note: "of a test",
  })) as { lease_id: string };
  await client.limits.forceRelease(lease_id);
  for (const width of [1280, 390]) {
    const page = await open(server.url, { viewport: { width, height: 900 } });
    const timelineOf = (limit: string) => page.locator(`[data-limit="${limit}"] .timeline`);
    const caption = (limit: string) => timelineOf(limit).locator("figcaption").textContent();
    await timelineOf("wide").scrollIntoViewIfNeeded();
    await shown(() => caption("wide")).toContain("184 more slots, 14 of them held in this time");
    expect(await timelineOf("wide").locator("[data-lease]").count()).toBe(16);
    await timelineOf("devices").scrollIntoViewIfNeeded();
    await shown(() => timelineOf("devices").locator(".bar").getAttribute("aria-label")).toMatch(
      /^of a test · GPU-a · .* · taken away$/,
    );
    expect(await timelineOf("devices").locator(".device").allTextContents()).toEqual(
      ["GPU-a", "GPU-b"].map((name) => name + name),
    );
    expect(await timelineOf("decays").count()).toBe(0);
    expect(await findBarriers(page)).toEqual([]);
  }
  // Such a limit is resized by the names of its slots.
  const page = await open(`${server.url}/limits/devices`);
  await page.getByRole("button", { name: "Resize" }).click();
  await page.getByRole("textbox").fill("GPU-a\nGPU-c\nGPU-d");
  await shown(() => page.locator("dialog[open] .preview").textContent()).toContain(
    "Nobody gets GPU-b any more",
  );
  await page.getByRole("button", { name: "Set these 3" }).click();
  await shown(() => page.locator(".totals").textContent()).toBe("0 of 3 slots held, 0 waiting");
}, 120_000);

test("a limit is resized and a slot taken away, and before that it says what will happen", async () => {
  await client.limits.create({ name: "gpu:gpu-1", limit: 1 });
  for (let index = 0; index < 4; index += 1) {
    sluice(["exec", "--limit", "gpu:gpu-1", "--", "sleep", "600"]);
    await waitFor(async () => {
      const { active_slots, waiting } = await client.limits.read("gpu:gpu-1");
      expect(active_slots + waiting).toBe(index + 1);
    }, BOUND);
  }
  const page = await open(`${server.url}/limits/gpu%3Agpu-1`);
  await page.getByRole("button", { name: "Resize" }).click();
  await shown(() => page.locator("dialog[open] :focus").count()).toBe(1);
  // What is typed takes the place of what is there.
  await page.keyboard.type("3");
  const preview = () => page.locator("dialog[open] .preview").textContent();
  await shown(preview).toMatch(/^It is 1 now\. It would admit 2 who wait now: .*sleep 600, .*sleep 600\.$/);
  expect(await findBarriers(page)).toEqual([]);
  await page.getByRole("button", { name: "Set it to 3" }).click();
  await shown(() => page.locator(".totals").textContent()).toBe("3 of 3 slots held, 1 waiting");
  await page.getByRole("button", { name: "Resize" }).click();
  // What was typed last time is forgotten: the limit is what it is by now.
  expect(await page.getByLabel("Slots").inputValue()).toBe("3");
  await page.getByLabel("Slots").fill("1");
  await shown(preview).toContain("2 slots would be over the limit");
  await page.getByLabel("Slots").fill("2");
  await shown(preview).toBe(
    "It is 3 now. One slot would be over the limit until it ends; nobody else gets a slot before.",
  );
  for (const wrong of ["-3", "1000001"]) {
    await page.getByLabel("Slots").fill(wrong);
    await shown(preview).toBe("It is 3 now. It takes a whole number from 0 to 1000000.");
    await page.keyboard.press("Enter");
  }
  await page.keyboard.press("Escape");
  expect((await client.limits.read("gpu:gpu-1")).limit).toBe(3);

  sluice(["exec", "--limit", "gpu:gpu-1", "--", "sleep", "601"]);
  await shown(() => page.getByRole("row", { name: /sleep 601/ }).count()).toBe(1);
  await page.getByRole("button", { name: "To the front" }).click();
  await shown(preview).toMatch(/^It gets the next free slot, before .*sleep 600, who waits longer\.$/);
  await page.locator("dialog[open]").getByRole("button", { name: "To the front" }).click();
  await shown(() => page.getByRole("row", { name: /^1 sleep 601/ }).count()).toBe(1);
  await page.getByRole("button", { name: "Take away" }).first().click();
  await shown(() => page.locator("dialog[open]").textContent()).toContain(
    "loses its slot at once. Next: sleep 601.",
  );
  await page.getByRole("button", { name: "Take it away" }).click();
  // Who stood first in line has it now.
  await shown(() => page.locator(".totals").textContent()).toBe("3 of 3 slots held, 1 waiting");
}, 120_000);

test("a dialog keeps what it asked while somebody else does the same, and closes by its own answer alone", async () => {
  await client.workPools.create({ name: POOL, type: "process" });
  await client.limits.create({ name: "gpu:gpu-1", limit: 1 });
  const page = await open(`${server.url}/work-pools/work-pool/${POOL}`);
  const dialog = page.locator("dialog[open]");
  const submit = dialog.locator("button[type=submit]");
  await page.getByRole("button", { name: "Pause" }).first().click();
  expect(await submit.textContent()).toBe("Pause it");
  await client.workPools.update(POOL, { is_paused: true });
  await shown(() => dialog.getByRole("status").textContent()).toBe("It is paused by now.");
  expect(await dialog.getByRole("heading").textContent()).toBe(`Pause ${POOL}?`);
  expect(await submit.textContent()).toBe("Pause it");
  expect(await submit.isDisabled()).toBe(true);
  expect(await findBarriers(page)).toEqual([]);
  await page.keyboard.press("Escape");
  expect((await client.workPools.read(POOL)).is_paused).toBe(true);
  // The next dialog asks about what is by then.
  await page.getByRole("button", { name: "Resume" }).first().click();
  await submit.click();
  await shown(() => dialog.count()).toBe(0);
  expect((await client.workPools.read(POOL)).is_paused).toBe(false);

  await page.goto(`${server.url}/limits/gpu%3Agpu-1`);
  const answers: (() => Promise<void>)[] = [];
  await page.route("**/api/v2/concurrency_limits/*", (route) => {
    if (route.request().method() !== "PATCH") return route.continue();
    answers.push(() => route.continue());
    return undefined;
  });
  await page.getByRole("button", { name: "Resize" }).click();
  await page.getByLabel("Slots").fill("2");
  await submit.click();
  await shown(() => Promise.resolve(answers.length)).toBe(1);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Resize" }).click();
  await page.getByLabel("Slots").fill("3");
  await answers[0]?.();
  await shown(() => page.locator(".totals").textContent()).toContain("of 2 slots held");
  await shown(() => page.getByText("2 from now on").count()).toBe(1);
  expect(await page.getByLabel("Slots").inputValue()).toBe("3");
  await submit.click();
  await shown(() => Promise.resolve(answers.length)).toBe(2);
  await answers[1]?.();
  await shown(() => dialog.count()).toBe(0);
  expect((await client.limits.read("gpu:gpu-1")).limit).toBe(3);

  await page.getByRole("button", { name: "Disable" }).click();
  await client.limits.update("gpu:gpu-1", { active: false });
  await shown(() => dialog.getByRole("status").textContent()).toBe("It is disabled by now.");
  expect(await submit.isDisabled()).toBe(true);
}, 120_000);

test("a pool says what another limit would do by its queues and its workers, and says it anew as they change", async () => {
  const deployment = await deploy(1);
  await client.workPools.update(POOL, { concurrency_limit: 0 });
  const [queue] = await client.workQueues.list({}, { pool: POOL });
  await client.workQueues.update(queue?.id ?? "", { is_paused: true });
  for (let index = 0; index < 2; index += 1) await client.deployments.createRun(deployment, {});
  const page = await open(`${server.url}/work-pools/work-pool/${POOL}`);
  const preview = () => page.locator("dialog[open] .preview").textContent();
  await page.getByRole("button", { name: "Set its limit" }).click();
  await page.getByLabel("Runs at a time").fill("8");
  await shown(preview).toBe("It is 0 now. Of 2 runs that wait none would begin now: the queue is paused.");
  await client.workQueues.update(queue?.id ?? "", { is_paused: false, concurrency_limit: 1 });
  await shown(preview).toBe(
    "It is 0 now. Of 2 runs that wait none would begin now: no worker that is online has room for them.",
  );
  startWorker("gpu-1");
  await shown(preview).toBe(
    "It is 0 now. Of 2 runs that wait up to 1 would begin now, no more: the limit of the queue has no slot left.",
  );
  await page.getByRole("button", { name: "Set it to 8" }).click();
  await waitFor(async () => {
    const runs = await client.flowRuns.list();
    expect(runs.filter(({ state_type }) => state_type !== "SCHEDULED")).toHaveLength(1);
  }, BOUND);
}, 120_000);

test("a limit says who passes one that is too large, who is refused, and who wants other limits as well", async () => {
  await client.limits.create({ name: "passing", limit: 2, bypass_max: 5 });
  await client.limits.create({ name: "other", limit: 1 });
  const ask = (note: string, names: string[], slots = 1) =>
    client.limits.acquire({ names, request_id: note, note, slots, wait_seconds: 25 }).catch(() => undefined);
  await ask("holder", ["passing"], 2);
  await ask("other holder", ["other"]);
  const waits: Promise<unknown>[] = [];
  for (const [note, names, slots] of [
    ["large", ["passing"], 2],
    ["small", ["passing"], 1],
    ["both", ["passing", "other"], 1],
  ] as const) {
    waits.push(ask(note, [...names], slots));
    const line = names.at(-1) ?? "";
    await shown(async () => (await client.limits.waiters(line)).some((one) => one.note === note)).toBe(true);
  }
  const page = await open(`${server.url}/limits/passing`);
  const dialog = page.locator("dialog[open]");
  await page.getByRole("button", { name: "Resize" }).click();
  await dialog.getByLabel("Slots").fill("3");
  await shown(() => dialog.locator(".preview").textContent()).toBe(
    "It is 2 now. It would admit 1 who waits now: small.",
  );
  await dialog.getByLabel("Slots").fill("1");
  await shown(() => dialog.locator(".preview").textContent()).toContain(
    "nobody else gets a slot before. large asks for more than that and is refused.",
  );
  await page.goto(`${server.url}/limits/other`);
  await page.getByRole("button", { name: "Take away" }).click();
  await shown(() => dialog.textContent()).toContain(
    "Next: both, if the other limits that it wants are free, too.",
  );
  await page.keyboard.press("Escape");
  for (const name of ["passing", "other"]) await client.limits.delete(name, { force: true });
  await Promise.all(waits);
}, 120_000);

test("a run says why it waits, and its log lines come as they are written", async () => {
  await client.limits.create({ name: "gpu:gpu-1", limit: 1 });
  const taken = await client.limits.acquire({
    names: ["gpu:gpu-1"],
    request_id: "taken",
    lease_seconds: 300,
  });
  if (taken.status !== "granted") throw new Error("The limit is full.");
  const deployment = await deploy(1);
  startWorker("gpu-1");
  const { id } = await client.deployments.createRun(deployment, {});
  const page = await open(`${server.url}/runs/flow-run/${id}`);
  await shown(() => page.locator(".why").textContent()).toContain("waits for a slot of the limit gpu:gpu-1");
  expect(await page.locator(".why a").getAttribute("href")).toBe("/limits/gpu%3Agpu-1");
  await shown(() => page.locator(".logs").textContent()).toContain("downloaded");
  expect(await findBarriers(page)).toEqual([]);
  await client.limits.release(taken.lease_id);
  await shown(() => page.locator(".logs").textContent()).toContain("saved");
  await shown(() => page.locator(".badge").first().textContent()).toBe("Completed");
  expect(await page.locator(".why").count()).toBe(0);
}, 120_000);

test("a tab that nobody looks at asks nothing, and catches up when somebody does", async () => {
  await client.limits.create({ name: "gpu:gpu-1", limit: 1 });
  const asked: string[] = [];
  const hidden = await open(server.url, {
    hears: (page) => page.on("request", (request) => asked.push(request.url())),
  });
  const seen = await open(server.url);
  for (const page of [hidden, seen]) await shown(() => cells(page, "gpu:gpu-1", "free").count()).toBe(1);
  const look = (state: "hidden" | "visible") =>
    hidden.evaluate(
      `Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "${state}" });
       document.dispatchEvent(new Event("visibilitychange"));`,
    );
  await look("hidden");
  asked.length = 0;
  for (const limit of [2, 3, 4]) {
    await client.limits.update("gpu:gpu-1", { limit });
    await shown(() => cells(seen, "gpu:gpu-1", "free").count()).toBe(limit);
  }
  expect(asked).toEqual([]);
  await look("visible");
  await shown(() => cells(hidden, "gpu:gpu-1", "free").count()).toBe(4);
}, 120_000);

test("when the server is killed the page says so, and catches up by itself when it is back", async () => {
  await client.limits.create({ name: "gpu:gpu-1", limit: 2 });
  const page = await open(server.url, { isAllowed: () => true });
  await shown(() => cells(page, "gpu:gpu-1", "free").count()).toBe(2);
  await server.kill9();
  await shown(() => page.getByText("The connection to the server is lost").isVisible()).toBe(true);
  await server.restart();
  await client.limits.create({ name: "gpu:gpu-2", limit: 1 });
  await shown(() => page.getByText("The connection to the server is lost").isVisible()).toBe(false);
  await shown(() => cells(page, "gpu:gpu-2", "free").count()).toBe(1);

  // A page whose code was not fetched before is there as soon as the server is.
  await server.kill9();
  await page.getByRole("link", { name: "Deployments" }).click();
  const heading = () => page.getByRole("heading", { level: 1 }).textContent();
  await shown(heading).toBe("This page could not be loaded");
  await server.restart();
  await shown(heading).toBe("Deployments");
}, 120_000);

test("what the page is made of is tried again by itself where it does not come, and without its script the page says what to do", async () => {
  const page = await open(server.url, { isAllowed: () => true });
  const chunk = "**/assets/deployments-*.js";
  let tries = 0;
  await page.route(chunk, (route) => {
    tries += 1;
    return tries > 2 ? route.continue() : route.abort();
  });
  const heading = page.getByRole("heading", { level: 1 });
  await page.getByRole("link", { name: "Deployments" }).click();
  await shown(() => heading.textContent()).toBe("This page could not be loaded");
  await shown(() => page.getByText("tried again by itself, less and less often").count()).toBe(1);
  await shown(() => heading.textContent()).toBe("Deployments");
  expect(tries).toBe(3);

  const advice = page.getByText("The dashboard has not begun");
  expect(await advice.count()).toBe(0);
  await page.route("**/assets/main-*.js", (route) => route.abort());
  await page.reload();
  await shown(() => advice.isVisible()).toBe(true);
  expect(await findBarriers(page)).toEqual([]);
  await page.unrouteAll();
  await page.reload();
  await shown(() => heading.textContent()).toBe("Deployments");
  expect(await advice.count()).toBe(0);
}, 60_000);

test("the key is asked for once, said to be wrong where it is, and never in a URL", async () => {
  const key = "a-key-of-this-test";
  await using locked = await startTestServer({ env: { SLUICE_API_KEY: key } });
  const urls: string[] = [];
  const page = await open(locked.url, { isAllowed: (fault) => /401|WebSocket/.test(fault) });
  page.on("request", (request) => urls.push(request.url()));
  await page.getByLabel("Key").fill("wrong");
  await page.getByRole("button", { name: "Go on" }).click();
  await shown(() => page.getByRole("alert").first().textContent()).toContain("not the server's");
  expect(await findBarriers(page)).toEqual([]);
  // Whoever gives it in one tab has given it in all of them.
  const other = await page.context().newPage();
  await other.goto(locked.url);
  await shown(() => other.getByLabel("Key").count()).toBe(1);
  await page.getByLabel("Key").fill(key);
  await page.getByRole("button", { name: "Go on" }).click();
  await shown(() => page.getByRole("heading", { name: "Machines" }).count()).toBe(1);
  await shown(() => other.getByRole("heading", { name: "Machines" }).count()).toBe(1);
  await page.reload();
  await shown(() => page.getByRole("heading", { name: "Machines" }).count()).toBe(1);
  const keyed = createClient({ apiUrl: `${locked.url}/api`, apiKey: key });
  await keyed.limits.create({ name: "gpu:gpu-1", limit: 1 });
  await keyed.close();
  // The socket has the key, too.
  await shown(() => cells(page, "gpu:gpu-1", "free").count()).toBe(1);
  expect(urls.filter((url) => url.includes(key))).toEqual([]);
  await closePages();
}, 120_000);

test("the links of Prefect's command line open their pages, and what is not there says so", async () => {
  const deployment = await deploy(1);
  const { id, name } = await client.deployments.createRun(deployment, {});
  const page = await open(`${server.url}/runs/flow-run/${id}`, { isAllowed: (fault) => /404/.test(fault) });
  const heading = () => page.getByRole("heading", { level: 1 }).textContent();
  await shown(heading).toBe(name);
  await page.goto(`${server.url}/work-pools/work-pool/${POOL}`);
  await shown(heading).toBe(POOL);
  await page.goto(`${server.url}/runs`);
  await shown(() => page.getByRole("link", { name }).count()).toBe(1);
  await page.goto(`${server.url}/runs/flow-run/018f0000-0000-7000-8000-000000000000`);
  await shown(heading).toBe("There is no such thing here");
  for (const path of ["no/such/page", "limits/%"]) {
    await page.goto(`${server.url}/${path}`);
    await shown(heading).toBe("There is no such page");
  }
});

test("the first page is light, asks nobody else, and runs only scripts of its own", async () => {
  const scripts: Promise<Buffer>[] = [];
  const page = await open(server.url, {
    hears: (opened) =>
      opened.on("response", (response) => {
        if (response.url().endsWith(".js")) scripts.push(response.body());
      }),
  });
  await shown(() => page.getByRole("heading", { level: 1 }).count()).toBe(1);
  const bytes = (await Promise.all(scripts)).reduce((sum, body) => sum + gzipSync(body).length, 0);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(HOME_SCRIPT_BYTES_MAX);
  const policy = (await fetch(server.url)).headers.get("content-security-policy") ?? "";
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("default-src 'none'");
});
