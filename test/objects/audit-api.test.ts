/** What people do lands in the audit list, once; what programs do does not, and costs no row for it. */
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import {
  addressOfName,
  addressOfWorkspace,
  formatAddress,
  type AddressOf,
} from "../../src/contract/envelope.ts";
import type { NamedKind } from "../../src/contract/ids.ts";
import { RUN_IDENTITY_HEADER, formatRunIdentity } from "../../src/contract/wire/agents.ts";
import type { AuditEntry } from "../../src/contract/wire/audit.ts";
import type { ObjectRpc } from "../../src/objects/shared/stub.ts";
import { countRows } from "./support/rows.ts";
import { send } from "./support/send.ts";

const LIMITS = "/v2/concurrency_limits";
const WHO = { "user-agent": "alice" };

const must = async (method: string, path: string, body?: unknown, headers: Record<string, string> = WHO) => {
  const answer = await send(method, path, body, headers);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.body;
};
const list = async (query: Record<string, string> = {}) =>
  (await must("GET", `/audit?${new URLSearchParams(query).toString()}`)) as AuditEntry[];
/** The acts on one thing, the oldest first, once so many are there. */
async function actsOn(target: string, count: number): Promise<AuditEntry[]> {
  await expect.poll(async () => (await list({ target })).length).toBe(count);
  return (await list({ target })).toReversed();
}
const tell = ({ act, changes }: AuditEntry) => [act, changes];
const stubOf = (kind: NamedKind, name: string) =>
  (kind === "limit" ? env.CONCURRENCY_LIMIT : env.WORK_POOL).getByName(
    formatAddress(addressOfName("default", kind, name)),
  );

let counting: ReturnType<typeof countRows> | undefined;
/** Rows of the workspace's object from now on. */
async function rowsOfWorkspace() {
  counting ??= countRows(env.WORKSPACE.getByName(formatAddress(addressOfWorkspace("default"))));
  const count = await counting;
  count();
  return count;
}

test("acts on a limit: who, what, on what, from what to what", async () => {
  const { id } = await must("POST", `${LIMITS}/`, { name: "gpu:a", limit: 2 });
  await must("PATCH", `${LIMITS}/gpu:a`, { limit: 1, bypass_max: 3 });
  await must("PATCH", `${LIMITS}/${id}`, { active: false });
  await must("PATCH", `${LIMITS}/gpu:a`, { active: true });
  await must("PATCH", `${LIMITS}/gpu:a`, { limit: 1 }); // nothing to tell
  const { lease_id } = await must("POST", `${LIMITS}/acquire`, {
    names: ["gpu:a"],
    request_id: "holder",
    note: "train.py",
  });
  await must("POST", `${LIMITS}/acquire`, { names: ["gpu:a"], request_id: "waiter", note: "eval.py" });
  const [waiter] = (await must("GET", `${LIMITS}/gpu:a/waiters`)) as { waiter_id: string }[];
  await must("PATCH", `${LIMITS}/gpu:a/waiters/${encodeURIComponent(waiter?.waiter_id ?? "")}`, {
    priority: -1,
  });
  await must("POST", `${LIMITS}/leases/${lease_id}/force_release`);
  await must("PATCH", `${LIMITS}/gpu:a`, { active_slots: 1 });
  expect((await send("DELETE", `${LIMITS}/gpu:a`)).status).toBe(409);
  await must("DELETE", `${LIMITS}/gpu:a?force=true`);
  const acts = await actsOn(id, 8);
  expect(acts.map(tell)).toEqual([
    [
      "limit.create",
      {
        limit: { to: 2 },
        active: { to: true },
        slot_decay_per_second: { to: 0 },
        denied_slots: { to: 0 },
        bypass_max: { to: 0 },
      },
    ],
    ["limit.update", { limit: { from: 2, to: 1 }, bypass_max: { from: 0, to: 3 } }],
    ["limit.disable", { active: { from: true, to: false } }],
    ["limit.enable", { active: { from: false, to: true } }],
    [
      "limit.move_waiter",
      {
        waiter: { from: { note: "eval.py", waiter_id: waiter?.waiter_id, slots: 1 }, to: expect.anything() },
        priority: { from: 0, to: -1 },
      },
    ],
    [
      "limit.release",
      { lease: { from: { note: "train.py", lease_id, slots: 1, acquired_at: expect.any(String) } } },
    ],
    ["limit.reset", { active_slots: { from: 0, to: 1 } }],
    ["limit.delete", expect.objectContaining({ limit: { from: 1 } })],
  ]);
  for (const { actor, target, request_id, at } of acts) {
    expect({ actor, target }).toEqual({ actor: "alice", target: { kind: "limit", id, name: "gpu:a" } });
    expect(request_id).toMatch(/^[\da-f-]{36}$/);
    expect(Date.now() - Date.parse(at)).toBeLessThan(60_000);
  }
});

