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

test("long notes make a line no wider than its window, and its rows not high; a dialog outlives its row, and says so", async () => {
  const limit = "/v2/concurrency_limits/noted";
  await stage.ask("POST", "/v2/concurrency_limits/", { name: "noted", limit: 1 });
  const acquire = (note: string) =>
    stage.ask<{ lease_id: string }>("POST", "/v2/concurrency_limits/acquire", {
      names: ["noted"],
      request_id: note.slice(0, 8),
      note,
      lease_seconds: 600,
      wait_seconds: 25,
    });
  const { lease_id } = await acquire("holder");
  const line = () => stage.ask<{ waiter_id: string }[]>("GET", `${limit}/waiters`);
  const waits: Promise<unknown>[] = [];
  for (const note of ["first", `middle ${"python train.py --epochs=100 ".repeat(7)}`, "third"]) {
    // The limit is deleted under those who still wait.
    waits.push(acquire(note).catch(() => undefined));
    await shown(async () => (await line()).length).toBe(waits.length);
  }
  const page = await open(`${stage.url}/limits/noted`);
  const middle = page.getByRole("row", { name: /middle/ });
  await shown(() => middle.count()).toBe(1);
  for (const width of [390, 900, 1400]) {
    await page.setViewportSize({ width, height: 900 });
    await shown(() => page.evaluate("document.documentElement.scrollWidth")).toBe(width);
  }
  expect((await middle.boundingBox())?.height).toBeLessThan(100);
  expect(await middle.locator(".lines").getAttribute("title")).toContain("--epochs=100 python");

  const dialog = page.locator("dialog[open]");
  const submit = dialog.locator("button[type=submit]");
  const say = (text: string) => shown(() => dialog.getByRole("status").textContent()).toBe(text);
  await middle.getByRole("button", { name: "To the front" }).click();
  const [, { waiter_id } = { waiter_id: "" }] = await line();
  await stage.ask("PATCH", `${limit}/waiters/${encodeURIComponent(waiter_id)}`, { to_front: true });
  await say("It stands at the front by now.");
  expect(await submit.isDisabled()).toBe(true);
  expect(await findBarriers(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "To the front" }).first().click();
  await shown(() => dialog.getByRole("heading").textContent()).toBe("Let first go first?");
  await page.keyboard.press("Escape");
  // Nobody waits or holds by the end of it, so that the tables are gone, too.
  await page.getByRole("button", { name: "Take away" }).click();
  await shown(() => dialog.textContent()).toContain("holder loses its slot");
  await stage.ask("PATCH", limit, { limit: 4 });
  for (const { lease_id: other } of await stage.ask<{ lease_id: string }[]>("GET", `${limit}/holders`))
    if (other !== lease_id) await stage.ask("POST", `/v2/concurrency_limits/leases/${other}/release`);
  await stage.ask("POST", `/v2/concurrency_limits/leases/${lease_id}/release`);
  await say("It is gone by now.");
  expect(await page.getByText("Nobody holds a slot.").count()).toBe(1);
  expect(await submit.isDisabled()).toBe(true);
  await page.keyboard.press("Escape");
  await shown(() => page.locator("dialog").count()).toBe(0);
  // The button that had the focus before is gone with its row.
  await shown(() => page.evaluate("document.activeElement.id")).toBe("page");
  await Promise.all(waits);
});

test("who is there behind hundreds that have gone silent is said to be next", async () => {
  await stage.ask("POST", "/v2/concurrency_limits/", { name: "silent", limit: 4 });
  const acquire = (request_id: string, more: object = {}) =>
    stage.ask("POST", "/v2/concurrency_limits/acquire", {
      names: ["silent"],
      request_id,
      note: request_id,
      ...more,
    });
  await acquire("holder", { slots: 4, lease_seconds: 600 });
  await Promise.all(Array.from({ length: 260 }, (_, index) => acquire(`silent-${index}`)));
  const resized = () =>
    stage.ask<{ admits: number }>("POST", "/v2/concurrency_limits/silent/preview_change", { limit: 50 });
  await shown(async () => (await resized()).admits).toBe(0);
  const waits = Array.from({ length: 5 }, (_, index) =>
    acquire(`live-${index}`, { wait_seconds: 25 }).catch(() => undefined),
  );
  const page = await open(`${stage.url}/limits/silent`, { isAllowed: (fault) => fault.includes("404") });
  await shown(() => page.locator(".totals").textContent()).toBe("4 of 4 slots held, 265 waiting");
  await page.getByRole("button", { name: "Resize" }).click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByLabel("Slots").fill("50");
  await shown(() => dialog.locator(".preview").textContent()).toMatch(
    /^It is 4 now\. It would admit 5 who wait now: live-\d, live-\d, live-\d, 2 more\.$/,
  );
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Take away" }).click();
  await shown(() => dialog.textContent()).toMatch(/Next: live-\d, live-\d, live-\d, 1 more\./);
  await page.keyboard.press("Escape");
  await stage.ask("DELETE", "/v2/concurrency_limits/silent?force=true");
  await Promise.all(waits);
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
    /It would admit 202 who wait now: caller-\d+, caller-\d+, caller-\d+, 199 more\.$/,
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
