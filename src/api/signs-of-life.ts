/** Tells pools that runs live which no agent of ours watches. */
import { RUN_SILENCE_MAX_SECONDS } from "../contract/bounds.ts";
import { addressOfKey } from "../contract/envelope.ts";
import { parseId } from "../contract/ids.ts";
import { call, type ApiContext } from "./context.ts";

const HALF_OF_SILENCE_MS = (RUN_SILENCE_MAX_SECONDS * 1000) / 2;

/**
 * Passes on that these runs have written a log or renewed a lease, after the answer. A run that was expected lately is
 * in no danger yet, which its id says by itself, so nearly all calls cost nothing. A lost note is followed by others.
 */
export function noteSignsOfLife(c: ApiContext, flow_run_ids: Iterable<string>): void {
  const now = Date.now();
  for (const id of new Set(flow_run_ids)) {
    const parts = parseId(id);
    if (parts?.layout !== "flow_run") continue;
    // One that was expected later began before its time, nobody knows when.
    if (parts.head <= now && now - parts.head < HALF_OF_SILENCE_MS) continue;
    const address = addressOfKey(c.get("workspace"), "pool", parts.key);
    c.executionCtx.waitUntil(call(c, address, "touch_run", { id }).catch(() => null));
  }
}