test("acts on the limit of a tag", async () => {
  const { id } = await must("POST", "/concurrency_limits/", { tag: "big", concurrency_limit: 1 });
  await must("POST", "/concurrency_limits/", { tag: "big", concurrency_limit: 2 });
  await must("POST", "/concurrency_limits/tag/big/reset", { slot_override: [crypto.randomUUID()] });
  await must("DELETE", "/concurrency_limits/tag/big");
  expect((await actsOn(id, 4)).map(tell)).toMatchObject([
    ["limit.create", {}],
    ["limit.update", { limit: { from: 1, to: 2 } }],
    ["limit.reset", { active_slots: { from: 0, to: 1 } }],
    ["limit.delete", {}],
  ]);
});

test("acts on a pool, its queues and its workers; a template is not shown", async () => {
  const pool = await must("POST", "/work_pools/", { name: "audited", type: "process" });
  await must("PATCH", "/work_pools/audited", { is_paused: true });
  await must("PATCH", "/work_pools/audited", { is_paused: false });
  await must("PATCH", "/work_pools/audited", { concurrency_limit: 3 });
  await must("PATCH", "/work_pools/audited", { concurrency_limit: null });
  await must("PATCH", "/work_pools/audited", { description: "x".repeat(2000), base_job_template: {} });
  const queue = await must("POST", "/work_pools/audited/queues", { name: "urgent", priority: 1 });
  await must("PATCH", "/work_pools/audited/queues/urgent", { is_paused: true });
  await must("PATCH", `/work_queues/${queue["id"]}`, { priority: 2, concurrency_limit: 4 });
  await must("DELETE", "/work_pools/audited/queues/urgent");
  await must("POST", "/work_pools/audited/workers/heartbeat", { name: "w" });
  const [worker] = (await must("POST", "/work_pools/audited/workers/filter", {})) as unknown as {
    id: string;
  }[];
  await must("DELETE", "/work_pools/audited/workers/w");
  await must("DELETE", "/work_pools/audited");
  const ofPool = await actsOn(pool["id"], 7);
  expect(ofPool.map(tell)).toMatchObject([
    ["work_pool.create", { type: { to: "process" }, is_paused: { to: false } }],
    ["work_pool.pause", { is_paused: { from: false, to: true } }],
    ["work_pool.resume", { is_paused: { from: true, to: false } }],
    ["work_pool.update", { concurrency_limit: { from: null, to: 3 } }],
    ["work_pool.update", { concurrency_limit: { from: 3, to: null } }],
    ["work_pool.update", { description: { to: `${"x".repeat(300)}…` }, base_job_template: {} }],
    ["work_pool.delete", { type: { from: "process" } }],
  ]);
  expect(ofPool[5]?.changes?.["base_job_template"]).toEqual({});
  expect((await actsOn(queue["id"], 4)).map(tell)).toMatchObject([
    ["work_queue.create", { name: { to: "urgent" }, priority: { to: 1 } }],
    ["work_queue.pause", { is_paused: { from: false, to: true } }],
    ["work_queue.update", { priority: { from: 1, to: 2 }, concurrency_limit: { from: null, to: 4 } }],
    ["work_queue.delete", { name: { from: "urgent" } }],
  ]);
  expect(await actsOn(worker?.id ?? "", 1)).toMatchObject([
    { act: "worker.delete", target: { kind: "worker", name: "audited/w" } },
  ]);
});

/** A deployment in a pool of its own, and runs of it. */
async function makeRuns(pool: string, count: number) {
  await send("POST", "/work_pools/", { name: pool, type: "process" });
  const flow = await must("POST", "/flows/", { name: pool });
  const { id } = await must("POST", "/deployments/", {
    name: pool,
    flow_id: flow["id"],
    work_pool_name: pool,
  });
  const runs: string[] = [];
  for (let index = 0; index < count; index += 1)
    runs.push((await must("POST", `/deployments/${id}/create_flow_run`, {}))["id"]);
  return runs;
}
const setState = (id: string, type: string, more: object = {}, headers?: Record<string, string>) =>
  must("POST", `/flow_runs/${id}/set_state`, { state: { type, ...more } }, headers);
const force = (id: string, type: string) =>
  must("POST", `/flow_runs/${id}/set_state`, { state: { type }, force: true });

