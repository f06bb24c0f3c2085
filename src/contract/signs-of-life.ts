/** Which signs of life of a run are worth telling its pool. */
import { RUN_SILENCE_MAX_SECONDS } from "./bounds.ts";
import { parseId, type ShardKey } from "./ids.ts";

const HALF_OF_SILENCE_MS = (RUN_SILENCE_MAX_SECONDS * 1000) / 2;

/**
 * The key of the pool that is to hear that a run lives; undefined where it need not. A run that was expected lately is in
 * no danger yet, which its id says by itself, so nearly all signs cost nothing. `now` is in milliseconds since the epoch.
 */
export function poolToTell(flow_run_id: string, now: number): ShardKey | undefined {
  const parts = parseId(flow_run_id);
  if (parts?.layout !== "flow_run") return undefined;
  // One that was expected later began before its time, nobody knows when.
  const isYoung = parts.head <= now && now - parts.head < HALF_OF_SILENCE_MS;
  return isYoung ? undefined : parts.key;
}
