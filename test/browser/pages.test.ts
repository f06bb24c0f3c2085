/** Every page, empty and full: no barrier that axe finds, light and dark, wide and narrow; and the way between them by keyboard. */
import { expect, test } from "vitest";
import { findBarriers, open } from "./browser.ts";
import { POOL, shown, useStage } from "./stage.ts";
import { makeWorld } from "./world.ts";

const stage = useStage();

const LISTS = [
  "/runs",
  "/deployments",
  "/flows",
  "/work-pools",
  "/artifacts",
  "/events",
  "/variables",
  "/blocks",
];

/** Colours and widths have nothing to do with each other: two looks have both of either. */
const LOOKS = [
  { colorScheme: "light", width: 1280 },
  { colorScheme: "dark", width: 390 },
] as const;

async function look(paths: readonly string[]): Promise<void> {
  const page = await open(stage.url);
  for (const path of paths) {
    await page.goto(stage.url + path);
    await shown(() => page.locator("main h1").count()).toBe(1);
    await shown(() => page.locator("[aria-busy]").count()).toBe(0);
    for (const { colorScheme, width } of LOOKS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      expect([path, colorScheme, width, await findBarriers(page)]).toEqual([path, colorScheme, width, []]);
      const isWide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
      expect([path, width, isWide]).toEqual([path, width, false]);
    }
  }
}

test("lists that are empty say what fills them, without a barrier", async () => {
  await look(LISTS);
}, 300_000);

test("no page has a barrier", async () => {
  const world = await makeWorld(stage);
  await stage.ask("POST", "/v2/concurrency_limits/", { name: "off", limit: 1, active: false });
  await look([
    ...LISTS,
    "/",
    `/runs/flow-run/${world.run}`,
    `/runs/task-run/${world.task}`,
    "/runs?when=between&state=RUNNING",
    `/deployments/deployment/${world.deployment}`,
    `/deployments/deployment/${world.deployment}/run`,
    `/flows/flow/${world.flow}`,
    `/work-pools/work-pool/${POOL}`,
    `/work-pools/work-pool/${POOL}/queue/high`,
    `/work-pools/work-pool/${POOL}/worker/${world.worker}`,
    "/limits/gpu%3Agpu-1",
    `/artifacts/artifact/${world.artifact}`,
    "/artifacts/key/report",
    `/events/event/2026-01-01/${world.event}`,
    `/blocks/block/${world.block}`,
    "/blocks/catalog",
    "/blocks/catalog/secret",
    "/audit",
    "/settings",
    "/automations",
  ]);
}, 600_000);

test("links are underlined among other words, however short they are", async () => {
  const flow = await stage.ask<{ id: string }>("POST", "/flows/", { name: "short" });
  await stage.ask("POST", "/v2/concurrency_limits/", { name: "short", limit: 1 });
  const acquire = async (name: string) => {
    const { id } = await stage.ask<{ id: string }>("POST", "/flow_runs/", { name, flow_id: flow.id });
    const holder = { type: "flow_run", id };
    const wanted = { names: ["short"], request_id: name, lease_seconds: 600, holder, wait_seconds: 25 };
    // The limit is deleted under the one who waits.
    return stage.ask("POST", "/v2/concurrency_limits/acquire", wanted).catch(() => undefined);
  };
  await acquire("r1");
  const waits = acquire("r2");
  await shown(
    async () => (await stage.ask<unknown[]>("GET", "/v2/concurrency_limits/short/waiters")).length,
  ).toBe(1);
  const page = await open(stage.url);
  await shown(() => page.locator('[data-limit="short"] .waiter a').textContent()).toBe("r2");
  for (const place of [".cell", ".waiter"])
    expect(
      await page.evaluate(`getComputedStyle(document.querySelector("${place} a")).textDecorationLine`),
    ).toBe("underline");
  for (const { colorScheme } of LOOKS) {
    await page.emulateMedia({ colorScheme });
    expect([colorScheme, await findBarriers(page)]).toEqual([colorScheme, []]);
  }
  await stage.ask("DELETE", "/v2/concurrency_limits/short?force=true");
  await waits;
}, 60_000);

test("the rest of the pages is one button away, also by keyboard", async () => {
  const page = await open(stage.url);
  const more = page.getByRole("button", { name: "More" });
  await more.press("Enter");
  await shown(() => page.getByRole("link", { name: "Variables" }).isVisible()).toBe(true);
  expect(await findBarriers(page)).toEqual([]);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Escape");
  await shown(() => page.getByRole("link", { name: "Variables" }).count()).toBe(0);
  expect(await more.evaluate((button) => button.matches(":focus"))).toBe(true);
  await more.press("Enter");
  await page.getByRole("link", { name: "Variables" }).press("Enter");
  await shown(() => page.locator("main h1").textContent()).toBe("Variables");
  // The button says where one is.
  await shown(() => page.getByRole("button", { name: "Variables" }).getAttribute("aria-expanded")).toBe(
    "false",
  );
});

test("a block's secrets are not shown", async () => {
  const [block] = await stage.ask<{ id: string }[]>("POST", "/block_documents/filter", {});
  const page = await open(`${stage.url}/blocks/block/${block?.id}`);
  await shown(() => page.locator("main h1").textContent()).toBe("api-token");
  expect(await page.locator("main").textContent()).toContain("********");
  expect(await page.content()).not.toContain("hush-hush");
});
