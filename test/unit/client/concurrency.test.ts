import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test, vi } from "vitest";
import {
  concurrency,
  ConcurrencyTimeoutError,
  createClient,
  LeaseLostError,
  LimitMissingError,
  rateLimit,
} from "../../../src/client/index.ts";
import { watchLateness } from "../../support/lateness.ts";
import { startScriptedServer, type ScriptedAnswer, type SeenRequest } from "./scripted-server.ts";

const ACQUIRE = "/api/v2/concurrency_limits/acquire";
const WITHDRAW = "/api/v2/concurrency_limits/withdraw";
const RELEASE = "/api/v2/concurrency_limits/decrement-with-lease";
/** Long enough for a thread to start on a machine that has other things to do. */
const LEASE_SECONDS = 4;
const LEASE_ID = "0193f3e1-0000-8000-8000-000000000001";

function grant(expires_in_seconds = 60, names = ["gpu"]): ScriptedAnswer {
  return {
    status: 200,
    body: {
      status: "granted",
      lease_id: LEASE_ID,
      limits: names.map((name) => ({ id: LEASE_ID, name, limit: 1, fence: 7, slot_names: ["GPU-a"] })),
      fence: 7,
      expires_in_seconds,
    },
  };
}

function waiting(reason = "full"): ScriptedAnswer {
  return {
    status: 200,
    body: {
      status: "waiting",
      reason,
      blocking_limit: "gpu",
      position: 3,
      blockers: [],
      estimated_seconds: null,
      retry_after_seconds: 0.01,
    },
  };
}

function renewed(seconds: number): ScriptedAnswer {
  return { status: 204, headers: { "sluice-expires-in-seconds": String(seconds) } };
}

type Route = (request: SeenRequest, index: number) => ScriptedAnswer | Promise<ScriptedAnswer>;

/** Answers by path; what a test does not care about succeeds. */
function answerBy(routes: Record<string, Route>) {
  const counts = new Map<string, number>();
  return (request: SeenRequest): ReturnType<Route> => {
    const index = counts.get(request.path) ?? 0;
    counts.set(request.path, index + 1);
    const route = Object.entries(routes).find(([path]) => request.path.endsWith(path));
    if (route !== undefined) return route[1](request, index);
    return request.path.endsWith("/renew") ? renewed(60) : { status: 204 };
  };
}

function requestIds(requests: SeenRequest[], path: string): unknown[] {
  return requests
    .filter((request) => request.path === path)
    .map(({ body }) => (body as { request_id: string }).request_id);
}

test("a free slot takes one request; it is given back when the body ends, also by an error", async () => {
  await using server = await startScriptedServer(answerBy({ acquire: () => grant() }));
  const client = createClient({ apiUrl: server.apiUrl });
  const seen = await concurrency("gpu", { client }, (lease) => ({
    fence: lease.fence,
    slots: lease.slotNames,
    isAborted: lease.signal.aborted,
  }));
  expect(seen).toEqual({ fence: 7, slots: ["GPU-a"], isAborted: false });
  const failure = new Error("out of memory");
  await expect(
    concurrency("gpu", { client }, () => {
      throw failure;
    }),
  ).rejects.toBe(failure);
  {
    await using lease = await concurrency("gpu", { client, occupy: 2 });
    expect(lease.isLost).toBe(false);
  }
  expect(server.requests.map(({ path }) => path)).toEqual(
    Array.from({ length: 3 }, () => [ACQUIRE, RELEASE]).flat(),
  );
  expect(server.requests[4]?.body).toMatchObject({ names: ["gpu"], slots: 2, wait_seconds: 0 });
});

describe("where no socket can be opened", () => {
  test("held requests keep one place in line, and an offer is taken at once", async () => {
    await using server = await startScriptedServer(
      answerBy({
        acquire: (_, index) => (index < 3 ? waiting() : index === 3 ? waiting("offered") : grant()),
      }),
    );
    const told = vi.fn();
    await concurrency(
      "gpu",
      { client: createClient({ apiUrl: server.apiUrl }), onWaiting: told },
      () => undefined,
    );
    expect(new Set(requestIds(server.requests, ACQUIRE)).size).toBe(1);
    expect(requestIds(server.requests, ACQUIRE)).toHaveLength(5);
    expect(told).toHaveBeenCalledTimes(4);
  });

  test("a timeout gives up the place in line and says where it was", async () => {
    await using server = await startScriptedServer(answerBy({ acquire: () => waiting() }));
    const client = createClient({ apiUrl: server.apiUrl });
    const call = concurrency("gpu", { client, timeoutSeconds: 0 });
    await expect(call).rejects.toThrow(ConcurrencyTimeoutError);
    await expect(call).rejects.toThrow("The place in line was 3.");
    expect(requestIds(server.requests, WITHDRAW)).toEqual(requestIds(server.requests, ACQUIRE).slice(0, 1));
  });

  test("a timeout of more days than a timer can count is no shorter for it", async () => {
    const turns = [waiting(), waiting(), grant()];
    await using server = await startScriptedServer(answerBy({ acquire: () => turns.shift() ?? grant() }));
    const client = createClient({ apiUrl: server.apiUrl });
    const days30 = 30 * 86_400;
    expect(await concurrency("gpu", { client, timeoutSeconds: days30 }, () => "a turn")).toBe("a turn");
  });

  test("a caller's signal gives up too, with its own reason", async () => {
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    await using server = await startScriptedServer(answerBy({ acquire: () => waiting() }));
    const call = concurrency("gpu", {
      client: createClient({ apiUrl: server.apiUrl }),
      signal: controller.signal,
      onWaiting: () => controller.abort(reason),
    });
    await expect(call).rejects.toBe(reason);
    expect(requestIds(server.requests, WITHDRAW)).toHaveLength(1);
  });
});