test("acts on runs: cancel, retry, force, resume, delete, one by one and in bulk", async () => {
  const [waiting = "", running = "", paused = "", ...many] = await makeRuns("acts-on-runs", 5);
  await setState(waiting, "CANCELLING", { message: "wrong parameters" });
  await setState(waiting, "SCHEDULED", { name: "AwaitingRetry" });
  await setState(running, "PENDING");
  await setState(running, "RUNNING");
  await setState(running, "CANCELLING");
  await force(running, "CANCELLED");
  await force(running, "COMPLETED");
  await must("DELETE", `/flow_runs/${running}`);
  await setState(paused, "PENDING");
  await setState(paused, "RUNNING");
  await setState(paused, "PAUSED", { state_details: { pause_reschedule: true } });
  await must("POST", `/flow_runs/${paused}/resume`, {});
  await must("POST", "/flow_runs/bulk_set_state", {
    flow_runs: { id: { any_: many } },
    state: { type: "CANCELLING" },
  });
  await must("POST", "/flow_runs/bulk_delete", { flow_runs: { id: { any_: many } } });
  expect((await actsOn(waiting, 2)).map(tell)).toEqual([
    [
      "flow_run.cancel",
      { state: { from: "Scheduled", to: "Cancelled" }, message: { to: "wrong parameters" } },
    ],
    ["flow_run.retry", { state: { from: "Cancelled", to: "AwaitingRetry" } }],
  ]);
  expect((await actsOn(running, 3)).map(tell)).toEqual([
    ["flow_run.cancel", { state: { from: "Running", to: "Cancelling" } }],
    ["flow_run.set_state", { state: { from: "Cancelled", to: "Completed" } }],
    ["flow_run.delete", { state: { from: "Completed" } }],
  ]);
  expect((await actsOn(paused, 1)).map(tell)).toEqual([
    ["flow_run.resume", { state: { from: "Paused", to: "Resuming" } }],
  ]);
  for (const id of many)
    expect((await actsOn(id, 2)).map(({ act }) => act)).toEqual(["flow_run.cancel", "flow_run.delete"]);
});

test("a deployment that a person runs is told once; what programs and runs make is not", async () => {
  await must("POST", "/work_pools/", { name: "acts-of-runs", type: "process" });
  const flow = await must("POST", "/flows/", { name: "acts-of-runs" });
  const { id } = (await must("POST", "/deployments/", {
    name: "nightly",
    flow_id: flow.id,
    work_pool_name: "acts-of-runs",
  })) as { id: string };
  const run = (who: string, more: object = {}, headers: Record<string, string> = {}) =>
    must("POST", `/deployments/${id}/create_flow_run`, more, { "user-agent": who, ...headers });
  const named = { name: "by-hand", parameters: { image_id: 3 }, idempotency_key: "once" };
  await run("sluice-cli alice@head", named);
  await run("sluice-cli alice@head", named);
  await run("prefect/3.9.1 (API 0.8.4)");
  await run("sluice-client");
  const identity = formatRunIdentity({ flow_run_id: id, attempt_id: id, fence: 1 });
  await run("sluice-cli alice@head", {}, { [RUN_IDENTITY_HEADER]: identity });
  await run("Mozilla/5.0", { name: "by-mouse" });
  const acts = (await actsOn(id, 3)).filter(({ act }) => act === "deployment.run");
  expect(acts.map(({ actor, target, changes }) => [actor, target.name, changes])).toEqual([
    ["sluice-cli alice@head", "nightly", { run: { to: "by-hand" }, parameters: { to: ["image_id"] } }],
    ["Mozilla/5.0", "nightly", { run: { to: "by-mouse" } }],
  ]);
});

