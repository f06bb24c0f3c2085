/** Networks that lose, cut off and delay, between a real browser and a real server. The page's time is the test's. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createClient, type Client } from "../../src/client/index.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { closePages, open } from "./browser.ts";
import { shown } from "./stage.ts";
import { layWire, type Wire } from "./wire.ts";

const LIMIT = "gpu:gpu-1";
const PATH = "/limits/gpu%3Agpu-1";
const OF_THE_LIMIT = "/api/v2/concurrency_limits/gpu%3Agpu-1";

let wire: Wire;
let server: TestServer;
let client: Client;

beforeAll(async () => {
  wire = await layWire();
  server = await startTestServer({ args: ["--allowed-host", wire.host] });
  wire.target = Number(new URL(server.url).port);
  client = createClient({ apiUrl: `${server.url}/api` });
});
beforeEach(() => client.limits.create({ name: LIMIT, limit: 2 }));
afterEach(async () => {
  await closePages();
  wire.forget();
  await client.limits.delete(LIMIT);
});
afterAll(async () => {
  await client.close();
  await server.stop();
  await wire[Symbol.asyncDispose]();
});

interface Visit {
  path?: string;
  hears?: (page: Page) => unknown;
}

const visit = ({ path = PATH, hears }: Visit = {}) =>
  open(`http://${wire.host}${path}`, {
    // What the browser itself says of a connection.
    isAllowed: (fault) => fault.startsWith("console: "),
    hears: async (page) => {
      await page.clock.install();
      await hears?.(page);
    },
  });
const totals = (page: Page) => () => page.locator(".totals").textContent();
const saysLost = (page: Page) => page.getByText("The connection to the server is lost").isVisible();

test("a network that was lost without a word is noticed, and the page catches up as soon as there is another", async () => {
  const page = await visit();
  await shown(totals(page)).toBe("0 of 2 slots held, 0 waiting");
  await page.clock.pauseAt(Date.now() + 1000);
  wire.lose();
  await page.clock.runFor(38_000);
  await shown(() => saysLost(page)).toBe(true);
  await client.limits.update(LIMIT, { limit: 5 });
  wire.find();
  // The next socket begins; the questions that nobody hears would be given up later.
  await page.clock.runFor(15_000);
  await shown(async () => {
    await page.clock.runFor(10);
    return totals(page)();
  }).toBe("0 of 5 slots held, 0 waiting");
  expect(await saysLost(page)).toBe(false);
});

test("what is never answered is asked again, also where the socket is well", async () => {
  let questions = 0;
  const page = await visit({
    hears: (opened) =>
      opened.route(`**${OF_THE_LIMIT}`, (route) => {
        questions += 1;
        return questions > 1 ? route.continue() : undefined;
      }),
  });
  await shown(() => Promise.resolve(questions)).toBe(1);
  await page.clock.runFor(31_000);
  await shown(totals(page)).toBe("0 of 2 slots held, 0 waiting");
});

test("an answer that comes slowly is waited for for as long as more of it comes", async () => {
  let [questions, greetings, begun] = [0, 0, 0];
  const parts = ["active_slots", "denied_slots", "slot_names", "waiting"];
  const stops = parts.map((text) => wire.stopAt(`"${text}`));
  void stops[0]?.then(() => (begun += 1));
  const page = await visit({
    hears: async (opened) => {
      await opened.clock.pauseAt(Date.now() + 1000);
      opened.on("websocket", (socket) => socket.on("framereceived", () => (greetings += 1)));
      opened.on("request", (request) => {
        if (request.url().endsWith(OF_THE_LIMIT)) questions += 1;
      });
    },
  });
  await shown(async () => {
    await page.clock.runFor(5);
    // What the server tells of other tests' limits comes behind its greeting.
    return [begun, greetings > 0];
  }).toEqual([1, true]);
  for (const stop of stops) {
    const stopped = await stop;
    // Together it is longer than anything may be silent, and not so long that a socket is given up.
    await page.clock.runFor(8000);
    expect([questions, await page.getByText("Loading …").count()]).toEqual([1, 1]);
    stopped.goOn();
  }
  await shown(totals(page)).toBe("0 of 2 slots held, 0 waiting");
});

test("an act whose answer is cut off may have been done, and its dialog is not stuck", async () => {
  const flow = await client.flows.put({ name: "pipeline" });
  const { id } = await client.deployments.createRun(
    (await client.deployments.put({ name: "infer", flow_id: flow.id })).id,
  );
  const page = await visit({ path: `/runs/flow-run/${id}` });
  await page.getByRole("button", { name: "Cancel" }).click();
  const cut = wire.stopAt('"details"');
  await page.getByRole("button", { name: "Cancel the run" }).click();
  (await cut).breakOff();
  const dialog = page.locator("dialog[open]");
  await shown(() => dialog.getByRole("alert").textContent()).toBe("The answer of the server was cut off.");
  await shown(() => dialog.getByText("It has ended by now.").count()).toBe(1);
  await dialog.getByRole("button", { name: "Leave it" }).click();
  await shown(() => dialog.count()).toBe(0);
});

test("an answer that is cut off is said to be, and asked for again", async () => {
  const [first, second] = [1, 2].map(() => wire.stopAt('"active_slots"'));
  const page = await visit();
  (await first)?.breakOff();
  await shown(() => page.getByRole("alert").textContent()).toContain("The answer of the server was cut off.");
  (await second)?.goOn();
  await shown(totals(page)).toBe("0 of 2 slots held, 0 waiting");
});