test("a request id whose grant has ended is never used again", async () => {
  await using server = await startScriptedServer(
    answerBy({
      acquire: (_, index) =>
        index === 0 ? { status: 410, body: { detail: "The lease of this request has ended." } } : grant(),
    }),
  );
  await concurrency("gpu", { client: createClient({ apiUrl: server.apiUrl }) }, () => undefined);
  expect(new Set(requestIds(server.requests, ACQUIRE)).size).toBe(2);
});

test("a name that no limit has: warned of once, an error when strict", async () => {
  const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  await using server = await startScriptedServer(answerBy({ acquire: () => grant(60, []) }));
  const client = createClient({ apiUrl: server.apiUrl });
  for (let round = 0; round < 2; round += 1)
    expect(await concurrency("nobody-made-this", { client }, () => "done")).toBe("done");
  expect(warn).toHaveBeenCalledTimes(1);
  expect(String(warn.mock.calls[0]?.[0])).toContain("sluice gcl create nobody-made-this");
  await expect(concurrency("nobody-made-this", { client, strict: true })).rejects.toThrow(LimitMissingError);
  await expect(rateLimit("nobody-made-this", { client, strict: true })).rejects.toThrow(LimitMissingError);
  warn.mockRestore();
});

test(
  "a lease that the server ends aborts the signal; strict, the result is an error",
  { timeout: 20_000 },
  async () => {
    await using server = await startScriptedServer(
      answerBy({
        acquire: () => grant(LEASE_SECONDS),
        renew: () => ({ status: 410, body: { detail: "Lease not found" } }),
      }),
    );
    const client = createClient({ apiUrl: server.apiUrl });
    const untilLost = (lease: { signal: AbortSignal }) =>
      new Promise<string>((resolve) =>
        lease.signal.addEventListener("abort", () => resolve((lease.signal.reason as Error).message)),
      );
    expect(await concurrency("gpu", { client, leaseSeconds: LEASE_SECONDS }, untilLost)).toContain(
      "ended by the server",
    );
    await expect(
      concurrency("gpu", { client, leaseSeconds: LEASE_SECONDS, strict: true }, untilLost),
    ).rejects.toThrow(LeaseLostError);
  },
);

test("a lease that cannot be renewed is given up before its deadline", async () => {
  await using server = await startScriptedServer(
    answerBy({ acquire: () => grant(LEASE_SECONDS), renew: () => ({ status: 503 }) }),
  );
  using lateness = watchLateness();
  const startedAt = performance.now();
  const client = createClient({ apiUrl: server.apiUrl });
  const lostAfterMs = await concurrency("gpu", { client, leaseSeconds: LEASE_SECONDS }, async (lease) => {
    await new Promise<void>((resolve) => lease.signal.addEventListener("abort", () => resolve()));
    return performance.now() - startedAt;
  });
  expect(lostAfterMs - lateness.ms).toBeLessThan(LEASE_SECONDS * 1000);
  expect(server.requests.filter(({ path }) => path.endsWith("/renew")).length).toBeGreaterThan(1);
});

test("a renewal whose answer took its time lasts from when it was sent", async () => {
  const leaseSeconds = 4;
  let renewedAt: number | undefined;
  await using server = await startScriptedServer(
    answerBy({
      acquire: () => grant(leaseSeconds),
      renew: async () => {
        if (renewedAt !== undefined) return { status: 503 };
        renewedAt = performance.now();
        await new Promise((resolve) => setTimeout(resolve, 1000));
        return renewed(leaseSeconds);
      },
    }),
  );
  using lateness = watchLateness();
  const client = createClient({ apiUrl: server.apiUrl });
  const lostAt = await concurrency("gpu", { client, leaseSeconds }, async (lease) => {
    await new Promise<void>((resolve) => lease.signal.addEventListener("abort", () => resolve()));
    return performance.now();
  });
  expect(lostAt - (renewedAt ?? Infinity) - lateness.ms).toBeLessThan(leaseSeconds * 1000);
});

