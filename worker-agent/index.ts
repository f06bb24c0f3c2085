/** The worker-agent: claims flow runs of one pool and runs them as processes of this host. */
import type { AgentOptions } from "./options.ts";

export type { AgentOptions } from "./options.ts";

/** What an agent's process exits with. */
export const AGENT_EXIT = {
  /** Drained, or `isRunOnce` done: nothing was cut short. */
  done: 0,
  /** The agent cannot work: no such pool, key refused, another agent has the same name here. It said why. */
  refused: 1,
  /** Runs were stopped: a second signal, or the drain's deadline passed. */
  stopped: 2,
} as const;

/** A running agent. */
export interface Agent {
  /** Resolves when the agent is registered with the server; rejects when it cannot be. */
  readonly ready: Promise<void>;
  /** Resolves with one of {@link AGENT_EXIT} when the agent has left. */
  readonly done: Promise<number>;
  /** Claims no more, waits for what runs (`deadlineMs` at most), says goodbye and leaves. */
  drain(reason: string, deadlineMs?: number | null): void;
  /** Stops what runs, reports it, and leaves. */
  stop(reason: string): void;
}

/** Starts an agent in this process, without touching its signals. */
export function startAgent(options: AgentOptions): Agent {
  throw new Error(`not written yet: ${options.pool}`);
}

/**
 * Runs an agent until it leaves and returns the exit code. The first SIGINT or SIGTERM drains (SIGTERM with the
 * deadline `drainSeconds`), the second one stops.
 */
export async function runAgent(options: AgentOptions): Promise<number> {
  return startAgent(options).done;
}
