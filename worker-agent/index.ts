/** The worker-agent: claims flow runs of one pool and runs them as processes of this host. */
import { AGENT_EXIT, WorkerAgent } from "./agent.ts";
import { resolveSettings, type AgentOptions } from "./options.ts";
import { handleSignals } from "./signals.ts";

export type { AgentOptions } from "./options.ts";
export { AGENT_EXIT };

/** A running agent. */
export interface Agent {
  /** Resolves when the agent is registered with the server; rejects when it cannot be. */
  readonly ready: Promise<void>;
  /** Resolves with one of {@link AGENT_EXIT} when the agent has left. */
  readonly done: Promise<number>;
  /** The port of the health check, if it is served. */
  readonly healthPort: number | undefined;
  /** Claims no more, waits for what runs (`deadlineMs` at most), says goodbye and leaves. */
  drain(reason: string, deadlineMs?: number | null): void;
  /** Stops what runs, reports it, and leaves. */
  stop(reason: string): void;
}

/** Starts an agent in this process, without touching its signals. */
export function startAgent(options: AgentOptions): Agent {
  const agent = new WorkerAgent(options);
  void agent.start();
  return agent;
}

/**
 * Runs an agent until it leaves and returns the exit code. The first SIGINT or SIGTERM drains (SIGTERM with the
 * deadline `drainSeconds`), the second one stops.
 */
export async function runAgent(options: AgentOptions): Promise<number> {
  if (process.platform === "win32") {
    process.stderr.write(
      "The worker needs process groups and signals, so it runs on Linux and macOS (or in WSL), not on Windows.\n",
    );
    return AGENT_EXIT.refused;
  }
  const agent = new WorkerAgent(options);
  const removeHandlers = handleSignals(agent, resolveSettings(options).drainMs);
  try {
    void agent.start();
    return await agent.done;
  } finally {
    removeHandlers();
  }
}