describe("a process whose event loop is busy", () => {
  const fixture = fileURLToPath(new URL("../../fixtures/busy-holder.ts", import.meta.url));
  async function hold(apiUrl: string, ...args: string[]): Promise<unknown> {
    return run([fixture, ...args], apiUrl);
  }
  async function run(words: string[], apiUrl: string): Promise<unknown> {
    const { stdout } = await promisify(execFile)(process.execPath, words, {
      env: { ...process.env, SLUICE_API_URL: apiUrl },
    });
    return JSON.parse(stdout);
  }

  test("keeps its lease for longer than the lease lasts", async () => {
    // Long enough for the thread to start beside the busy one on a machine that has much else to do.
    await using server = await startScriptedServer(
      answerBy({ acquire: () => grant(5), renew: () => renewed(5) }),
    );
    expect(await hold(server.apiUrl, "5", "8000", "0")).toEqual({ wasAborted: false });
    expect(server.requests.filter(({ path }) => path.endsWith("/renew")).length).toBeGreaterThanOrEqual(2);
    expect(server.requests.at(-1)?.path).toBe(RELEASE);
  });

  test("is told of a loss as soon as it looks", async () => {
    // The grant lasts for longer than the process is busy: only the thread can know that it is lost. It asks 5 s after
    // the grant, with time to start before, and for the answer after.
    await using server = await startScriptedServer(
      answerBy({ acquire: () => grant(8), renew: () => ({ status: 410 }) }),
    );
    expect(await hold(server.apiUrl, "6", "7000", "0")).toEqual({ wasAborted: true });
    expect(await hold(server.apiUrl, "6", "7000", "0", "strict")).toEqual({ error: "LeaseLostError" });
  });

  test("renews by itself where no thread may be started", async () => {
    await using server = await startScriptedServer(
      answerBy({ acquire: () => grant(LEASE_SECONDS), renew: () => renewed(LEASE_SECONDS) }),
    );
    // Node's permission model forbids threads; a loop that is not busy then renews as well.
    const words = ["--permission", "--allow-fs-read=*", fixture, String(LEASE_SECONDS), "0", "8000"];
    expect(await run(words, server.apiUrl)).toEqual({ wasAborted: false });
    expect(server.requests.filter(({ path }) => path.endsWith("/renew")).length).toBeGreaterThanOrEqual(2);
  });
});

test("a process outside of runs says who it is, unless the caller says something better", async () => {
  await using server = await startScriptedServer(answerBy({ acquire: () => grant() }));
  const client = createClient({ apiUrl: server.apiUrl });
  await concurrency("gpu", { client }, () => undefined);
  await concurrency("gpu", { client, note: "training" }, () => undefined);
  const notes = server.requests
    .filter(({ path }) => path === ACQUIRE)
    .map(({ body }) => (body as { note: string }).note);
  expect(notes).toEqual([expect.stringContaining(`pid ${process.pid} on `), "training"]);
});

test("a body may stand where options are left out", async () => {
  await using server = await startScriptedServer(answerBy({ acquire: () => grant() }));
  vi.stubEnv("SLUICE_API_URL", server.apiUrl);
  try {
    expect(await concurrency("gpu", ({ fence }) => fence)).toBe(7);
  } finally {
    vi.unstubAllEnvs();
  }
  expect(server.requests.map(({ path }) => path)).toContain(RELEASE);
});

test.each<[string, unknown, unknown, string]>([
  ["an unknown option", { ocupy: 2 }, undefined, "concurrency() has no option ocupy; it has occupy"],
  ["a value of the wrong kind", { occupy: "2" }, undefined, 'wants a whole number from 1, not "2"'],
  [
    "a controller for its signal",
    { signal: new AbortController() },
    undefined,
    "signal of concurrency() wants an AbortSignal",
  ],
  ["a time in the past", { timeoutSeconds: -1 }, undefined, "timeoutSeconds of concurrency() wants a number"],
  ["a number for all options", 7, undefined, "wants its options as an object"],
  ["null for all options", null, undefined, "wants its options as an object"],
  ["a body that cannot be run", {}, "infer", "wants a function to run"],
])("%s is refused before anything is sent", async (_, options, body, sentence) => {
  // As plain JavaScript calls it, where no type is in the way.
  const call = concurrency as (...given: unknown[]) => Promise<unknown>;
  const refusal = await call("gpu", options, body).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(TypeError);
  expect((refusal as TypeError).message).toContain(sentence);
});
