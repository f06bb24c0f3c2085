/** The log of a run in a real browser, while it grows. */
import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { findBarriers, open } from "./browser.ts";
import { shown, useStage } from "./stage.ts";

const stage = useStage();

/** A run, and what writes messages to its log. */
async function makeRun(): Promise<{ url: string; write: (messages: readonly string[]) => Promise<void> }> {
  const flow = await stage.ask<{ id: string }>("POST", "/flows/", { name: "chatty" });
  const { id } = await stage.ask<{ id: string }>("POST", "/flow_runs/", {
    flow_id: flow.id,
    state: { type: "RUNNING" },
  });
  const write = (messages: readonly string[]) =>
    stage.ask<void>(
      "POST",
      "/logs",
      messages.map((message) => ({
        name: "output",
        level: 20,
        message,
        timestamp: new Date().toISOString(),
        flow_run_id: id,
      })),
    );
  return { url: `${stage.url}/runs/flow-run/${id}`, write };
}

const count = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index}.`);

const listOf = (page: Page) => page.getByRole("list", { name: "Log lines, the latest last" });
const lineOf = (page: Page, text: string) => listOf(page).locator("li", { hasText: text });

/** Scrolls as a reader does, and waits until the page has noticed. */
const scroll = (list: Locator, to: number) =>
  list.evaluate(
    (element, top) =>
      new Promise((resolve) => {
        element.scrollTo({ top });
        element.ownerDocument.defaultView?.requestAnimationFrame(resolve);
      }),
    to,
  );

/** How far below the top of the list something begins. */
async function topOf(list: Locator, part: Locator): Promise<number> {
  const [outer, inner] = [await list.boundingBox(), await part.boundingBox()];
  if (outer === null || inner === null) throw new Error("It is not there.");
  return inner.y - outer.y;
}

async function isInView(list: Locator, part: Locator): Promise<boolean> {
  const [outer, inner] = [await list.boundingBox(), await part.boundingBox()];
  if (outer === null || inner === null) return false;
  return inner.y >= outer.y && inner.y + inner.height <= outer.y + outer.height;
}

test("who reads further up keeps what is in view, and is told of newer lines until the end is followed again", async () => {
  const { url, write } = await makeRun();
  await write(count(0, 200));
  const page = await open(url);
  const list = listOf(page);
  await shown(() => isInView(list, lineOf(page, "line 199."))).toBe(true);
  await scroll(list, 400);
  const read = lineOf(page, "line 25.");
  const top = await topOf(list, read);
  const button = page.getByRole("button", { name: "follow" });
  expect(await button.count()).toBe(0);
  await write(["line 200."]);
  await shown(() => button.allTextContents()).toEqual(["one newer line: follow"]);
  // More than a page.
  for (let from = 201; from < 501; from += 100) {
    await write(count(from, from + 100));
    await shown(() => button.textContent()).toBe(`${from - 100} newer lines: follow`);
  }
  expect(await topOf(list, read)).toBeCloseTo(top, 0);
  expect(await isInView(list, read)).toBe(true);
  expect(await findBarriers(page)).toEqual([]);
  await button.press("Enter");
  await shown(() => isInView(list, lineOf(page, "line 500."))).toBe(true);
  expect(await button.count()).toBe(0);
  expect(await list.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
  await write(["line 501."]);
  await shown(() => isInView(list, lineOf(page, "line 501."))).toBe(true);

  // Who scrolls to the end by hand follows it, too.
  await scroll(list, 0);
  await write(["line 502."]);
  await shown(() => button.count()).toBe(1);
  await scroll(list, Number.MAX_SAFE_INTEGER);
  await shown(() => button.count()).toBe(0);
  await write(["line 503."]);
  await shown(() => isInView(list, lineOf(page, "line 503."))).toBe(true);
}, 90_000);

test("where more came than there is room for, following leads to the newest", async () => {
  const { url, write } = await makeRun();
  await write(count(0, 200));
  const page = await open(url);
  const list = listOf(page);
  await shown(() => isInView(list, lineOf(page, "line 199."))).toBe(true);
  await scroll(list, 0);
  await write(count(200, 1000));
  const button = page.getByRole("button", { name: "more than 200 newer lines: follow" });
  await shown(() => button.count()).toBe(1);
  expect(await isInView(list, lineOf(page, "line 0."))).toBe(true);
  await button.click();
  await shown(() => isInView(list, lineOf(page, "line 999."))).toBe(true);
  await write(["line 1000."]);
  await shown(() => isInView(list, lineOf(page, "line 1000."))).toBe(true);
}, 90_000);

test("earlier lines follow without a gap while others come, and lead back to the end", async () => {
  const { url, write } = await makeRun();
  // All of one moment, as a worker sends them.
  await write(count(0, 500));
  const page = await open(url);
  const list = listOf(page);
  const numbers = async () =>
    (await list.locator("bdi").allTextContents()).map((text) => Number(/\d+/.exec(text)?.[0]));
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  await shown(numbers).toEqual(range(300, 500));
  const earlier = page.getByRole("button", { name: "Earlier lines" });
  await write(count(500, 550));
  await shown(numbers).toEqual(range(300, 550));
  await earlier.click();
  await shown(numbers).toEqual(range(100, 300));
  await write(count(550, 600));
  await earlier.click();
  await shown(numbers).toEqual(range(0, 100));
  expect(await earlier.count()).toBe(0);
  await page.getByRole("button", { name: "Later lines" }).click();
  await shown(numbers).toEqual(range(100, 300));
  await page.getByRole("button", { name: "Later lines" }).click();
  await shown(numbers).toEqual(range(400, 600));
  await write(["line 600."]);
  await shown(() => isInView(list, lineOf(page, "line 600."))).toBe(true);
}, 90_000);

test("a search shows the lines that match, and is in view what they match by", async () => {
  const { url, write } = await makeRun();
  const output = Array.from({ length: 1000 }, (_, index) =>
    index === 200 || index === 700 ? `a Needle in line ${index}` : `line ${index} of a lot of output`,
  );
  await write([output.join("\n")]);
  const page = await open(url);
  const list = listOf(page);
  await shown(() => list.locator("li").count()).toBe(1);
  const field = page.getByLabel("Find");
  await field.fill("nEEdle");
  const marks = list.locator("mark");
  await shown(() => marks.allTextContents()).toEqual(["Needle", "Needle"]);
  expect((await list.locator("bdi").textContent())?.split("\n")).toEqual([
    "… 198 lines …",
    ...output.slice(198, 203),
    "… 495 lines …",
    ...output.slice(698, 703),
    "… 297 lines …",
  ]);
  expect(await isInView(list, marks.last())).toBe(true);
  expect(await findBarriers(page)).toEqual([]);

  // Within a line that takes more than the list.
  await write([`${"long ".repeat(4000)}another needle${" line".repeat(4000)}`]);
  await shown(() => marks.count()).toBe(3);
  await shown(() => isInView(list, marks.last())).toBe(true);
  await write([`${"longer ".repeat(4000)}needle${" line".repeat(4000)}`]);
  await shown(() => marks.count()).toBe(4);
  await shown(() => isInView(list, marks.last())).toBe(true);
  await field.fill("");
  await shown(() => marks.count()).toBe(0);
}, 90_000);

test("a log that grows is asked for what is new, one question at a time and not more than once a second", async () => {
  const { url, write } = await makeRun();
  for (let from = 0; from < 200; from += 10)
    await write(count(from, from + 10).map((line) => line.padEnd(3000, "x")));
  const answers: Promise<number>[] = [];
  let underWay = 0;
  let mostUnderWay = 0;
  const page = await open(url, {
    hears: (opened) => {
      opened.on("request", (request) => {
        if (!request.url().endsWith("/logs/filter")) return;
        underWay += 1;
        mostUnderWay = Math.max(mostUnderWay, underWay);
      });
      opened.on("requestfinished", (request) => {
        if (!request.url().endsWith("/logs/filter")) return;
        underWay -= 1;
        answers.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
      });
    },
  });
  const list = listOf(page);
  await shown(() => isInView(list, lineOf(page, "line 199."))).toBe(true);
  answers.length = 0;
  for (let from = 200; from < 300; from += 20) {
    // What is written while nothing may be asked comes with the next answer.
    for (let line = from; line < from + 20; line += 1) await write([`line ${line}.`]);
    await shown(() => isInView(list, lineOf(page, `line ${from + 19}.`))).toBe(true);
  }
  const bytes = (await Promise.all(answers)).reduce((sum, size) => sum + size, 0);
  // All 200 each time are more than 600 kB.
  expect(bytes / answers.length).toBeLessThan(200_000);
  expect(mostUnderWay).toBe(1);
  const starts = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter(({ name }) => name.endsWith("/logs/filter"))
      .map(({ startTime }) => startTime),
  );
  const pauses = starts.slice(1).map((start, index) => start - (starts[index] ?? 0));
  expect(Math.min(...pauses)).toBeGreaterThan(950);
}, 90_000);

test("what is written for terminals is shown as text, each line in its own direction", async () => {
  const { url, write } = await makeRun();
  await write(["\u001B[1;31mburnt\u001B[0m, \u202Egnp.exe\u202C\nשלום!\ndone!"]);
  const page = await open(url);
  const text = listOf(page).locator("bdi");
  await shown(() => text.textContent()).toBe("burnt, gnp.exe\nשלום!\ndone!");
  // In Hebrew an exclamation mark stands to the left of what it is said of.
  const leftOf = (place: number) =>
    text.evaluate((element, at) => {
      const range = element.ownerDocument.createRange();
      range.setStart(element.firstChild, at);
      range.setEnd(element.firstChild, at + 1);
      return range.getBoundingClientRect().left;
    }, place);
  const [hebrew, mark, english, other] = await Promise.all([15, 19, 21, 25].map(leftOf));
  expect(mark).toBeLessThan(hebrew ?? 0);
  expect(other).toBeGreaterThan(english ?? 0);
}, 60_000);
