/**
 * What it costs on the edge, by the platform's prices of late 2026: requests, calls of objects and rows are counted as
 * they happen, printed and held to bounds. `npx vitest run --project objects test/objects/cost.test.ts`
 */
import { env, exports } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { addressOfName, addressOfWorkspace, formatAddress } from "../../src/contract/envelope.ts";
import { RUN_IDENTITY_HEADER } from "../../src/contract/headers.ts";
import { journalOfRun } from "../../src/contract/journals.ts";
import { formatRunIdentity } from "../../src/contract/wire/agents.ts";
import { startMeter, type Bill } from "./support/meter.ts";
import { passTime, settle } from "./support/pass-time.ts";
import { API, send } from "./support/send.ts";

/** Dollars for one of each, beyond what the base price has (source: the price lists of Workers and Durable Objects). */
const PRICES = {
  worker_requests: 0.3e-6,
  worker_cpu_ms: 0.02e-6,
  object_requests: 0.15e-6,
  /** 128 MB for a second. */
  object_seconds: 1.6e-6,
  rows_written: 1e-6,
};
/** Taken from the platform's side where nothing here can measure it: a call keeps an object awake until its write is out. */
const OBJECT_SECONDS_PER_CALL = 0.015;
const WORKER_CPU_MS_PER_REQUEST = 1;
/** So many frames that come in on an object's sockets are billed as one request. */
const FRAMES_PER_REQUEST = 20;
const MILLION = 1_000_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MONTH_HOURS = 30 * 24;
/** So many of a kind are counted together. */
const MANY = 20;

const readBill = startMeter();

function price({ requests, calls, frames, rows }: Bill): number {
  return (
    requests * (PRICES.worker_requests + WORKER_CPU_MS_PER_REQUEST * PRICES.worker_cpu_ms) +
    (calls + frames / FRAMES_PER_REQUEST) * PRICES.object_requests +
    (calls + frames) * OBJECT_SECONDS_PER_CALL * PRICES.object_seconds +
    rows * PRICES.rows_written
  );
}

function divide({ requests, calls, frames, rows }: Bill, by: number): Bill {
  return { requests: requests / by, calls: calls / by, frames: frames / by, rows: rows / by };
}

function add(left: Bill, right: Bill, times = 1): Bill {
  return {
    requests: left.requests + times * right.requests,
    calls: left.calls + times * right.calls,
    frames: left.frames + times * right.frames,
    rows: left.rows + times * right.rows,
  };
}

/** Prints what `times` of what was billed cost, and returns the dollars. */
function tell(what: string, bill: Bill, times: number): number {
  const dollars = price(bill) * times;
  const parts = Object.entries(bill).map(([name, count]) => `${Number(count.toFixed(2))} ${name}`);
  console.log(`${what}: $${dollars.toPrecision(3)} (${parts.join(", ")} each)`);
  return dollars;
}

async function must(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const answer = await send(method, path, body, headers);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.body as { [field: string]: unknown };
}

const limitNamed = (name: string) =>
  env.CONCURRENCY_LIMIT.getByName(formatAddress(addressOfName("default", "limit", name)));
const poolNamed = (name: string) =>
  env.WORK_POOL.getByName(formatAddress(addressOfName("default", "pool", name)));
const workspace = () => env.WORKSPACE.getByName(formatAddress(addressOfWorkspace("default")));

async function createLimit(name: string, limit: number): Promise<DurableObjectStub> {
  await must("POST", "/v2/concurrency_limits/", { name, limit });
  return limitNamed(name);
}

const acquire = (name: string, request_id: string) =>
  must("POST", "/v2/concurrency_limits/acquire", { names: [name], request_id });
const acquireAsPrefect = (name: string) =>
  must("POST", "/v2/concurrency_limits/increment-with-lease", {
    names: [name],
    slots: 1,
    mode: "concurrency",
    lease_duration: 300,
  });
const release = ({ lease_id }: { [field: string]: unknown }) =>
  must("POST", `/v2/concurrency_limits/leases/${String(lease_id)}/release`, {});

/**
 * What each of many costs, with what is left to do when it is long over. One goes before them, which finds things new.
 */
