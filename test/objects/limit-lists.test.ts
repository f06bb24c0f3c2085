/** Lists of hundreds of limits: machines first, the others by what they are of, found by name on the server. */
import { beforeEach, expect, test } from "vitest";
import type { LimitOverview } from "../../src/contract/wire/limits.ts";
import { waitFor } from "../support/wait-for.ts";
import { send } from "./support/send.ts";

const AT_ONCE = 25;
const machines = Array.from({ length: 220 }, (_, index) => `gpu:node-${index + 1}`);
const tags = Array.from({ length: 90 }, (_, index) => `tag:t${index + 1}`);
const others = ["plain", "ends:", ":begins", "Node-of-none"];

async function list(body: object): Promise<string[]> {
  const { status, body: found } = await send("POST", "/v2/concurrency_limits/overview", body);
  expect(status).toBe(200);
  return (found as LimitOverview[]).map(({ name }) => name);
}
const count = async (limits?: object) =>
  (await send("POST", "/v2/concurrency_limits/count-by-family", limits && { limits })).body;

async function makeAll(): Promise<string> {
  const { body: flow } = await send("POST", "/flows/", { name: "pipeline" });
  const { body: deployment } = await send("POST", "/deployments/", {
    name: "Nodes of the night",
    flow_id: flow.id,
    concurrency_limit: 2,
  });
  const names = [...machines, "cpu:node-7", "gpu:Attic", ...tags, ...others];
  for (let from = 0; from < names.length; from += AT_ONCE)
    await Promise.all(
      names
        .slice(from, from + AT_ONCE)
        .map((name) => send("POST", "/v2/concurrency_limits/", { name, limit: 2 })),
    );
  return `deployment:${deployment.id}`;
}

let ofDeployment: string;
let isMade = false;

beforeEach(async () => {
  if (!isMade) ofDeployment = await makeAll();
  isMade = true;
});

test("limits are counted by what they are of, all of them or those in whose name a text is", async () => {
  await waitFor(async () =>
    expect(await count({})).toEqual({ machine: 222, other: 4, deployment: 1, tag: 90 }),
  );
  expect(await count({ name: { like_: "NODE-2" } })).toEqual({
    machine: 32,
    other: 0,
    deployment: 0,
    tag: 0,
  });
  // A deployment's limit has but its id in its name; people know the deployment's.
  expect(await count({ name: { like_: "of the night" } })).toMatchObject({ machine: 0, deployment: 1 });
  expect(await list({ limits: { name: { like_: "of the night" } } })).toEqual([ofDeployment]);
  expect(await count({ name: { like_: "%" } })).toEqual({ machine: 0, other: 0, deployment: 0, tag: 0 });
  expect(await count({ name: { like_: "" }, family: { any_: ["other"] } })).toMatchObject({
    machine: 0,
    other: 4,
  });
  expect(
    (await send("POST", "/v2/concurrency_limits/count-by-family", { limits: { family: { any_: ["x"] } } }))
      .status,
  ).toBe(422);
});

test("all limits of a family come page by page, each once, those of one machine beside each other and machines as people count", async () => {
  const page = (offset: number) =>
    list({ limits: { family: { any_: ["machine"] } }, sort: "MACHINE_ASC", limit: 100, offset });
  const pages = [await page(0), await page(100), await page(200), await page(300)];
  expect(pages.map((names) => names.length)).toEqual([100, 100, 22, 0]);
  const found = pages.flat();
  expect(new Set(found).size).toBe(222);
  expect(found.slice(0, 4)).toEqual(["gpu:Attic", "gpu:node-1", "gpu:node-2", "gpu:node-3"]);
  expect(found.slice(7, 10)).toEqual(["cpu:node-7", "gpu:node-7", "gpu:node-8"]);
  expect(found.at(-1)).toBe("gpu:node-220");
  const rest = { limits: { family: { any_: ["other"] } } };
  expect(await list(rest)).toEqual([":begins", "Node-of-none", "ends:", "plain"]);
  expect(await list({ limits: { name: { any_: ["plain", "gpu:node-9", "none"] } } })).toEqual([
    "gpu:node-9",
    "plain",
  ]);
});

test("without a filter limits are listed by name, and who watches a page of them hears of each", async () => {
  const names = [await list({}), await list({ offset: 200 })].flat();
  expect(names).toHaveLength(317);
  expect(names).toEqual(names.toSorted());
  const answer = await send(
    "POST",
    "/v2/concurrency_limits/overview",
    { limits: { family: { any_: ["machine"] } }, limit: 200 },
    { "Sluice-Watch": "60" },
  );
  expect(answer.headers.get("Sluice-Objects")?.split(",")).toHaveLength(201);
});
