/** Prefect's programs carry no identity, so what they propose must be told from what people do by itself. */
import { expect } from "vitest";
import { createClient } from "../../src/client/index.ts";

/** What the tests' commands and calls do to runs by hand, each a few times. */
const BY_HAND: ReadonlySet<string> = new Set(
  ["cancel", "delete", "resume", "retry"].map((verb) => `flow_run.${verb}`),
);
const TIMES_MAX = 12;

/** To be called after the flows have run: dozens of states were proposed for them. */
export async function checkAudit(url: string): Promise<void> {
  const client = createClient({ apiUrl: `${url}/api` });
  try {
    const acts = await client.audit.list({ act: "flow_run." });
    expect(acts.filter(({ act }) => !BY_HAND.has(act))).toEqual([]);
    // A worker's own word that a cancelled run has gone is none.
    expect(acts.filter(({ changes }) => changes?.["state"]?.from === "Cancelling")).toEqual([]);
    expect(acts.length).toBeLessThan(TIMES_MAX);
  } finally {
    await client.close();
  }
}
