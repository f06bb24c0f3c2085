/**
 * Debian's Chromium on a real server. A page that logs an error, fails a request, asks another host or opens
 * another socket than that of changes fails its test.
 */
import { AxeBuilder } from "@axe-core/playwright";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { findChromium } from "./browser-path.ts";

/** Without the flags for background traffic it calls home at every start. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let browser: Browser;
const pages: { page: Page; faults: string[] }[] = [];

beforeAll(async () => {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("There is no Chromium: apt-get install chromium");
  browser = await chromium.launch({ executablePath, args: FLAGS });
});

afterAll(async () => {
  await browser.close();
});

/** Closes the pages, which no server must be taken away from before, and says what went wrong on them. */
export async function closePages(): Promise<void> {
  const faults = pages.flatMap((opened) => opened.faults);
  for (const { page } of pages.splice(0)) await page.context().close();
  expect(faults).toEqual([]);
}

/** Opens a page of the server. `isAllowed`: what it may log or fail at, because the test brings it about. */
export async function open(
  url: string,
  options: BrowserContextOptions & {
    isAllowed?: (fault: string) => boolean;
    /** Before anything is loaded. */
    hears?: (page: Page) => unknown;
  } = {},
): Promise<Page> {
  const { isAllowed = () => false, hears, ...context } = options;
  const page = await (
    await browser.newContext({ viewport: { width: 1280, height: 900 }, ...context })
  ).newPage();
  const faults: string[] = [];
  const note = (fault: string): void => {
    if (!isAllowed(fault)) faults.push(fault);
  };
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") note(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => note(`thrown: ${error.message}`));
  page.on("request", (request) => {
    if (new URL(request.url()).host !== new URL(url).host && !request.url().startsWith("data:"))
      note(`asked another host: ${request.url()}`);
  });
  page.on("websocket", (socket) => {
    if (new URL(socket.url()).pathname !== "/api/changes") note(`another socket: ${socket.url()}`);
  });
  pages.push({ page, faults });
  await hears?.(page);
  await page.goto(url);
  return page;
}

/** What axe finds wrong with a page as it is now, one line each. */
export async function findBarriers(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}
