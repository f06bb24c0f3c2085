/** Starting and leaving: refusals, draining, signals, one agent per folder. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { isGroupAlive } from "../../worker-agent/process-identity.ts";
import { openStateFolder } from "../../worker-agent/state-folder.ts";
import {
  agentFor,
  agentProcessFor,
  command,
  fixture,
  heldRun,
  makeFolder,
  isAlive,
  pidOf,
  startPlane,
  until,
} from "./support.ts";

const isBeat = ({ path }: { path: string }): boolean => path.endsWith("/workers/session");

test("the first signal drains: no more claims, what runs runs on, then goodbye and exit 0", async () => {
  const plane = await startPlane();
  const { run, release } = heldRun(plane);
  const agent = agentProcessFor(plane, { limit: 2 });
  await pidOf(plane, run);
  agent.child.kill("SIGINT");
  await until("a sentence about it", () => agent.lines().includes("no more runs are claimed"));
  const later = command(plane, ["true"]);
  release();
  expect(await agent.exited).toBe(0);
  expect(await plane.endOf(run)).toMatchObject({ exit_code: 0 });
  expect(plane.attemptsOf(later)).toEqual([]);
  expect(plane.goodbyes).toBe(1);
});

test("the second signal stops what runs, reports it, and leaves with exit 2", async () => {
  const plane = await startPlane();
  const { run } = heldRun(plane);
  const agent = agentProcessFor(plane);
  const pid = await pidOf(plane, run);
  agent.child.kill("SIGTERM");
  await until("a sentence about it", () => agent.lines().includes("no more runs are claimed"));
  agent.child.kill("SIGTERM");
  expect(await agent.exited).toBe(2);
  expect(isGroupAlive(pid)).toBe(false);
  expect(await plane.endOf(run)).toMatchObject({ outcome: "lost", signal: "SIGTERM" });
  expect(plane.goodbyes).toBe(1);
});

test("the third signal waits for no server: the run's end is kept for the next agent", async () => {
  const plane = await startPlane();
  const { run } = heldRun(plane);
  const stateDir = makeFolder();
  const agent = agentProcessFor(plane, { stateDir });
  const pid = await pidOf(plane, run);
  plane.fail(() => true, 503, Infinity);
  agent.child.kill("SIGTERM");
  await until("a sentence about it", () => agent.lines().includes("no more runs are claimed"));
  agent.child.kill("SIGTERM");
  await until("the run's end", () => !isGroupAlive(pid));
  const askedAt = performance.now();
  agent.child.kill("SIGTERM");
  expect(await agent.exited).toBe(2);
  expect(performance.now() - askedAt).toBeLessThan(5000);
  expect(agent.lines()).toContain("The result of 1 run did not reach the server");
  expect(isAlive(openStateFolder(stateDir).readWatchdog() ?? 0)).toBe(false);
});

test("SIGTERM's deadline stops what still runs, KILL included", async () => {
  const plane = await startPlane();
  const run = command(plane, ["sh", fixture("ignore-term.sh")]);
  const agent = agentProcessFor(plane, { drainSeconds: 0.2, graceSeconds: 0.2 });
  await pidOf(plane, run);
  await plane.until("its first line", () => plane.outputOf(run).length === 1);
  agent.child.kill("SIGTERM");
  expect(await agent.exited).toBe(2);
  expect(await plane.endOf(run)).toMatchObject({ outcome: "lost", signal: "SIGKILL" });
});

test("run-once claims what is due, runs it to the end and leaves", async () => {
  const plane = await startPlane();
  const runs = [command(plane, ["true"]), command(plane, ["false"]), command(plane, ["true"])];
  const { agent } = agentFor(plane, { isRunOnce: true, limit: 2 });
  expect(await agent.done).toBe(0);
  const ends = runs.map((run) => plane.attemptsOf(run)[0]?.ends.map(({ exit_code }) => exit_code));
  expect(ends).toEqual([[0], [1], undefined]);
  expect(plane.countCalls("POST", /\/claim$/)).toBe(1);
});

test("run-once stays until the limits of the deployments have answered for what is due", async () => {
  const plane = await startPlane();
  plane.claimsUnanswered = 2;
  const run = command(plane, ["true"]);
  const { agent } = agentFor(plane, { isRunOnce: true });
  expect(await agent.done).toBe(0);
  expect(plane.attemptsOf(run)[0]?.ends).toEqual([expect.objectContaining({ exit_code: 0 })]);
});

test("a run that is claimed while the agent is told to leave goes back to its queue", async () => {
  const plane = await startPlane();
  const gate = Promise.withResolvers<void>();
  const run = command(plane, ["echo", "must not run"]);
  plane.fail(({ path }) => path.endsWith("/claim"), { waitFor: gate.promise });
  const { agent } = agentFor(plane);
  await until("the claim", () => plane.countCalls("POST", /\/claim$/) === 1);
  agent.drain("The test drains");
  gate.resolve();
  expect(await agent.done).toBe(0);
  expect(plane.attemptsOf(run)[0]?.ends).toEqual([expect.objectContaining({ outcome: "not_started" })]);
  expect(plane.attemptsOf(run)[0]?.started).toBeUndefined();
});

test("a second agent with the same name on the same host says so and leaves", async () => {
  const plane = await startPlane();
  const stateDir = makeFolder();
  await agentFor(plane, { stateDir }).agent.ready;
  const second = agentProcessFor(plane, { stateDir });
  expect(await second.exited).toBe(1);
  expect(second.lines()).toMatch(/Another agent \(process \d+\) already works as "gpu-1".*--name/);
});

test("an agent whose name another one has at work says what the server says and leaves", async () => {
  const plane = await startPlane();
  plane.fail(isBeat, 409, 100);
  const { agent, lines } = agentFor(plane);
  expect(await agent.done).toBe(1);
  expect(lines).toEqual([expect.stringMatching(/ERROR +scripted 409\.$/)]);
  expect(plane.countCalls("POST", /\/session$/)).toBe(1);
});

test("an agent that thaws and finds its name taken stops its children and leaves", async () => {
  const plane = await startPlane();
  plane.expires_in_seconds = 30;
  const { run } = heldRun(plane);
  const { agent } = agentFor(plane);
  const pid = await pidOf(plane, run);
  await plane.until("the socket", () => plane.sockets.size === 1);
  plane.fail(isBeat, 409, 100);
  plane.wake("cancel");
  expect(await agent.done).toBe(1);
  expect(isGroupAlive(pid)).toBe(false);
  expect(plane.goodbyes).toBe(0);
});

test.each(["/proc/nowhere/state", "/dev/null/state"])(
  "a state folder at %s is refused in a sentence",
  async (stateDir) => {
    const plane = await startPlane();
    const agent = agentProcessFor(plane, { stateDir });
    expect(await agent.exited).toBe(1);
    expect(agent.lines()).toMatch(/The folder \/.* cannot be used \(E.*\); set SLUICE_HOME or --state-dir/);
    expect(plane.calls).toEqual([]);
  },
);

test("a lock whose owner was killed does not keep the next agent out", async () => {
  const plane = await startPlane();
  const stateDir = makeFolder();
  const first = agentProcessFor(plane, { stateDir });
  await plane.until("its first beat", () => plane.beats.length > 0);
  first.child.kill("SIGKILL");
  await first.exited;
  await agentFor(plane, { stateDir }).agent.ready;
});

test("a missing pool is created, or explained when it may not be", async () => {
  const plane = await startPlane();
  plane.hasPool = false;
  const { agent, lines } = agentFor(plane, { canCreatePool: false });
  expect(await agent.done).toBe(1);
  expect(lines.join("\n")).toMatch(/no work pool "pool".*sluice work-pool create pool/);
  await agentFor(plane).agent.ready;
  expect(plane.hasPool).toBe(true);
});

test("a server that knows no sessions is explained, not asked for ever", async () => {
  const plane = await startPlane();
  plane.fail(({ path }) => path.endsWith("/workers/session"), 404, 100);
  const { agent, lines } = agentFor(plane);
  expect(await agent.done).toBe(1);
  expect(lines.join("\n")).toMatch(/not a Sluice/);
  expect(plane.countCalls("POST", /\/session$/)).toBe(2);
});

test("the second signal does not wait for the answer of a claim", async () => {
  const plane = await startPlane();
  plane.fail(({ path }) => path.endsWith("/claim"), { waitFor: new Promise(() => undefined) });
  const { agent } = agentFor(plane);
  await until("the claim", () => plane.countCalls("POST", /\/claim$/) === 1);
  agent.drain("The test drains");
  agent.stop("The test stops");
  expect(await agent.done).toBe(0);
});

test("a refused key is explained and never printed", async () => {
  const plane = await startPlane();
  plane.authorization = "Bearer right";
  const { agent, lines } = agentFor(plane, { apiKey: "wrong-key" });
  await expect(agent.ready).rejects.toThrow(/refuses the key/);
  expect(await agent.done).toBe(1);
  expect(lines.join("\n")).toMatch(/SLUICE_API_KEY/);
  expect(lines.join("\n")).not.toContain("wrong-key");
});

test("an agent whose address is another program's says so while it asks again", async () => {
  const other = createServer((_, response) => response.writeHead(501).end("<h1>Unsupported method</h1>"));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const apiUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}/api`;
  const { agent, lines } = agentFor(await startPlane(), { apiUrl });
  const sentence = `Is ${apiUrl} the address of a Sluice, ending in /api? Trying again.`;
  await until("a sentence about it", () => lines.some((line) => line.includes(sentence)));
  agent.drain("The test drains");
  expect(await agent.done).toBe(0);
  other.closeAllConnections();
  other.close();
});

test("an agent that is started before its server waits for it", async () => {
  const plane = await startPlane();
  await plane.goAway();
  const { agent, lines } = agentFor(plane);
  await until("a sentence about it", () => lines.some((line) => line.includes("No Sluice server answers")));
  await plane.comeBack();
  await agent.ready;
  const run = command(plane, ["true"]);
  expect(await plane.endOf(run)).toMatchObject({ exit_code: 0 });
  expect(lines.filter((line) => line.includes("No Sluice server answers"))).toHaveLength(1);
});

test("a wake on the socket starts a run long before the next poll, also after the socket was lost", async () => {
  const plane = await startPlane();
  plane.authorization = `Basic ${Buffer.from("user:password").toString("base64")}`;
  agentFor(plane, { authString: "user:password", pollSeconds: 600 });
  await plane.until("the socket", () => plane.sockets.size === 1);
  const first = command(plane, ["true"]);
  await plane.endOf(first);
  for (const socket of plane.sockets) socket.terminate();
  await plane.until("no socket", () => plane.sockets.size === 0);
  // What became ready while nobody listened is found when the socket is back.
  const second = command(plane, ["true"]);
  await plane.endOf(second);
});

test("an agent with nothing to do does not beat while its socket is open, and what it is given then lasts", async () => {
  const plane = await startPlane();
  plane.expires_in_seconds = 2;
  plane.idle_poll_seconds = 300;
  agentProcessFor(plane, { pollSeconds: 600 });
  await plane.until("the beat of the open socket", () => plane.sockets.size === 1 && plane.beats.length >= 2);
  const beats = plane.beats.length;
  const over = performance.now() + 3 * 2000;
  await until("the session is long over", () => performance.now() > over);
  expect(plane.beats.length).toBe(beats);
  const { run, release } = heldRun(plane);
  const pid = await pidOf(plane, run);
  // Neither the agent nor its watchdog goes by the session that is over; the new one is kept alive by beats.
  await plane.until("beats again", () => plane.beats.length >= beats + 4);
  expect(isAlive(pid)).toBe(true);
  release(3);
  expect(await plane.endOf(run)).toMatchObject({ exit_code: 3, outcome: "exited" });
  // Without its socket it must speak for itself.
  const quiet = plane.beats.length;
  for (const socket of plane.sockets) socket.terminate();
  await plane.until("a beat", () => plane.beats.length > quiet);
});

test("the health check tells whether the server answers", async () => {
  const plane = await startPlane();
  plane.expires_in_seconds = 2;
  const { agent } = agentFor(plane, { healthcheckPort: 0 });
  await agent.ready;
  const look = async (): Promise<number> =>
    (await fetch(`http://127.0.0.1:${agent.healthPort}/health`)).status;
  expect(await look()).toBe(200);
  await plane.goAway();
  let status = 200;
  const end = performance.now() + 10_000;
  while (status === 200 && performance.now() < end) status = await look();
  expect(status).toBe(503);
});
