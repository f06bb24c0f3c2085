/** What the agent's tests share: a scripted control plane, agents and their folders, all gone after each test. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";
import type { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import { startAgent, type Agent, type AgentOptions } from "../../worker-agent/index.ts";
import { markOf } from "../../worker-agent/find-processes.ts";
import { isGroupAlive, listMarked, readStartMark } from "../../worker-agent/process-identity.ts";
import { ControlPlane } from "../support/control-plane.ts";

const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** Path of a misbehaving child. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/agent/${name}`, import.meta.url));
}

export async function startPlane(): Promise<ControlPlane> {
  const plane = new ControlPlane();
  await plane.listen();
  cleanups.push(() => plane.goAway());
  // Whatever a test leaves running dies with it.
  cleanups.push(() => {
    for (const { started, claim } of plane.attempts.values()) {
      const pgid = Number(started?.infrastructure_pid);
      if (pgid > 1 && isGroupAlive(pgid)) process.kill(-pgid, "SIGKILL");
      // Also what has left its group.
      const { attempt_id, fence } = claim;
      const mark = markOf({ attempt_id, fence, flow_run_id: claim.flow_run.id });
      for (const { pid } of listMarked(mark, pgid)) process.kill(pid, "SIGKILL");
    }
  });
  return plane;
}

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-agent-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

export interface TestAgent {
  agent: Agent;
  lines: string[];
}

/** Starts an agent in this process. Its polls are frequent, so that tests without a socket do not wait. */
export function agentFor(plane: ControlPlane, options: Partial<AgentOptions> = {}): TestAgent {
  const lines: string[] = [];
  const agent = startAgent({ ...optionsFor(plane, options), writeLog: (line) => void lines.push(line) });
  cleanups.push(async () => {
    agent.stop("The test is over");
    agent.stop("The test is over");
    await agent.done;
  });
  return { agent, lines };
}

export interface AgentProcess {
  child: ChildProcess;
  /** Resolves with the exit code, or the signal's name. */
  exited: Promise<number | string | null>;
  lines: () => string;
}

/** Starts an agent in a process of its own. */
export function agentProcessFor(plane: ControlPlane, options: Partial<AgentOptions> = {}): AgentProcess {
  const child = spawn(process.execPath, [fixture("main.ts"), JSON.stringify(optionsFor(plane, options))], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const exited = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string | null);
  cleanups.push(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  return { child, exited, lines: () => text };
}

function optionsFor(plane: ControlPlane, options: Partial<AgentOptions>): AgentOptions {
  return {
    apiUrl: plane.url,
    pool: "pool",
    name: "gpu-1",
    limit: 4,
    pollSeconds: 0.2,
    graceSeconds: 10,
    stateDir: makeFolder(),
    ...options,
  };
}

/** A run of a command, as a deployment without an entrypoint gives it. */
export function command(plane: ControlPlane, words: string | string[], more: Partial<FlowRun> = {}): FlowRun {
  return plane.addRun({ ...more, job_variables: { command: words, ...more.job_variables } });
}

/** A run that goes on until it is released with an exit code. */
export function heldRun(plane: ControlPlane): { run: FlowRun; release: (code?: number) => void } {
  const file = join(makeFolder(), "go");
  const run = command(plane, ["sh", fixture("wait-for-file.sh"), file]);
  return {
    run,
    release: (code = 0) => {
      writeFileSync(`${file}.draft`, String(code));
      renameSync(`${file}.draft`, file);
    },
  };
}

/** The pid of a run's process group once its start was reported. */
export async function pidOf(plane: ControlPlane, run: FlowRun): Promise<number> {
  const find = (): number => Number(plane.attemptsOf(run)[0]?.started?.infrastructure_pid ?? 0);
  await plane.until(`the start of ${run.name}`, () => find() > 0);
  return find();
}

/** Whether a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  return readStartMark(pid) !== undefined;
}

/** Looks until the condition holds. */
export async function until(what: string, condition: () => boolean, boundMs = 40_000): Promise<void> {
  const end = performance.now() + boundMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${boundMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
