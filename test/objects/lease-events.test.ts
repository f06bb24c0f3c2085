/** Slots of Prefect's clients: their `acquired` events say which run holds them, in the real runtime. */
import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { formatRunIdentity, RUN_IDENTITY_HEADER } from "../../src/contract/wire/agents.ts";
import type { ReceivedEvent } from "../../src/contract/wire/events.ts";

const API = "http://sluice.test/api";
const PREFECT = { "prefect-csrf-client": "4f9a1c52-0000-4000-8000-000000000001" };
const LIMIT = "prefect.concurrency-limit";

const post = async <Answer = null>(path: string, body: unknown, headers: object = {}): Promise<Answer> => {
  const response = await exports.default.fetch(`${API}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  expect(response.status, `${path} ${response.status}`).toBeLessThan(300);
  return response.status === 204 ? (null as Answer) : response.json();
};
const get = async <Answer>(path: string): Promise<Answer> =>
  (await exports.default.fetch(`${API}${path}`)).json();

interface Granted {
  lease_id: string;
  limits: { id: string; name: string; limit: number }[];
}
const acquire = (names: string[], headers: object = PREFECT) =>
  post<Granted>("/v2/concurrency_limits/increment-with-lease", { names, slots: 1 }, headers);
const createLimit = async (): Promise<{ id: string; name: string }> =>
  post("/v2/concurrency_limits/", { name: `limit-${crypto.randomUUID()}`, limit: 2 });
const countActive = async (name: string) =>
  (await get<{ active_slots: number }>(`/v2/concurrency_limits/${name}`)).active_slots;
const setState = (run: string, type: string) => post(`/flow_runs/${run}/set_state`, { state: { type } });
const startRun = async (): Promise<string> => {
  const { id: flow_id } = await post<{ id: string }>("/flows/", { name: "flow" });
  const { id } = await post<{ id: string }>("/flow_runs/", { flow_id });
  await setState(id, "RUNNING");
  return id;
};

/** What Prefect's client sends for each limit of a grant. */
const report = async (
  { limits }: Granted,
  phase: "acquired" | "released",
  related: Record<string, string>[],
) => {
  const events = limits.map(({ id, name, limit }) => ({
    id: crypto.randomUUID(),
    occurred: new Date().toISOString(),
    event: `${LIMIT}.${phase}`,
    resource: {
      "prefect.resource.id": `${LIMIT}.${id}`,
      "prefect.resource.name": name,
      "slots-acquired": "1",
      limit: String(limit),
    },
    related: [
      ...limits
        .filter((other) => other.id !== id)
        .map((other) => ({
          "prefect.resource.id": `${LIMIT}.${other.id}`,
          "prefect.resource.role": "concurrency-limit",
        })),
      ...related,
    ],
  }));
  await post("/events", events);
  const ids = events.map(({ id }) => id);
  return waitFor(async () => {
    const found = await post<{ events: ReceivedEvent[] }>("/events/filter", { filter: { id: { id: ids } } });
    expect(found.events).toHaveLength(events.length);
    return found.events.toSorted((left, right) => ids.indexOf(left.id) - ids.indexOf(right.id));
  });
};
const isRun = (id: string) => ({
  "prefect.resource.id": `prefect.flow-run.${id}`,
  "prefect.resource.role": "flow-run",
});
const isTaskRun = (id: string) => ({
  "prefect.resource.id": `prefect.task-run.${id}`,
  "prefect.resource.role": "task-run",
});
const listRuns = async (name: string) =>
  (await get<{ run: { flow_run_id: string } | null }[]>(`/v2/concurrency_limits/${name}/holders`)).map(
    ({ run }) => run?.flow_run_id ?? null,
  );

test("a run that crashes gives back what it holds at once, and nobody else's slot", async () => {
  const limit = await createLimit();
  const [mine, other] = [await startRun(), await startRun()];
  const granted = await acquire([limit.name]);
  const [acquired] = await report(granted, "acquired", [isRun(mine)]);
  expect(acquired?.resource["prefect.resource.id"]).toBe(`${LIMIT}.${limit.id}`);
  await report(await acquire([limit.name]), "acquired", [isRun(other)]);
  expect(await listRuns(limit.name)).toEqual([mine, other]);
  await setState(mine, "CRASHED");
  await waitFor(async () => expect(await listRuns(limit.name)).toEqual([other]));
  const [released] = await report(granted, "released", [isRun(mine)]);
  expect(released?.resource["prefect.resource.id"]).toBe(`${LIMIT}.${limit.id}`);
  await setState(other, "COMPLETED");
  expect(await countActive(limit.name)).toBe(1);
});

test("a run keeps what its clients have held, of each limit, also where the event comes after the release", async () => {
  const limits = [await createLimit(), await createLimit()];
  const run = await startRun();
  const release = ({ lease_id }: Granted) => post(`/v2/concurrency_limits/leases/${lease_id}/release`, {});
  const listHeld = async () =>
    (await get<{ limit_name: string }[]>(`/flow_runs/${run}/leases`))
      .map(({ limit_name }) => limits.findIndex(({ name }) => name === limit_name))
      .toSorted((left, right) => left - right);
  const both = await acquire(limits.map(({ name }) => name));
  await report(both, "acquired", [isRun(run)]);
  await release(both);
  await waitFor(async () => expect(await listHeld()).toEqual([0, 1]));
  const brief = await acquire([limits[0]?.name ?? ""]);
  await release(brief);
  await report(brief, "acquired", [isTaskRun(crypto.randomUUID()), isRun(run)]);
  await report(brief, "released", [isRun(run)]);
  await waitFor(async () => expect(await listHeld()).toEqual([0, 0, 1]));
});

test("what is held of several limits goes together, and every event names the limits", async () => {
  const limits = [await createLimit(), await createLimit()];
  const run = await startRun();
  const granted = await acquire(limits.map(({ name }) => name));
  const events = await report(granted, "acquired", [isTaskRun(crypto.randomUUID()), isRun(run)]);
  const idOf = new Map(limits.map(({ id, name }) => [name, `${LIMIT}.${id}`]));
  for (const { resource, related } of events) {
    const own = idOf.get(resource["prefect.resource.name"] ?? "");
    expect(resource["prefect.resource.id"]).toBe(own);
    expect(new Set([own, related[0]?.["prefect.resource.id"]])).toEqual(new Set(idOf.values()));
  }
  await setState(run, "CRASHED");
  await waitFor(async () =>
    expect(await Promise.all(limits.map(({ name }) => countActive(name)))).toEqual([0, 0]),
  );
});

test("what a background task holds is not its flow's, which may end before", async () => {
  const limit = await createLimit();
  const run = await startRun();
  const state = { type: "SCHEDULED", state_details: { deferred: true } };
  const task = await post<{ id: string }>("/task_runs/", {
    flow_run_id: run,
    task_key: "t",
    dynamic_key: "1",
    state,
  });
  await report(await acquire([limit.name]), "acquired", [isTaskRun(task.id), isRun(run)]);
  expect(await listRuns(limit.name)).toEqual([null]);
});

test("only clients of Prefect's are told a lease for a limit, and only where no agent of ours says whose it is", async () => {
  const limit = await createLimit();
  const [plain] = (await acquire([limit.name], {})).limits;
  expect(plain).toEqual({ id: limit.id, name: limit.name, limit: 2 });
  const run = { flow_run_id: await startRun(), attempt_id: crypto.randomUUID(), fence: 1 };
  const identity = { [RUN_IDENTITY_HEADER]: formatRunIdentity(run) };
  const [ours] = (await acquire([limit.name], { ...PREFECT, ...identity })).limits;
  expect(ours?.id).toBe(limit.id);
});