test("acts on a deployment and its schedules are told with what changed; what changed nothing is not", async () => {
  const flow = await must("POST", "/flows/", { name: "acts-of-catalog" });
  const draft = { name: "nightly", flow_id: flow.id, tags: ["a"], entrypoint: "flow.py:main" };
  const { id } = (await must("POST", "/deployments/", draft)) as { id: string };
  await must("POST", "/deployments/", draft); // nothing to tell
  await must("POST", "/deployments/", { ...draft, tags: ["b"], parameters: { secret: 1 } });
  await must("PATCH", `/deployments/${id}`, { paused: true });
  const hourly = { interval: 3600, anchor_date: "2026-01-01T00:00:00Z", timezone: "UTC" };
  const [schedule] = (await must("POST", `/deployments/${id}/schedules`, [{ schedule: hourly }])) as {
    id: string;
    schedule: object;
  }[];
  const path = `/deployments/${id}/schedules/${schedule?.id}`;
  await must("PATCH", path, { active: false });
  await must("PATCH", path, { active: false }); // nothing to tell
  await must("PATCH", path, { active: true, max_scheduled_runs: 3 });
  await must("PATCH", path, { parameters: { secret: 2 } });
  await must("DELETE", path);
  const acts = await actsOn(id, 8);
  expect(new Set(acts.map(({ target }) => target.name))).toEqual(new Set(["nightly"]));
  const which = { schedule: { to: schedule?.schedule } };
  expect(acts.map(tell)).toEqual([
    [
      "deployment.create",
      {
        paused: { to: false },
        tags: { to: ["a"] },
        entrypoint: { to: "flow.py:main" },
        enforce_parameter_schema: { to: true },
      },
    ],
    ["deployment.update", { tags: { from: ["a"], to: ["b"] }, parameters: {} }],
    ["deployment.pause", { paused: { from: false, to: true } }],
    ["schedule.create", { ...which, active: { to: true } }],
    ["schedule.pause", { ...which, active: { from: true, to: false } }],
    [
      "schedule.update",
      { ...which, active: { from: false, to: true }, max_scheduled_runs: { from: null, to: 3 } },
    ],
    ["schedule.update", { ...which, parameters: {} }],
    [
      "schedule.delete",
      {
        schedule: { from: schedule?.schedule },
        active: { from: true },
        max_scheduled_runs: { from: 3 },
      },
    ],
  ]);
});

test("a run that waits goes before the others, which is told once; what does not wait is refused", async () => {
  await must("POST", "/work_pools/", { name: "moved", type: "process", concurrency_limit: 1 });
  const [running = "", first = "", second = ""] = await makeRuns("moved", 3);
  await setState(running, "PENDING");
  const path = (id: string) => `/flow_runs/${id}/to_front`;
  expect(await must("POST", path(second), {})).toEqual({
    line: { kind: "work_queue", name: "default" },
    passed: 1,
  });
  // Nobody is passed any more.
  expect(await must("POST", path(second), {})).toMatchObject({ passed: 0 });
  expect(await must("GET", `/flow_runs/${first}/why`)).toMatchObject({ reason: "pool_full", position: 2 });
  await setState(running, "COMPLETED");
  const body = { scheduled_before: new Date(Date.now() + 10_000).toISOString(), limit: 1 };
  expect(await must("POST", "/work_pools/moved/get_scheduled_flow_runs", body)).toMatchObject([
    { flow_run: { id: second } },
  ]);
  expect((await actsOn(second, 1)).map(tell)).toEqual([
    ["flow_run.to_front", { work_queue: { to: "default" }, passed: { to: 1 } }],
  ]);
  expect(await send("POST", path(running), {})).toMatchObject({
    status: 409,
    body: {
      detail: "This flow run has ended as Completed; only one that waits in a queue can go to its front.",
    },
  });
  expect(await send("POST", path(crypto.randomUUID()), {})).toMatchObject({ status: 404 });
});

test("what programs do is not told: no entry, and no row in the workspace", async () => {
  const [id = "", failing = ""] = await makeRuns("programs", 2);
  await must("POST", `${LIMITS}/`, { name: "programs", limit: 1 });
  const before = (await list({ limit: "1" }))[0]?.seq;
  const session_id = crypto.randomUUID();
  const beat = { name: "w", session_id, session_seconds: 60, limit: 1, attempt_ids: [] };
  await must("POST", "/work_pools/programs/workers/session", beat);
  const attempt_id = crypto.randomUUID();
  const { claims } = await must("POST", "/work_pools/programs/claim", {
    worker_name: "w",
    session_id,
    attempt_ids: [attempt_id],
  });
  const [{ fence, flow_run }] = claims;
  const run = { flow_run_id: flow_run.id as string, attempt_id, fence };
  const identity = { [RUN_IDENTITY_HEADER]: formatRunIdentity(run) };
  const workspace = await rowsOfWorkspace();
  const attempt = `/flow_runs/${run.flow_run_id}/attempts/${attempt_id}`;
  await must("POST", `${attempt}/start`, { fence, infrastructure_pid: "1", sets_own_state: true });
  await setState(run.flow_run_id, "RUNNING", {}, identity);
  const acquire = { names: ["programs"], request_id: "r" };
  const { lease_id } = await must("POST", `${LIMITS}/acquire`, acquire, identity);
  await must("POST", `${LIMITS}/leases/${lease_id}/renew`, {}, identity);
  await must("POST", `${LIMITS}/leases/${lease_id}/release`, {}, identity);
  await must("PATCH", `/flow_runs/${run.flow_run_id}`, { tags: ["x"] }, identity);
  await setState(run.flow_run_id, "COMPLETED", {}, identity);
  const other = [id, failing].find((each) => each !== run.flow_run_id) ?? "";
  // Prefect's engine and worker, which have no identity.
  await setState(other, "PENDING");
  await setState(other, "RUNNING");
  await force(other, "CRASHED");
  // A flow that acts on another run.
  await setState(other, "SCHEDULED", {}, identity);
  await setState(other, "CANCELLING", {}, identity);
  expect((await list({ limit: "1" }))[0]?.seq).toBe(before);
  expect(workspace().written).toBe(0);
});

