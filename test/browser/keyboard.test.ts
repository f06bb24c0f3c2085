/** The dashboard by keyboard alone, in a real browser. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { findBarriers, open } from "./browser.ts";
import { shown, useStage } from "./stage.ts";

const STOPS_MAX = 100;

const stage = useStage();

/** What the tab key reaches within a part of the page, one after the other: its tag and its name. */
async function listStops(page: Page, part: string): Promise<string[]> {
  const stops: string[] = [];
  await page.evaluate("document.activeElement.blur()");
  for (let presses = 0; presses < STOPS_MAX; presses += 1) {
    await page.keyboard.press("Tab");
    // Behind the last one comes the browser's own.
    if ((await page.locator(":focus").count()) === 0) return stops;
    const focused = page.locator(part).locator(":focus");
    if ((await focused.count()) === 0) continue;
    stops.push(
      `${await focused.evaluate(({ tagName }) => tagName)} ${await focused.getAttribute("aria-label")}`,
    );
  }
  throw new Error(`The tab key does not come to an end: ${stops.join(", ")}`);
}

test("the tab key reaches one bar of a timeline, arrows go from there to all others, and enter to its run", async () => {
  const flow = await stage.ask<{ id: string }>("POST", "/flows/", { name: "pipeline" });
  const run = await stage.ask<{ id: string }>("POST", "/flow_runs/", { flow_id: flow.id, name: "a-run" });
  await stage.ask("POST", "/v2/concurrency_limits/", { name: "gpu:gpu-1", limit: 3 });
  const holders = { first: null, run: { type: "flow_run", id: run.id }, last: null };
  for (const [note, holder] of Object.entries(holders))
    await stage.ask("POST", "/v2/concurrency_limits/acquire", {
      names: ["gpu:gpu-1"],
      request_id: note,
      note,
      holder,
      lease_seconds: 600,
    });
  const page = await open(`${stage.url}/limits/gpu%3Agpu-1`);
  const bars = page.locator(".timeline [data-lease]");
  await shown(() => bars.nth(1).getAttribute("aria-label")).toMatch(/^a-run · /);
  expect(await listStops(page, ".timeline")).toEqual([expect.stringMatching(/^g last · /)]);

  const said = () => page.locator(".timeline figcaption").textContent();
  await bars.last().focus();
  for (const [key, name] of [
    ["ArrowLeft", "a-run"],
    ["ArrowLeft", "first"],
    ["ArrowRight", "a-run"],
    ["End", "last"],
    ["Home", "first"],
    ["ArrowRight", "a-run"],
  ] as const) {
    await page.keyboard.press(key);
    await shown(said).toMatch(new RegExp(`^${name} · `));
  }
  // Where one was is where one comes back to.
  await page.keyboard.press("Tab");
  await shown(said).toContain("in use");
  await page.keyboard.press("Shift+Tab");
  await shown(said).toMatch(/^a-run · /);
  expect(await findBarriers(page)).toEqual([]);
  await page.keyboard.press("Enter");
  await shown(() => page.getByRole("heading", { level: 1 }).textContent()).toBe("a-run");
});
