/** What the agent does when the server, the network or its own process fails. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AttemptStart, Claim } from "../../src/contract/wire/agents.ts";
import { isGroupAlive } from "../../worker-agent/process-identity.ts";
import { watchLateness } from "../support/lateness.ts";
import {
  agentFor,
  agentProcessFor,
  command,
  fixture,
  heldRun,
  isAlive,
  makeFolder,
  pidOf,
  startPlane,
  until,
} from "./support.ts";

test("a claim whose answer was lost is repeated with the same ids, and its run runs once", async () => {
  const plane = await startPlane();
  const run = command(plane, ["echo", "once"]);
  const isClaim = ({ path }: { path: string }): boolean => path.endsWith("/claim");
  plane.fail(isClaim, "drop", 2);
  plane.fail(isClaim, 503);
  agentFor(plane, { limit: 2 });
  await plane.endOf(run);
  const ids = plane.calls
    .filter(({ path }) => path.endsWith("/claim"))
    .map(({ body }) => (body as Claim).attempt_ids.join());
  expect(new Set(ids.slice(0, 4)).size).toBe(1);
  expect(plane.attemptsOf(run)).toHaveLength(1);
  expect(plane.outputOf(run)).toEqual(["once"]);
});

test("an attempt that may have been claimed is named in the beat, so the server does not call it lost", async () => {
  const plane = await startPlane();
  command(plane, ["true"]);
  plane.expires_in_seconds = 0.4;
  plane.fail(({ path }) => path.endsWith("/claim"), "drop", 3);
  agentFor(plane, { limit: 1 });
  await plane.until("a beat with the claimed id", () => {
    const [id] = plane.attempts.keys();
    return id !== undefined && plane.beats.some((beat) => beat.attempt_ids?.includes(id));
  });
});

test("the result of a run that ends while the server is away arrives later, once", async () => {
  const plane = await startPlane();
  const { run, release } = heldRun(plane);
  const { lines } = agentFor(plane);
  const pid = await pidOf(plane, run);
  await plane.goAway();
  release(7);
  await until("the end of the process", () => !isAlive(pid));
  await until("a sentence about it", () => lines.some((line) => line.includes("kept until they arrive")));
  await plane.comeBack();
  const end = await plane.endOf(run);
  expect(end).toMatchObject({ exit_code: 7, outcome: "exited" });
  await plane.until("the folder of the run is let go", () => plane.beats.at(-1)?.attempt_ids !== undefined);
  expect(plane.attemptsOf(run)[0]?.ends).toHaveLength(1);
  expect(plane.outputOf(run).at(-1)).toBe("released");
});

test("a report whose answer was lost is sent again; one that is refused for good is let go", async () => {
  const plane = await startPlane();
  const first = command(plane, ["true"]);
  plane.fail(({ path }) => path.endsWith("/end"), "drop");
  const { agent } = agentFor(plane);
  await plane.until("both reports", () => plane.attemptsOf(first)[0]?.ends.length === 2);
  const second = command(plane, ["true"]);
  plane.fail(({ path }) => path.endsWith("/end"), 409);
  await plane.until("the refused report", () => plane.attemptsOf(second)[0]?.started !== undefined);
  agent.drain("The test drains");
  expect(await agent.done).toBe(0);
  expect(plane.attemptsOf(second)[0]?.ends).toEqual([]);
});

test("a cancelled run gets TERM, and its end says cancelled", async () => {
  const plane = await startPlane();
  const { run } = heldRun(plane);
  agentFor(plane);
  const pid = await pidOf(plane, run);
  await plane.until("the socket", () => plane.sockets.size === 1);
  plane.cancelling.add(run.id);
  plane.wake("cancel");
  expect(await plane.endOf(run)).toMatchObject({ outcome: "cancelled", signal: "SIGTERM" });
  expect(isGroupAlive(pid)).toBe(false);
});

test("a cancelled run that ignores TERM is killed after the grace, with all its processes", async () => {
  const plane = await startPlane();
  const run = command(plane, ["sh", fixture("ignore-term.sh")]);
  agentFor(plane, { graceSeconds: 0.3 });
  const pid = await pidOf(plane, run);
  await plane.until("its first line", () => plane.outputOf(run).length === 1);
  plane.cancelling.add(run.id);
  plane.wake("cancel");
  expect(await plane.endOf(run)).toMatchObject({ outcome: "cancelled", signal: "SIGKILL" });
  expect(isGroupAlive(pid)).toBe(false);
});

test("a run that is cancelled while its claim is being answered is not started", async () => {
  const plane = await startPlane();
  const gate = Promise.withResolvers<void>();
  plane.fail(({ path }) => path.endsWith("/claim"), { waitFor: gate.promise });
  const run = command(plane, ["echo", "must not run"]);
  agentFor(plane);
  await plane.until("the socket", () => plane.sockets.size === 1);
  await until("the claim", () => plane.countCalls("POST", /\/claim$/) === 1);
  plane.cancelling.add(run.id);
  const beats = plane.beats.length;
  plane.wake("cancel");
  // A claim that hangs holds up no cancel.
  await plane.until("a beat", () => plane.beats.length > beats);
  gate.resolve();
  expect(await plane.endOf(run)).toMatchObject({ outcome: "cancelled", exit_code: null });
  expect(plane.attemptsOf(run)[0]?.started).toBeUndefined();
});

test("a run that was cancelled and is retried runs again", async () => {
  const plane = await startPlane();
  const { run, release } = heldRun(plane);
  agentFor(plane);
  await pidOf(plane, run);
  await plane.until("the socket", () => plane.sockets.size === 1);
  plane.cancelling.add(run.id);
  plane.wake("cancel");
  expect(await plane.endOf(run)).toMatchObject({ outcome: "cancelled" });
  plane.cancelling.delete(run.id);
  release();
  plane.queue.push(run);
  plane.wake("run_ready");
  await plane.until("the second end", () => plane.attemptsOf(run)[1]?.ends.length === 1);
  expect(plane.attemptsOf(run)[1]?.ends[0]).toMatchObject({ outcome: "exited", exit_code: 0 });
});

test("an engine is told of its cancellation before it gets TERM, and of nothing else", async () => {
  const plane = await startPlane();
  const job = { entrypoint: "flow.py:main", job_variables: { command: `node ${fixture("engine.mjs")}` } };
  const cancelled = plane.addRun({}, job);
  const stopped = plane.addRun({}, job);
  const { agent } = agentFor(plane);
  const runs = [cancelled, stopped];
  await plane.until("both are connected", () => runs.every((run) => plane.outputOf(run).length === 1));
  plane.cancelling.add(cancelled.id);
  plane.wake("cancel");
  expect(await plane.endOf(cancelled)).toMatchObject({ outcome: "cancelled", sets_own_state: true });
  expect(plane.outputOf(cancelled)).toEqual(["connected", "TERM with intent cancel"]);
  agent.stop("The test stops");
  await plane.endOf(stopped);
  expect(plane.outputOf(stopped)).toEqual(["connected", "TERM with intent none"]);
});

test("when the server is silent for too long the children are gone before the session's deadline", async () => {
  const plane = await startPlane();
  plane.expires_in_seconds = 6;
  const runs = [heldRun(plane).run, command(plane, ["sh", fixture("ignore-term.sh")])];
  const { lines } = agentFor(plane);
  const pids = await Promise.all(runs.map((run) => pidOf(plane, run)));
  await plane.goAway();
  // The last beat was answered before this moment, so the session ends at the latest this long after it.
  const deadline = performance.now() + 6000;
  using lateness = watchLateness();
  await until("both groups are gone", () => pids.every((pid) => !isGroupAlive(pid)));
  expect(performance.now() - lateness.ms).toBeLessThan(deadline);
  // By the agent: its watchdog would have seen to it, too.
  expect(lines.join("")).toMatch(/silent for too long: [12] running process/);
  await plane.comeBack();
  for (const run of runs) expect(await plane.endOf(run)).toMatchObject({ outcome: "lost" });
});

test("attempts that the server has given up on are stopped, without a report", async () => {
  const plane = await startPlane();
  const { run } = heldRun(plane);
  agentFor(plane);
  const pid = await pidOf(plane, run);
  await plane.until("the socket", () => plane.sockets.size === 1);
  plane.endedAttempts.add(plane.attemptsOf(run)[0]!.claim.attempt_id);
  plane.wake("attempt_ended");
  await until("the process is gone", () => !isGroupAlive(pid));
  const later = command(plane, ["true"]);
  await plane.endOf(later);
  expect(plane.attemptsOf(run)[0]?.ends).toEqual([]);
});

test("a process whose start the server refuses is stopped", async () => {
  const plane = await startPlane();
  const { run } = heldRun(plane);
  plane.fail(({ path }) => path.endsWith("/start"), 410);
  agentFor(plane);
  const find = (): number | undefined => {
    const call = plane.calls.find(({ path }) => path.endsWith("/start"));
    return call === undefined ? undefined : Number((call.body as AttemptStart).infrastructure_pid);
  };
  await plane.until("the start was refused", () => find() !== undefined);
  const pid = find() ?? 0;
  expect(pid).toBeGreaterThan(1);
  await until("the process is gone", () => !isGroupAlive(pid));
  const later = command(plane, ["true"]);
  await plane.endOf(later);
  expect(plane.attemptsOf(run)[0]?.ends).toEqual([]);
});

test("a claim that lapsed before the run could be prepared starts nothing", async () => {
  const plane = await startPlane();
  plane.start_within_seconds = 1;
  const gate = Promise.withResolvers<void>();
  const run = plane.addRun({}, { job_variables: { command: "echo too late" } });
  plane.fail(({ path }) => path.startsWith("/deployments/"), { waitFor: gate.promise });
  const { lines } = agentFor(plane, { limit: 1 });
  await plane.until("the claim", () => plane.attemptsOf(run).length === 1);
  setTimeout(() => gate.resolve(), 1100);
  await until("a sentence about it", () => lines.some((line) => line.includes("claim lapsed")));
  // It goes back to its queue at once.
  expect(await plane.endOf(run)).toMatchObject({ outcome: "not_started" });
  expect(plane.countCalls("POST", /\/start$/)).toBe(0);
});

test("a claim that lapsed while the server could not say how the run is to be started gives it back", async () => {
  const plane = await startPlane();
  plane.start_within_seconds = 1;
  const run = plane.addRun({}, { job_variables: { command: "echo too late" } });
  plane.fail(({ path }) => path.startsWith("/deployments/"), 503, Infinity);
  agentFor(plane, { limit: 1 });
  expect(await plane.endOf(run)).toMatchObject({ outcome: "not_started", exit_code: null });
  expect(plane.countCalls("POST", /\/start$/)).toBe(0);
});

test("a claim that is answered when the session is lost starts nothing", async () => {
  const plane = await startPlane();
  plane.expires_in_seconds = 1;
  const gate = Promise.withResolvers<void>();
  plane.fail(({ path }) => path.endsWith("/claim"), { waitFor: gate.promise });
  const { agent } = agentFor(plane, { healthcheckPort: 0 });
  await plane.until("the claim", () => plane.countCalls("POST", /\/claim$/) === 1);
  plane.fail(({ path }) => path.endsWith("/session"), 503, Infinity);
  const isHealthy = async () => (await fetch(`http://127.0.0.1:${agent.healthPort}/health`)).ok;
  const end = performance.now() + 40_000;
  while (await isHealthy()) expect(performance.now()).toBeLessThan(end);
  const run = command(plane, ["echo", "must not run"]);
  gate.resolve();
  expect(await plane.endOf(run)).toMatchObject({ outcome: "not_started" });
  expect(plane.countCalls("POST", /\/start$/)).toBe(0);
});

test("a process whose start nobody acknowledges is named in each beat, and gone before its claim could lapse", async () => {
  const plane = await startPlane();
  plane.expires_in_seconds = 3;
  const { run } = heldRun(plane);
  let isAway = true;
  plane.fail(({ path }) => isAway && path.endsWith("/start"), "reset", Infinity);
  agentFor(plane);
  const sent = () =>
    plane.calls.find(({ path }) => path.endsWith("/start"))?.body as AttemptStart | undefined;
  await until("the report of the start", () => sent() !== undefined);
  const pid = Number(sent()?.infrastructure_pid);
  const attemptId = plane.attemptsOf(run)[0]!.claim.attempt_id;
  // By this the server knows that the agent has it: nobody alive is stopped.
  const beats = plane.beats.length;
  await plane.until("two beats", () => plane.beats.length >= beats + 2);
  expect(plane.beats.slice(beats).every((beat) => beat.attempt_ids?.includes(attemptId))).toBe(true);
  expect(isGroupAlive(pid)).toBe(true);
  await plane.goAway();
  const deadline = performance.now() + 3000;
  using lateness = watchLateness();
  await until("the process is gone", () => !isGroupAlive(pid));
  expect(performance.now() - lateness.ms).toBeLessThan(deadline);
  isAway = false;
  await plane.comeBack();
  expect(await plane.endOf(run)).toMatchObject({ outcome: "lost" });
});

test("an agent that is killed leaves its processes working, and the next one takes them over", async () => {
  const plane = await startPlane();
  const stateDir = makeFolder();
  const first = heldRun(plane);
  const second = heldRun(plane);
  const one = agentProcessFor(plane, { stateDir });
  const pids = [await pidOf(plane, first.run), await pidOf(plane, second.run)];
  one.child.kill("SIGKILL");
  expect(await one.exited).toBe("SIGKILL");
  expect(pids.every(isAlive)).toBe(true);
  // One ends while nobody looks, the other later.
  second.release(5);
  await until("the end of the second process", () => !isAlive(pids[1] ?? 0));
  const beats = plane.beats.length;
  agentProcessFor(plane, { stateDir });
  expect(await plane.endOf(second.run)).toMatchObject({ exit_code: 5, outcome: "exited" });
  const attemptId = plane.attemptsOf(first.run)[0]?.claim.attempt_id;
  expect(plane.beats[beats]?.attempt_ids).toContain(attemptId);
  first.release(6);
  expect(await plane.endOf(first.run)).toMatchObject({ exit_code: 6, outcome: "exited" });
  expect(plane.outputOf(first.run)).toEqual([expect.stringMatching(/^waiting/), "released"]);
  expect(plane.outputOf(second.run)).toEqual([expect.stringMatching(/^waiting/), "released"]);
  expect(plane.attempts.size).toBe(2);
});

test("a process of which only its own pid file is known is taken over, a stranger with that pid is left alone", async () => {
  const plane = await startPlane();
  const stateDir = makeFolder();
  const { run, release } = heldRun(plane);
  const other = heldRun(plane);
  const one = agentProcessFor(plane, { stateDir });
  const pid = await pidOf(plane, run);
  await pidOf(plane, other.run);
  one.child.kill("SIGKILL");
  await one.exited;
  const folders = [run, other.run].map((run) =>
    join(stateDir, "runs", plane.attemptsOf(run)[0]!.claim.attempt_id),
  );
  for (const folder of folders) {
    const file = join(folder, "attempt.json");
    const record = JSON.parse(readFileSync(file, "utf8")) as object;
    writeFileSync(file, JSON.stringify({ ...record, pgid: null, start_mark: null }));
  }
  // As if the pid of the second run had gone to the first one's process.
  writeFileSync(join(folders[1] ?? "", "pid"), `${pid}\n`);
  agentProcessFor(plane, { stateDir });
  expect(await plane.endOf(other.run)).toMatchObject({ outcome: "lost" });
  expect(isAlive(pid)).toBe(true);
  release(3);
  expect(await plane.endOf(run)).toMatchObject({ exit_code: 3, outcome: "exited" });
});

test("a run whose process and shim were killed while no agent looked is reported as lost", async () => {
  const plane = await startPlane();
  const stateDir = makeFolder();
  const { run } = heldRun(plane);
  const one = agentProcessFor(plane, { stateDir });
  const pid = await pidOf(plane, run);
  one.child.kill("SIGKILL");
  await one.exited;
  process.kill(-pid, "SIGKILL");
  await until("the end of the process", () => !isGroupAlive(pid));
  agentProcessFor(plane, { stateDir });
  expect(await plane.endOf(run)).toMatchObject({ exit_code: null, outcome: "lost" });
});

test("a result that was not delivered before the agent was killed is delivered by the next one", async () => {
  const plane = await startPlane();
  const stateDir = makeFolder();
  const { run, release } = heldRun(plane);
  const one = agentProcessFor(plane, { stateDir });
  const pid = await pidOf(plane, run);
  await plane.goAway();
  release(4);
  await until("the end of the process", () => !isAlive(pid));
  await until("a sentence about it", () => one.lines().includes("ended: exit code 4"));
  one.child.kill("SIGKILL");
  await one.exited;
  await plane.comeBack();
  agentProcessFor(plane, { stateDir });
  expect(await plane.endOf(run)).toMatchObject({ exit_code: 4, outcome: "exited" });
  expect(plane.outputOf(run)).toEqual([expect.stringMatching(/^waiting/), "released"]);
});
