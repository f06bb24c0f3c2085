import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StartPace, type Turn } from "../../worker-agent/start-pace.ts";

const CORES = availableParallelism();

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Asks for so many turns; `started` is whose turn has come, in that order. */
function ask(pace: StartPace, count: number, signal = new AbortController().signal) {
  const started: { index: number; turn: Turn }[] = [];
  for (let index = 0; index < count; index += 1)
    void pace.turn(signal).then((turn) => started.push({ index, turn }));
  return started;
}
const indices = (started: readonly { index: number }[]) => started.map(({ index }) => index);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test("as many processes as there are processors start at once, the others in turn", async () => {
  const started = ask(new StartPace(), 3 * CORES);
  await vi.advanceTimersByTimeAsync(0);
  expect(indices(started)).toEqual(upTo(CORES));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(indices(started)).toEqual(upTo(3 * CORES));
});

test("a process that is over makes room at once, and only once", async () => {
  const started = ask(new StartPace(), 3 * CORES);
  await vi.advanceTimersByTimeAsync(0);
  started[0]?.turn.end();
  started[0]?.turn.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(indices(started)).toEqual(upTo(CORES + 1));
});

test("who is stopped waits no longer and takes no place", async () => {
  const pace = new StartPace();
  ask(pace, CORES);
  const stopping = new AbortController();
  const stopped = ask(pace, 1, stopping.signal);
  const next = ask(pace, 1);
  stopping.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect([stopped.length, next.length]).toEqual([1, 0]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(next.length).toBe(1);
});

/** Starts a process behind a shell, as the agent does, that computes for so long and then waits. */
async function startLoading(pace: StartPace, loadMs: number) {
  const turn = await pace.turn(new AbortController().signal);
  const script = `const until = performance.now() + ${loadMs};
    while (performance.now() < until);
    console.log("loaded");
    setInterval(() => {}, 1000);`;
  const child = spawn("/bin/sh", ["-c", '"$@"; exit', "shim", process.execPath, "-e", script], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("The process did not start.");
  turn.follow(pid);
  const loaded = once(child.stdout, "data").then(() => performance.now());
  return { loaded, [Symbol.dispose]: () => void process.kill(-pid, "SIGKILL") };
}

test.runIf(process.platform === "linux")(
  "a process that loads for longer keeps its turn until it has",
  { timeout: 20_000 },
  async () => {
    vi.useRealTimers();
    // However long the process itself takes to come up here.
    const pace = new StartPace(15_000);
    using stack = new DisposableStack();
    const loading = await Promise.all(upTo(CORES).map(() => startLoading(pace, 1000)));
    for (const process of loading) stack.use(process);
    const begun = pace.turn(new AbortController().signal).then(() => performance.now());
    const firstLoaded = await Promise.race(loading.map(({ loaded }) => loaded));
    expect(await begun).toBeGreaterThan(firstLoaded);
  },
);

test.runIf(process.platform === "linux")(
  "a process that computes on and on keeps nobody waiting for long",
  { timeout: 20_000 },
  async () => {
    vi.useRealTimers();
    const pace = new StartPace();
    using stack = new DisposableStack();
    const computing = await Promise.all(upTo(CORES).map(() => startLoading(pace, 60_000)));
    for (const process of computing) stack.use(process);
    const asked = performance.now();
    await pace.turn(new AbortController().signal);
    expect(performance.now() - asked).toBeLessThan(10_000);
  },
);
