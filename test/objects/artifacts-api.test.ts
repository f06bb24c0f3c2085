import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { addressOfJournal, formatAddress } from "../../src/contract/envelope.ts";
import { dayOfId, deriveShardKey, formatId, keyOfId } from "../../src/contract/ids.ts";
import { send } from "./support/send.ts";

const DAY_MS = 86_400_000;

let tail = 0;
/** The id of a run that was expected some days ago, in a pool of its own. */
function makeRunId(daysAgo = 0): string {
  tail += 1;
  const key = deriveShardKey("pool", "default", `artifacts-${tail}`);
  return formatId({ layout: "flow_run", key, head: Date.now() - daysAgo * DAY_MS, version: 7, tail });
}

const make = async (artifact: object) => (await send("POST", "/artifacts/", artifact)).body;
const list = async (path: string, artifacts: object, more: object = {}) =>
  (await send("POST", path, { artifacts, ...more })).body.map(({ id }: { id: string }) => id);

test("an artifact lies in its run's journal, however late it is made", async () => {
  const flow_run_id = makeRunId(3);
  const sent = {
    key: "in-journal",
    type: "table",
    description: "d",
    data: [{ a: 1 }],
    metadata_: { m: "x" },
    flow_run_id,
    task_run_id: crypto.randomUUID(),
  };
  const created = await send("POST", "/artifacts/", sent);
  expect(created).toMatchObject({ status: 201, body: sent });
  const { id } = created.body;
  expect(keyOfId(id, "artifact")).toBe(keyOfId(flow_run_id, "flow_run"));
  expect(dayOfId(id)).toBe(dayOfId(flow_run_id));
  expect((await send("GET", `/artifacts/${id}`)).body).toEqual(created.body);
  expect((await send("PATCH", `/artifacts/${id}`, { data: "new" })).status).toBe(204);
  expect((await send("GET", "/artifacts/in-journal/latest")).body).toMatchObject({
    ...sent,
    id,
    data: "new",
  });
});

test("the newest artifact of a key is found, and after its end the one before", async () => {
  const first = await make({ key: "versions", data: 1, flow_run_id: makeRunId() });
  const second = await make({ key: "versions", data: 2, flow_run_id: makeRunId(1) });
  const latest = async () =>
    (await send("POST", "/artifacts/latest/filter", { artifacts: { key: { any_: ["versions"] } } })).body;
  expect(await latest()).toMatchObject([{ key: "versions", latest_id: second.id, data: 2 }]);
  // A change of the older one does not make it the newest.
  await send("PATCH", `/artifacts/${first.id}`, { data: 3 });
  expect(await latest()).toMatchObject([{ latest_id: second.id }]);
  expect((await send("DELETE", `/artifacts/${second.id}`)).status).toBe(204);
  expect(await latest()).toMatchObject([{ latest_id: first.id, data: 3 }]);
  expect((await send("DELETE", `/artifacts/${first.id}`)).status).toBe(204);
  expect(await latest()).toEqual([]);
  expect(await send("GET", "/artifacts/versions/latest")).toMatchObject({ status: 404 });
  expect(await send("DELETE", `/artifacts/${first.id}`)).toMatchObject({ status: 404 });
});

test("artifacts of several journals are filtered, sorted and counted together", async () => {
  const runs = [makeRunId(), makeRunId(1), makeRunId(2)];
  const made: { id: string }[] = [];
  for (const [index, flow_run_id] of runs.entries())
    made.push(await make({ key: `many-${index}`, type: index === 1 ? "table" : "markdown", flow_run_id }));
  const loose = await make({ key: "many-3", type: "markdown" });
  const ids = [...made.map(({ id }) => id), loose.id];
  const like = { key: { like_: "MANY-" } };
  expect(await list("/artifacts/filter", like, { sort: "KEY_ASC" })).toEqual(ids);
  expect(await list("/artifacts/filter", like, { sort: "CREATED_DESC" })).toEqual(ids.toReversed());
  expect(await list("/artifacts/filter", like, { sort: "KEY_ASC", limit: 2, offset: 1 })).toEqual(
    ids.slice(1, 3),
  );
  expect(await list("/artifacts/filter", { ...like, type: { any_: ["table"] } })).toEqual([ids[1]]);
  expect(await list("/artifacts/filter", { ...like, type: { not_any_: ["markdown"] } })).toEqual([ids[1]]);
  expect(await list("/artifacts/filter", { flow_run_id: { any_: [runs[2]] } })).toEqual([ids[2]]);
  expect(await list("/artifacts/filter", {}, { flow_runs: { id: { any_: [runs[0]] } } })).toEqual([ids[0]]);
  expect(await list("/artifacts/filter", { id: { any_: [ids[3], crypto.randomUUID()] } })).toEqual([ids[3]]);
  expect(await list("/artifacts/filter", { id: { any_: [] } })).toEqual([]);
  expect((await send("POST", "/artifacts/count", { artifacts: like })).body).toBe(4);
  expect((await send("POST", "/artifacts/latest/count", { artifacts: like })).body).toBe(4);
});

