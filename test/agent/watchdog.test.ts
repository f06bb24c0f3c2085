/** Children whose agent cannot stop them: it was killed, or it is frozen. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { isGroupAlive } from "../../worker-agent/process-identity.ts";
import { watchLateness } from "../support/lateness.ts";
import { openStateFolder } from "../../worker-agent/state-folder.ts";
import {
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

const SESSION_MS = 4000;

test("the children of an agent that is killed and never comes back are gone before its session ends", async () => {
  const plane = await startPlane();
  plane.expires_in_seconds = SESSION_MS / 1000;
  const stateDir = makeFolder();
  const marker = join(stateDir, "daemon");
  const runs = [
    heldRun(plane).run,
    command(plane, ["sh", fixture("ignore-term.sh")]),
    command(plane, ["sh", fixture("daemon.sh"), marker]),
  ];
  const agent = agentProcessFor(plane, { stateDir });
  const pids = await Promise.all(runs.map((run) => pidOf(plane, run)));
  const daemon = await readPid(marker);
  agent.child.kill("SIGKILL");
  await agent.exited;
  // The last beat was answered before this moment, so the session ends at the latest this long after it.
  const deadline = performance.now() + SESSION_MS;
  using lateness = watchLateness();
  expect(pids.every(isAlive)).toBe(true);
  await until("nothing is left", () => !pids.some(isGroupAlive) && !isAlive(daemon));
  expect(performance.now() - lateness.ms).toBeLessThan(deadline);
  await until("the watchdog has left", () => !isAlive(openStateFolder(stateDir).readWatchdog() ?? 0));
  // Whoever comes later says what became of them.
  agentProcessFor(plane, { stateDir });
  for (const run of runs)
    expect(await plane.endOf(run)).toMatchObject({
      outcome: "lost",
      message: expect.stringContaining("out of reach") as string,
    });
});

test("the children of an agent that is restarted within its session live on, past the end of the older one", async () => {
  const plane = await startPlane();
  plane.expires_in_seconds = 1;
  const stateDir = makeFolder();
  const startedAt = performance.now();
  const one = agentProcessFor(plane, { stateDir });
  await until("the first beat", () => plane.beats.length > 0);
  // Long enough for another such start, which on a busy machine takes many seconds.
  const sessionMs = SESSION_MS + 4 * (performance.now() - startedAt);
  plane.expires_in_seconds = sessionMs / 1000;
  const beats = plane.beats.length;
  await until("a beat that wins so much", () => plane.beats.length > beats);
  const { run, release } = heldRun(plane);
  const pid = await pidOf(plane, run);
  const first = openStateFolder(stateDir).readWatchdog() ?? 0;
  one.child.kill("SIGKILL");
  await one.exited;
  const end = performance.now() + sessionMs;
  const sessions = new Set(plane.beats.map(({ session_id }) => session_id));
  agentProcessFor(plane, { stateDir });
  await until("the older session is over", () => performance.now() > end + 500, 2 * sessionMs);
  expect(isAlive(pid)).toBe(true);
  expect(isAlive(first)).toBe(false);
  release(3);
  expect(await plane.endOf(run)).toMatchObject({ exit_code: 3, outcome: "exited" });
  for (const { session_id } of plane.beats) sessions.add(session_id);
  expect(sessions.size).toBe(1);
}, 180_000);

test("the children of an agent that is frozen past its session are gone before it ends; thawed, it says so", async () => {
  const plane = await startPlane();
  plane.expires_in_seconds = SESSION_MS / 1000;
  const run = command(plane, ["sh", fixture("ignore-term.sh")]);
  const agent = agentProcessFor(plane);
  const pid = await pidOf(plane, run);
  agent.child.kill("SIGSTOP");
  const deadline = performance.now() + SESSION_MS;
  using lateness = watchLateness();
  await until("the group is gone", () => !isGroupAlive(pid));
  expect(performance.now() - lateness.ms).toBeLessThan(deadline);
  agent.child.kill("SIGCONT");
  expect(await plane.endOf(run)).toMatchObject({ outcome: "lost" });
  const next = command(plane, ["true"]);
  expect(await plane.endOf(next)).toMatchObject({ exit_code: 0 });
});

test("a watchdog that is killed is started again", async () => {
  const plane = await startPlane();
  const stateDir = makeFolder();
  const agent = agentProcessFor(plane, { stateDir });
  const read = (): number => openStateFolder(stateDir).readWatchdog() ?? 0;
  await until("the watchdog", () => read() > 0);
  const first = read();
  process.kill(first, "SIGKILL");
  await until("another one", () => read() !== first && isAlive(read()));
  agent.child.kill("SIGTERM");
  expect(await agent.exited).toBe(0);
  await until("it leaves with its agent", () => !isAlive(read()));
});

async function readPid(file: string): Promise<number> {
  const { readWhole } = await import("../../worker-agent/files.ts");
  await until("the pid of the daemon", () => /^\d+\n$/.test(readWhole(file) ?? ""));
  return Number(readWhole(file));
}

test("a watchdog that comes too late does not make the folder of its agent anew", () => {
  const gone = join(makeFolder(), "gone");
  const program = fileURLToPath(new URL("../../worker-agent/watchdog-process.ts", import.meta.url));
  const { status } = spawnSync(process.execPath, [program, gone], { input: "", timeout: 30_000 });
  expect(status).toBe(0);
  expect(existsSync(gone)).toBe(false);
});