async function bill(
  stubs: () => DurableObjectStub[],
  act: (index: number) => Promise<unknown>,
  until_ms: number,
): Promise<Bill> {
  const play = async (indexes: readonly number[]) => {
    for (const index of indexes) await act(index);
    await settle(stubs());
    await passTime(stubs(), until_ms);
    return readBill();
  };
  await play([MANY]);
  return divide(await play(Array.from({ length: MANY }, (_, index) => index)), MANY);
}

afterEach(() => vi.useRealTimers());

test("a million acquires with their releases: a request id is remembered for ten minutes and then forgotten, and so is what a timeline shows of a lease without one", async () => {
  const limit = await createLimit("cost", 10);
  const ours = await bill(
    () => [limit],
    async (index) => release(await acquire("cost", `r${index}`)),
    HOUR_MS,
  );
  const asPrefect = async () => release(await acquireAsPrefect("cost"));
  const theirs = await bill(() => [limit], asPrefect, HOUR_MS);
  await must("GET", "/v2/concurrency_limits/cost/history");
  const looked = await bill(() => [limit], asPrefect, HOUR_MS);
  for (const { requests, calls } of [ours, theirs, looked]) {
    expect(requests).toBe(2);
    // The calls, and now and then an alarm.
    expect(calls).toBeGreaterThanOrEqual(2);
    expect(calls).toBeLessThan(2.3);
  }
  expectRows(ours, 5);
  expectRows(theirs, 2);
  expectRows(looked, 4);
  expectDollars(tell("a million pairs of our client", ours, MILLION), 6);
  expectDollars(tell("a million pairs of Prefect's", theirs, MILLION), 3);
  expectDollars(
    tell("a million pairs of Prefect's on a limit whose timeline is looked at", looked, MILLION),
    5,
  );
});

/** Says calls on the socket of a limit, one in a frame, as who is alone in its process. */
async function openCalls(name: string) {
  const { webSocket } = await exports.default.fetch(`${API}/v2/concurrency_limits/${name}/calls`, {
    headers: { upgrade: "websocket" },
  });
  const socket = webSocket ?? expect.fail("no socket");
  let heard: { [field: string]: unknown }[] = [];
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    ({ answers: heard } = JSON.parse(String(data)) as { answers: typeof heard });
  });
  let id = 0;
  return async (call: object) => {
    id += 1;
    socket.send(JSON.stringify({ calls: [{ id, ...call }] }));
    await expect.poll(() => heard.some((answer) => answer["id"] === id)).toBe(true);
    expect(heard).toMatchObject([{ ok: true }]);
    return heard[0]?.["value"] as { lease_id: string };
  };
}

test("a million acquires with their releases on the limit's socket: no request, and the same rows", async () => {
  const limit = await createLimit("often", 10);
  const call = await openCalls("often");
  const framed = await bill(
    () => [limit],
    async (index) => {
      const { lease_id } = await call({ acquire: { names: ["often"], request_id: `r${index}` } });
      await call({ release: { lease_id } });
    },
    // Before it is an hour old, when it would be closed.
    HOUR_MS / 2,
  );
  expect(framed).toMatchObject({ requests: 0, frames: 2 });
  expect(framed.calls).toBeLessThan(0.3);
  expectRows(framed, 5);
  expectDollars(tell("a million pairs of our client on a socket", framed, MILLION), 5);
});

/** Waits on a socket, behind somebody who leaves, and takes what is offered. */
async function waitOnSocket(name: string, request_id: string, leave: () => Promise<unknown>) {
  const { webSocket } = await exports.default.fetch(`${API}/v2/concurrency_limits/wait`, {
    headers: { upgrade: "websocket" },
  });
  const socket = webSocket ?? expect.fail("no socket");
  let heard: { [field: string]: unknown } = {};
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    heard = JSON.parse(String(data)) as typeof heard;
    if (heard["reason"] === "offered") socket.send(JSON.stringify({ type: "take" }));
  });
  socket.send(JSON.stringify({ type: "acquire", names: [name], request_id }));
  await expect.poll(() => heard["type"]).toBe("waiting");
  await leave();
  await expect.poll(() => heard["type"]).toBe("granted");
  socket.close();
  return heard;
}

