/** What the signals of the agent's own process mean. */
import type { WorkerAgent } from "./agent.ts";

/**
 * The first SIGINT or SIGTERM drains (SIGTERM with a deadline: who sends it kills after some time), the second stops
 * the runs, the third kills them. SIGHUP counts as SIGTERM. Returns how to take the handlers away.
 */
export function handleSignals(agent: WorkerAgent, drainMs: number | null): () => void {
  let count = 0;
  const receive = (signal: NodeJS.Signals): void => {
    count += 1;
    if (count > 1) return agent.stop(`${signal} again`);
    agent.drain(`${signal} (once more stops what runs)`, signal === "SIGINT" ? null : drainMs);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, receive);
  return () => {
    for (const signal of signals) process.off(signal, receive);
  };
}
