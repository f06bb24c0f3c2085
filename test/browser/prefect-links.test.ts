/**
 * Every address that Prefect's command line, SDK and dashboards have for a page opens a page here, without an error
 * (source: `UI_URL_FORMATS` in `prefect/utilities/urls.py`, the addresses that its commands print, and the route tables of
 * its two dashboards, all of 3.8.8).
 */
import { beforeAll, expect, test } from "vitest";
import { open } from "./browser.ts";
import { POOL, shown, useStage } from "./stage.ts";
import { makeWorld, type World } from "./world.ts";

const stage = useStage();
let world: World;
beforeAll(async () => {
  world = await makeWorld(stage);
});

/** Of `UI_URL_FORMATS`: what it is for, the address, and the heading of the page that it opens here. */
const FORMATS = (w: World): Record<string, [address: string, heading: string]> => ({
  flow: [`flows/flow/${w.flow}`, "pipeline"],
  "flow-run": [`runs/flow-run/${w.run}`, "run-one"],
  "flow-run-response": [`runs/flow-run/${w.child}`, "small-child"],
  "task-run": [`runs/task-run/${w.task}`, "infer-0"],
  block: [`blocks/block/${w.block}`, "api-token"],
  "block-document": [`blocks/block/${w.block}`, "api-token"],
  "work-pool": [`work-pools/work-pool/${POOL}`, POOL],
  "work-queue": [`work-queues/work-queue/${w.queue}`, "high"],
  "concurrency-limit": [`concurrency-limits/concurrency-limit/${w.limit}`, "gpu:gpu-1"],
  deployment: [`deployments/deployment/${w.deployment}`, "pipeline / infer"],
  automation: [`automations/automation/${w.flow}`, "Sluice has no automations"],
  "received-event": [
    `events/event/${new Date().toISOString().slice(0, 10)}/${w.event}`,
    "prefect.concurrency-limit.released",
  ],
  worker: [`work-pools/work-pool/${POOL}/worker/${w.worker}`, "gpu-1"],
});

/** Printed by commands and `prefect.runtime`, or paths of the dashboards. */
const OTHERS = (w: World): [address: string, heading: string][] => [
  ["", "Machines"],
  ["dashboard", "Machines"],
  ["login", "Machines"],
  ["concurrency-limits", "Machines"],
  ["concurrency-limits-v2", "Machines"],
  [`concurrency-limits-v2/concurrency-limit-v2/${w.limit}`, "gpu:gpu-1"],
  ["runs", "Runs"],
  ["flow-runs", "Runs"],
  [`flow-runs/flow-run/${w.run}`, "run-one"],
  [`flow-runs/task-run/${w.task}`, "infer-0"],
  ["flows", "Flows"],
  ["deployments", "Deployments"],
  [`deployments/deployment/${w.deployment}/run`, "Run infer"],
  [`deployments/deployment/${w.deployment}/edit`, "Deployments are made and changed by their files"],
  [`deployments/deployment/${w.deployment}/duplicate`, "Deployments are made and changed by their files"],
  ["work-pools", "Work pools"],
  ["work-queues", "Work pools"],
  ["work-pools/create", "Pools are made and changed by commands"],
  [`work-pools/work-pool/${POOL}/edit`, "Pools are made and changed by commands"],
  [`work-pools/work-pool/${POOL}/queue/high`, "high"],
  [`work-pools/work-pool/${POOL}/queue/create`, "Queues are made and changed by commands"],
  [`work-pools/work-pool/${POOL}/queue/high/edit`, "Queues are made and changed by commands"],
  ["blocks", "Blocks"],
  ["blocks/catalog", "Types of blocks"],
  ["blocks/catalog/secret", "Secret"],
  ["blocks/catalog/secret/create", "Blocks are made and changed by commands and code"],
  [`blocks/block/${w.block}/edit`, "Blocks are made and changed by commands and code"],
  ["artifacts", "Artifacts"],
  [`artifacts/artifact/${w.artifact}`, "report"],
  ["artifacts/key/report", "report"],
  ["variables", "Variables"],
  ["variables/variable/threshold", "Variables"],
  ["events", "Events"],
  ["automations", "Sluice has no automations"],
  ["automations/create", "Sluice has no automations"],
  [`automations/automation/${w.flow}/edit`, "Sluice has no automations"],
  ["notifications", "Sluice has no automations"],
  ["notifications/create", "Sluice has no automations"],
  ["collections", "Sluice has no list of collections"],
  ["settings", "Settings"],
];

test("the addresses that Prefect prints open their pages, also below /v2", async () => {
  const page = await open(stage.url);
  const links = [...Object.values(FORMATS(world)), ...OTHERS(world)];
  expect(links).toHaveLength(53);
  for (const [address, heading] of links) {
    await page.goto(`${stage.url}/${address}`);
    const main = page.locator("main h1");
    await shown(async () => [address, await main.first().textContent()]).toEqual([address, heading]);
    expect([address, await page.locator("main [role=alert]:visible").count()]).toEqual([address, 0]);
  }
  for (const [address, heading] of links.filter((_, index) => index % 6 === 0)) {
    await page.goto(`${stage.url}/v2/${address}`);
    await shown(() => page.locator("main h1").first().textContent()).toBe(heading);
    expect(new URL(page.url()).pathname.startsWith("/v2")).toBe(false);
  }
}, 180_000);

test("what is not there any more says so, whatever kind of thing it is", async () => {
  const gone = "018f0000-0000-4000-8000-000000000000";
  const page = await open(`${stage.url}/flows/flow/${gone}`, { isAllowed: (fault) => /404/.test(fault) });
  for (const address of [
    `flows/flow/${gone}`,
    `runs/task-run/${gone}`,
    `deployments/deployment/${gone}`,
    `deployments/deployment/${gone}/run`,
    `artifacts/artifact/${gone}`,
    "artifacts/key/none",
    `blocks/block/${gone}`,
    "blocks/catalog/none",
    `work-queues/work-queue/${gone}`,
    "work-pools/work-pool/none",
    "limits/none",
  ]) {
    await page.goto(`${stage.url}/${address}`);
    await shown(async () => [address, await page.locator("main h1").first().textContent()]).toEqual([
      address,
      "There is no such thing here",
    ]);
  }
  await page.goto(`${stage.url}/events/event/2026-01-01/${gone}`);
  await shown(() => page.locator("main h1").textContent()).toBe("There is no such event");
  await page.goto(`${stage.url}/work-pools/work-pool/${POOL}/worker/${gone}`);
  await shown(() => page.locator("main h1").textContent()).toBe("There is no such worker");
}, 120_000);
