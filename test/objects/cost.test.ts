/**
 * What it costs on the edge: rows as the platform counts them and requests as they are made, by its prices of late 2026,
 * printed and held to a bound. `npx vitest run --project objects test/objects/cost.test.ts`
 */
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { addressOfName, addressOfWorkspace, formatAddress } from "../../src/contract/envelope.ts";
import { journalOfRun } from "../../src/contract/journals.ts";
import { countRows } from "./support/rows.ts";
import { send } from "./support/send.ts";

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
const MILLION = 1_000_000;
const MONTH_SECONDS = 30 * 86_400;

interface Meter {
  /** HTTP calls: each is one request of the Worker. */
  requests: number;
  /** Calls of objects, alarms among them. */
  calls: number;
  rows: number;
}

function price({ requests, calls, rows }: Meter): number {
  return (
    requests * (PRICES.worker_requests + WORKER_CPU_MS_PER_REQUEST * PRICES.worker_cpu_ms) +
    calls * (PRICES.object_requests + OBJECT_SECONDS_PER_CALL * PRICES.object_seconds) +
    rows * PRICES.rows_written
  );
}

function tell(what: string, meter: Meter, times: number): number {
  const dollars = price(meter) * times;
  const { requests, calls, rows } = meter;
  console.log(
    `${what}: $${dollars.toPrecision(3)} (${requests} requests, ${calls} object calls, ${rows} rows each)`,
  );
  return dollars;
}

async function must(method: string, path: string, body?: unknown): Promise<{ [field: string]: unknown }> {
  const answer = await send(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.body as { [field: string]: unknown };
}

test("a million acquires with their releases", async () => {
  await must("POST", "/v2/concurrency_limits/", { name: "cost", limit: 10 });
  const count = await countRows(
    env.CONCURRENCY_LIMIT.getByName(formatAddress(addressOfName("default", "limit", "cost"))),
  );
  const pairs = 20;
  const prefect = { names: ["cost"], slots: 1, mode: "concurrency", lease_duration: 300 };
  const measure = async (acquire: (index: number) => Promise<{ [field: string]: unknown }>) => {
    count();
    for (let index = 0; index < pairs; index += 1) {
      const { lease_id } = await acquire(index);
      await must("POST", `/v2/concurrency_limits/leases/${String(lease_id)}/release`, {});
    }
    return { requests: 2, calls: 2, rows: count().written / pairs };
  };
  const ours = await measure((index) =>
    must("POST", "/v2/concurrency_limits/acquire", { names: ["cost"], request_id: `r${index}` }),
  );
  const theirs = await measure(() => must("POST", "/v2/concurrency_limits/increment-with-lease", prefect));
  expect(tell("a million pairs of our client", ours, MILLION)).toBeLessThan(6);
  expect(tell("a million pairs of Prefect's", theirs, MILLION)).toBeLessThan(4);
});

test("a million flow runs of a command, and an idle agent", async () => {
  const pool = formatAddress(addressOfName("default", "pool", "cost"));
  await must("POST", "/work_pools/", { name: "cost", type: "process" });
  const flow = await must("POST", "/flows/", { name: "cost" });
  const deployment = await must("POST", "/deployments/", {
    name: "cost",
    flow_id: flow["id"],
    work_pool_name: "cost",
  });
  const session_id = crypto.randomUUID();
  const beat = { name: "w", session_id, session_seconds: 60, limit: 10, attempt_ids: [] };
  const { idle_poll_seconds } = await must("POST", "/work_pools/cost/workers/session", beat);
  const counts = [
    await countRows(env.WORK_POOL.getByName(pool)),
    await countRows(env.WORKSPACE.getByName(formatAddress(addressOfWorkspace("default")))),
  ];
  const rowsOf = () => counts.reduce((sum, count) => sum + count().written, 0);
  const runs = 10;
  let journal: (() => { written: number }) | undefined;
  rowsOf();
  const measured: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    const run = await must("POST", `/deployments/${String(deployment["id"])}/create_flow_run`, {});
    const id = String(run["id"]);
    const attempt_id = crypto.randomUUID();
    const claim = { worker_name: "w", session_id, attempt_ids: [attempt_id] };
    const { claims } = (await must("POST", "/work_pools/cost/claim", claim)) as {
      claims: { fence: number }[];
    };
    const { fence } = claims[0] ?? expect.fail("nothing was claimed");
    const attempt = `/flow_runs/${id}/attempts/${attempt_id}`;
    await must("POST", `${attempt}/start`, { fence, infrastructure_pid: "1", sets_own_state: false });
    const log = { name: "command", level: 20, message: "a line", timestamp: new Date().toISOString() };
    await must("POST", "/logs/", [{ ...log, flow_run_id: id, attempt_id, sequence: 1 }]);
    const end = {
      fence,
      exit_code: 0,
      signal: null,
      outcome: "exited",
      sets_own_state: false,
      message: null,
    };
    await must("POST", `${attempt}/end`, end);
    // The journal of the day exists from the first log on.
    const address = journalOfRun("default", id) ?? expect.fail("no journal");
    const isCounted = journal !== undefined;
    journal ??= await countRows(env.RUN_JOURNAL.getByName(formatAddress(address)));
    const rows = rowsOf() + journal().written;
    if (isCounted) measured.push(rows);
  }
  const rows = measured.reduce((sum, one) => sum + one, 0) / measured.length;
  // Create, claim, start, logs, end; the creation also asks the workspace.
  const run = { requests: 5, calls: 6, rows };
  expect(tell("a million flow runs", run, MILLION)).toBeLessThan(30);

  rowsOf();
  const nothing = { worker_name: "w", session_id, attempt_ids: [crypto.randomUUID()] };
  await must("POST", "/work_pools/cost/claim", nothing);
  const look = { requests: 1, calls: 1, rows: rowsOf() };
  const looks = MONTH_SECONDS / Number(idle_poll_seconds);
  expect(
    tell(`an idle agent for a month, a look each ${String(idle_poll_seconds)} s`, look, looks),
  ).toBeLessThan(0.01);

  await must("POST", "/work_pools/cost/workers/session", { ...beat, limit: 11 });
  const one = { requests: 1, calls: 1, rows: rowsOf() };
  const beats = MONTH_SECONDS / 31;
  expect(tell("a busy agent's beats for a month, one each half minute", one, beats)).toBeLessThan(0.5);
});