test("the same request, and the same effect told twice, are one entry", async () => {
  const { id } = await must("POST", `${LIMITS}/`, { name: "twice", limit: 1 });
  const address = addressOfName("default", "limit", "twice");
  const execute = (request_id: string, update: object, target: AddressOf<"limit"> = address) =>
    (stubOf("limit", "twice") as unknown as ObjectRpc).execute({
      v: 1,
      address: target,
      actor: "alice",
      is_act: true,
      request_id,
      operation: "update",
      command: update,
    });
  await execute("same", { limit: 5 });
  await execute("same", { limit: 5 });
  await execute("same", { limit: 6 });
  const [, once] = await actsOn(id, 2);
  const workspace = env.WORKSPACE.getByName(
    formatAddress(addressOfWorkspace("default")),
  ) as unknown as ObjectRpc;
  const told = {
    at: 1,
    actor: "x",
    act: "limit.update",
    target: once?.target,
    changes: {},
    request_id: "same",
  };
  await workspace.execute({
    v: 1,
    address: addressOfWorkspace("default"),
    actor: "default/limit/x",
    request_id: "act:same",
    operation: "note_act",
    command: told,
  });
  expect((await actsOn(id, 2))[1]).toEqual(once);
  expect(once?.changes).toEqual({ limit: { from: 1, to: 5 } });
});

test("filters and pages, also over the catalog's entries", async () => {
  const { id } = await must(
    "POST",
    `${LIMITS}/`,
    { name: "pages", limit: 1 },
    { "user-agent": "sluice-cli bob@head" },
  );
  for (let limit = 2; limit <= 6; limit += 1) await must("PATCH", `${LIMITS}/pages`, { limit });
  await actsOn(id, 6);
  await must("POST", "/variables/", { name: "pages_of_mine", value: 1 });
  const first = await list({ target: id, limit: "4" });
  const rest = await list({ target: id, limit: "4", before_seq: String(first.at(-1)?.seq) });
  expect([...first, ...rest].map(({ changes }) => changes?.["limit"]?.to)).toEqual([6, 5, 4, 3, 2, 1]);
  expect((await list({ target: "PAGES" })).map(({ act }) => act)).toEqual([
    "variable.create",
    ...Array.from({ length: 5 }, () => "limit.update"),
    "limit.create",
  ]);
  expect((await list({ target: "pages", act: "limit.c" })).map(({ act }) => act)).toEqual(["limit.create"]);
  expect((await list({ actor: "BOB@" })).map(({ target }) => target.name)).toEqual(["pages"]);
  expect(await list({ target: id, since: new Date(Date.now() + 60_000).toISOString() })).toEqual([]);
  expect((await list({ target: id, since: first.at(-1)?.at ?? "" })).length).toBeLessThan(6);
  expect((await send("GET", "/audit?since=yesterday")).status).toBe(422);
  expect((await send("GET", "/audit?limit=0")).status).toBe(422);
});

test("an act adds two rows where it is done and three in the workspace", async () => {
  const [ours = "", theirs = ""] = await makeRuns("rows", 2);
  const identity = {
    [RUN_IDENTITY_HEADER]: formatRunIdentity({
      flow_run_id: crypto.randomUUID(),
      attempt_id: crypto.randomUUID(),
      fence: 1,
    }),
  };
  const pool = await countRows(stubOf("pool", "rows"));
  const workspace = await rowsOfWorkspace();
  // The first one also sets an alarm.
  await setState(theirs, "SCHEDULED", {}, identity);
  pool();
  await setState(theirs, "SCHEDULED", {}, identity);
  const byProgram = pool().written;
  expect(workspace().written).toBe(0);
  await setState(ours, "SCHEDULED");
  await actsOn(ours, 1);
  // Behind the turn that took the effect out of the outbox.
  await must("GET", "/work_pools/rows");
  expect({ pool: pool().written - byProgram, workspace: workspace().written }).toEqual({
    pool: 2,
    workspace: 3,
  });
});
