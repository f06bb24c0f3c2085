/** Tables in a real browser: those that a page has all rows of are sorted by their headings. */
import { expect, test } from "vitest";
import { findBarriers, open } from "./browser.ts";
import { shown, useStage } from "./stage.ts";

const stage = useStage();

test("a heading sorts by keyboard, up, down and not at all, and says so; the next one takes over", async () => {
  for (const [name, type] of [
    ["pool-10", "process"],
    ["pool-9", "docker"],
    ["Pool-1", "process"],
  ])
    await stage.ask("POST", "/work_pools/", { name, type });
  const page = await open(`${stage.url}/work-pools`);
  const names = () => page.locator("tbody td:first-child").allTextContents();
  const order = (heading: string) =>
    page.getByRole("columnheader", { name: heading, exact: true }).getAttribute("aria-sort");
  const sort = page.getByRole("button", { name: "pool", exact: true });
  await shown(names).toHaveLength(3);
  const asCame = await names();
  expect(await order("pool")).toBeNull();
  await sort.focus();
  await page.keyboard.press("Enter");
  // As people count, whatever the case.
  await shown(names).toEqual(["Pool-1", "pool-9", "pool-10"]);
  expect(await order("pool")).toBe("ascending");
  expect(await findBarriers(page)).toEqual([]);
  await page.keyboard.press("Space");
  await shown(names).toEqual(["pool-10", "pool-9", "Pool-1"]);
  expect(await order("pool")).toBe("descending");
  // What comes later is put where it belongs.
  await stage.ask("POST", "/work_pools/", { name: "pool-9b", type: "process" });
  await shown(names).toEqual(["pool-10", "pool-9b", "pool-9", "Pool-1"]);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await shown(async () => (await names())[0]).toBe("pool-9");
  expect([await order("pool"), await order("type")]).toEqual([null, "ascending"]);
  for (let press = 0; press < 2; press += 1) await page.keyboard.press("Enter");
  await shown(async () => (await names()).filter((name) => name !== "pool-9b")).toEqual(asCame);
  expect(await order("type")).toBeNull();
});

test("where it is narrow the headings stand above the cards, and sort them; rows that come by pages have none to sort by", async () => {
  const page = await open(`${stage.url}/work-pools`, { viewport: { width: 390, height: 900 } });
  const first = page.locator("tbody tr").first();
  await page.getByRole("button", { name: "type", exact: true }).click();
  await shown(() => first.locator('[data-head="type"]').textContent()).toBe("docker");
  expect(await findBarriers(page)).toEqual([]);
  await stage.ask("POST", "/flows/", { name: "pipeline" });
  await page.goto(`${stage.url}/flows`);
  await shown(() => page.getByRole("columnheader", { name: "flow", exact: true }).count()).toBe(1);
  expect(await page.locator("thead button").count()).toBe(0);
});

test("what is open in a cell stays open while the table changes and is sorted", async () => {
  await stage.ask("POST", "/v2/concurrency_limits/", { name: "busy", limit: 3 });
  const hold = (note: string) =>
    stage.ask("POST", "/v2/concurrency_limits/acquire", {
      names: ["busy"],
      request_id: note,
      note,
      lease_seconds: 600,
    });
  for (const note of ["holder-b", "holder-a"]) await hold(note);
  const page = await open(`${stage.url}/limits/busy`);
  const names = () => page.locator("table").first().locator("tbody td:first-child").allTextContents();
  await shown(names).toEqual(["holder-b", "holder-a"]);
  await page.getByRole("button", { name: "who", exact: true }).click();
  await shown(names).toEqual(["holder-a", "holder-b"]);
  await page.getByRole("button", { name: "Take away" }).first().click();
  await hold("holder-aa");
  await shown(names).toEqual(["holder-a", "holder-aa", "holder-b"]);
  expect(await page.locator("dialog[open]").textContent()).toContain("holder-a loses its slot");
});

test("a line longer than an answer goes by pages; who is deleted while it is looked at is not shown any longer", async () => {
  await stage.ask("POST", "/v2/concurrency_limits/", { name: "long", limit: 1 });
  await stage.ask("POST", "/v2/concurrency_limits/acquire", {
    names: ["long"],
    request_id: "holder",
    note: "holder",
    lease_seconds: 600,
  });
  const callers = Array.from({ length: 205 }, (_, index) =>
    stage
      .ask("POST", "/v2/concurrency_limits/acquire", {
        names: ["long"],
        request_id: `long-${index}`,
        note: `caller-${index}`,
        wait_seconds: 25,
      })
      // The limit is deleted under those who still wait.
      .catch(() => undefined),
  );
  const page = await open(`${stage.url}/limits/long`, { isAllowed: (fault) => fault.includes("404") });
  await shown(() => page.locator(".totals").textContent()).toBe("1 of 1 slots held, 205 waiting");
  const rows = page.locator("tbody tr", { hasText: "caller" });
  await shown(() => rows.count()).toBe(199);
  await page.getByRole("button", { name: "Resize" }).click();
  await page.getByLabel("Slots").fill("203");
  await shown(() => page.locator("dialog[open] .preview").textContent()).toMatch(
    /It would admit 200 or more who wait now: caller-\d+, caller-\d+, caller-\d+, others\.$/,
  );
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "More", exact: true }).last().click();
  await shown(() => rows.count()).toBe(6);
  await page.getByRole("button", { name: "To the front" }).last().click();
  await shown(() => page.locator("dialog[open] .preview").textContent()).toMatch(
    /^It gets the next free slot, before caller-\d+, caller-\d+, caller-\d+, 201 more, who wait longer\.$/,
  );
  await page.keyboard.press("Escape");
  await stage.ask("DELETE", "/v2/concurrency_limits/long?force=true");
  await shown(() => page.getByRole("heading", { level: 1 }).textContent()).toBe(
    "There is no such thing here",
  );
  await Promise.all(callers);
});