test("a million waits in line on a socket", async () => {
  const limit = await createLimit("line", 1);
  const stubs = () => [limit];
  const pairs = await bill(stubs, async (index) => release(await acquire("line", `a${index}`)), HOUR_MS);
  const both = await bill(
    stubs,
    async (index) => {
      const first = await acquire("line", `b${index}`);
      await release(await waitOnSocket("line", `c${index}`, () => release(first)));
    },
    HOUR_MS,
  );
  const waits = add(both, pairs, -2);
  // The pair asks by an upgrade here; a frame takes what is offered.
  expect(waits).toMatchObject({ requests: 0, frames: 1 });
  expect(waits.calls).toBeLessThan(0.3);
  expectRows(waits, 5);
  expectDollars(tell("a million waits in line on a socket, besides the pairs", waits, MILLION), 5);
});

/** A pool with a deployment, and an agent that does what ours does for a run that comes alone (`test/e2e/requests-of-runs`). */
class Agent {
  readonly pool: string;
  readonly session_id = crypto.randomUUID();
  readonly journals = new Set<string>();
  #deployment_id = "";

  constructor(pool: string) {
    this.pool = pool;
  }

  async open(): Promise<void> {
    await must("POST", "/work_pools/", { name: this.pool, type: "process" });
    const { id } = await must("POST", "/flows/", { name: this.pool });
    const deployment = { name: this.pool, flow_id: id, work_pool_name: this.pool };
    this.#deployment_id = String((await must("POST", "/deployments/", deployment))["id"]);
    await this.beat();
  }

  get objects(): DurableObjectStub[] {
    const journals = [...this.journals].map((name) => env.RUN_JOURNAL.getByName(name));
    return [poolNamed(this.pool), workspace(), ...journals];
  }

  async beat(...attempt_ids: string[]): Promise<number> {
    const beat = { name: "w", session_id: this.session_id, session_seconds: 60, limit: 10, attempt_ids };
    const { idle_poll_seconds } = await must("POST", `/work_pools/${this.pool}/workers/session`, beat);
    return Number(idle_poll_seconds);
  }

  async claim() {
    const attempt_id = crypto.randomUUID();
    const { claims } = (await must("POST", `/work_pools/${this.pool}/claim`, {
      worker_name: "w",
      session_id: this.session_id,
      attempt_ids: [attempt_id],
    })) as { claims: { fence: number }[] };
    return { attempt_id, fence: claims[0]?.fence };
  }

  /** Submits a run and starts it; it says a line. */
  async start() {
    const run = await must("POST", `/deployments/${this.#deployment_id}/create_flow_run`, {});
    const flow_run_id = String(run["id"]);
    this.journals.add(formatAddress(journalOfRun("default", flow_run_id) ?? expect.fail("no journal")));
    const { attempt_id, fence = expect.fail("nothing was claimed") } = await this.claim();
    // There may be more; and what it knew of pool and deployment is too old.
    await this.claim();
    await must("GET", `/work_pools/${this.pool}`);
    await must("GET", `/deployments/${this.#deployment_id}`);
    const process = { fence, infrastructure_pid: "1", sets_own_state: false };
    await must("POST", `/flow_runs/${flow_run_id}/attempts/${attempt_id}/start`, process);
    const line = { name: "command", level: 20, message: "a line", timestamp: new Date().toISOString() };
    await must("POST", "/logs/", [{ ...line, flow_run_id, attempt_id, sequence: 1 }]);
    return { flow_run_id, attempt_id, fence };
  }

  async end({ flow_run_id, attempt_id, fence }: Awaited<ReturnType<Agent["start"]>>): Promise<void> {
    const exit = { fence, exit_code: 0, signal: null, outcome: "exited", sets_own_state: false };
    await must("POST", `/flow_runs/${flow_run_id}/attempts/${attempt_id}/end`, { ...exit, message: null });
    // It has room again.
    await this.claim();
  }
}