test("artifacts are found by what is known of their runs", async () => {
  const flows = await Promise.all(
    ["one", "two"].map(
      async (name) => (await send("POST", "/flows/", { name: `artifacts-${name}` })).body.id,
    ),
  );
  const runs = await Promise.all(
    flows.map(
      async (flow_id) =>
        (await send("POST", "/flow_runs/", { flow_id, name: `of-${flow_id}`, tags: ["a"] })).body.id,
    ),
  );
  const task_run_id = crypto.randomUUID();
  const [first, second] = [
    (await make({ key: "by-run", flow_run_id: runs[0], task_run_id })).id,
    (await make({ key: "by-run", flow_run_id: runs[1] })).id,
  ];
  const found = (artifacts: object, more: object) => list("/artifacts/filter", artifacts, more);
  expect(await found({}, { flows: { name: { any_: ["artifacts-one"] } } })).toEqual([first]);
  expect(await found({}, { flow_runs: { name: { any_: [`of-${flows[1]}`] } } })).toEqual([second]);
  expect(
    await found(
      {},
      { flow_runs: { id: { any_: runs }, tags: { all_: ["a"] } }, flows: { id: { any_: [flows[0]] } } },
    ),
  ).toEqual([first]);
  expect(await found({ flow_run_id: { any_: [runs[1]] } }, { flows: { id: { any_: [flows[0]] } } })).toEqual(
    [],
  );
  expect(await found({}, { task_runs: { id: { any_: [task_run_id] } } })).toEqual([first]);
  expect(await found({}, { task_runs: { name: { any_: ["nobody"] } } })).toEqual([]);
  expect((await send("POST", "/artifacts/latest/count", { flows: { id: { any_: [flows[1]] } } })).body).toBe(
    1,
  );
});

test("what a journal took with it is found no more", async () => {
  const flow_run_id = makeRunId(1);
  const { id } = await make({ key: "gone", flow_run_id });
  const address = addressOfJournal("default", keyOfId(id, "artifact") ?? "", dayOfId(id) ?? "");
  const stub = env.RUN_JOURNAL.getByName(formatAddress(address));
  await runInDurableObject(stub, async (_, state) => {
    await state.storage.deleteAlarm();
    await state.storage.deleteAll();
  });
  await evictDurableObject(stub);
  const gone = { key: { any_: ["gone"] } };
  expect((await send("POST", "/artifacts/latest/count", { artifacts: gone })).body).toBe(1);
  expect((await send("POST", "/artifacts/latest/filter", { artifacts: gone })).body).toEqual([]);
  // Asking has told the catalog.
  expect((await send("POST", "/artifacts/latest/count", { artifacts: gone })).body).toBe(0);
  expect(await list("/artifacts/filter", gone)).toEqual([]);
  expect(await send("GET", `/artifacts/${id}`)).toMatchObject({ status: 404 });
});

test.each([
  ["a key with upper case", "/artifacts/", { key: "No" }],
  ["an unknown field", "/artifacts/", { zzz: 1 }],
  [
    "a run's name in either of two conditions",
    "/artifacts/filter",
    { artifacts: { operator: "or_" }, flow_runs: { name: { any_: ["x"] } } },
  ],
  ["too much at once", "/artifacts/filter", { limit: 201 }],
])("%s is refused", async (_what, path, body) => {
  expect(await send("POST", path, body)).toMatchObject({ status: 422 });
});
