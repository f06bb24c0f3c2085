/** Tells pools that runs live which no agent of ours watches. */
import { addressOfKey } from "../contract/envelope.ts";
import { poolToTell } from "../contract/signs-of-life.ts";
import { call, type ApiContext } from "./context.ts";

/** Passes on that these runs have written a log or renewed a lease, after the answer. A lost note is followed by others. */
export function noteSignsOfLife(c: ApiContext, flow_run_ids: Iterable<string>): void {
  const now = Date.now();
  for (const id of new Set(flow_run_ids)) {
    const key = poolToTell(id, now);
    if (key === undefined) continue;
    const address = addressOfKey(c.get("workspace"), "pool", key);
    c.executionCtx.waitUntil(call(c, address, "touch_run", { id }).catch(() => null));
  }
}