test("a million flow runs of a command, which move to their journal and are forgotten after a month, and what a slot for each costs besides", async () => {
  // Runs of two days have two journals, and what that costs is not told here.
  vi.useFakeTimers({ toFake: ["Date"], now: Math.ceil(Date.now() / DAY_MS) * DAY_MS + MINUTE_MS });
  const agent = new Agent("cost");
  await agent.open();
  const limit = await createLimit("slots", 10);
  const stubs = () => [limit, ...agent.objects];
  const play = async () => agent.end(await agent.start());
  const alone = await bill(stubs, play, 2 * HOUR_MS);
  await agent.beat();
  const withSlot = await bill(
    stubs,
    async (index) => {
      const run = await agent.start();
      const wanted = { names: ["slots"], request_id: `r${index}` };
      const identity = { [RUN_IDENTITY_HEADER]: formatRunIdentity(run) };
      await release(await must("POST", "/v2/concurrency_limits/acquire", wanted, identity));
      await agent.end(run);
    },
    2 * HOUR_MS,
  );
  await passTime(stubs(), 31 * DAY_MS);
  await settle([limit, poolNamed("cost")]);
  const forgotten = divide(readBill(), 2 * (MANY + 1));
  const run = add(alone, forgotten);
  expect(alone.requests).toBe(9);
  // With the creation the workspace is asked; in the end the run goes to its journal.
  expect(alone.calls).toBeGreaterThanOrEqual(11);
  expect(alone.calls).toBeLessThan(13);
  expectRows(run, 33);
  expectDollars(tell("a million flow runs", run, MILLION), 38);
  const slot = add(withSlot, alone, -1);
  // The pool is told of each.
  expectRows(slot, 13);
  expectDollars(tell("a slot for each of a million flow runs", slot, MILLION), 15);
});

test("an agent for a month: one that has nothing to do, and one that always has", async () => {
  const agent = new Agent("month");
  await agent.open();
  const pool = poolNamed("month");
  const { webSocket } = await exports.default.fetch(`${API}/work_pools/month/workers/w/socket`, {
    headers: { upgrade: "websocket" },
  });
  webSocket?.accept();
  // Its pings, which the platform answers, come by the clock that is moved on here.
  await runInDurableObject(pool, (_, state) => {
    Object.defineProperty(state, "getWebSocketAutoResponseTimestamp", { value: () => new Date() });
  });
  const live = async (seconds: number, act: () => Promise<unknown>) => {
    readBill();
    for (let at = 0; at < HOUR_MS; at += seconds * 1000) {
      await passTime([pool], seconds * 1000);
      await act();
    }
    return readBill();
  };
  await passTime([pool], HOUR_MS);
  const idle = await live(await agent.beat(), () => agent.claim());
  expect(idle).toEqual({ requests: 12, calls: 12, frames: 0, rows: 0 });
  expectDollars(tell("an idle agent for a month, by the hour", idle, MONTH_HOURS), 0.0043);

  const { attempt_id } = await agent.start();
  const busy = await live(31, () => agent.beat(attempt_id));
  expect(busy.requests).toBe(117);
  // A beat is a row, and so is the alarm of each session's end, which the next one puts off.
  expect(busy.rows).toBeGreaterThan(117);
  expect(busy.rows).toBeLessThan(2 * 117);
  expectDollars(tell("a busy agent for a month, by the hour", busy, MONTH_HOURS), 0.18);
  webSocket?.close();
});

test("an act is five rows besides what it does, and one more once the list is full", async () => {
  const limit = await createLimit("acts", 1);
  const stubs = () => [limit, workspace()];
  const resize = (index: number) => must("PATCH", "/v2/concurrency_limits/acts", { limit: 2 + index });
  const act = await bill(stubs, resize, 0);
  // The limit itself is a row.
  expectRows(act, 6);
  await runInDurableObject(workspace(), (_, { storage }) => {
    storage.sql.exec("UPDATE sqlite_sequence SET seq = 10000 WHERE name = 'audit'");
  });
  const full = await bill(stubs, (index) => resize(100 + index), 0);
  expectRows(full, 7);
});

/** What is told of rows elsewhere; now and then an alarm is one, too. */
function expectRows({ rows }: Bill, told: number): void {
  expect(Math.round(rows)).toBe(told);
}

/** What is told of costs elsewhere. */
function expectDollars(dollars: number, told: number): void {
  expect(dollars).toBeGreaterThan(told * 0.9);
  expect(dollars).toBeLessThan(told * 1.1);
}
