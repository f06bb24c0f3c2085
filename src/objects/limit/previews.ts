/** What a change of the limit, or the end of one of its leases, would do to its line, before it is made. */
import { WAITERS_PREVIEWED_MAX, WAITERS_SEEN_MAX } from "../../contract/bounds.ts";
import { accept, type Result } from "../../contract/errors.ts";
import type { LimitPreview, PreviewedLimit } from "../../contract/wire/limits.ts";
import { changeConfig } from "../../domain/limit/configure.ts";
import { findServed, isPresent } from "../../domain/limit/line.ts";
import { partsOfLeaseId } from "../../domain/limit/naming.ts";
import { nameWaiter } from "../../domain/limit/records.ts";
import type { LimitConfig, Waiter } from "../../domain/limit/types.ts";
import type { LimitCore } from "./core.ts";
import type { Ears } from "./ears.ts";
import { sight } from "./line.ts";

/** So many waiters are named of each kind. */
const NAMED_MAX = 10;

/** By the steps of the walk itself; nothing is written. Of those who want other limits as well it is taken that these are free. */
export function previewLimitChange(
  core: LimitCore,
  ears: Ears,
  before: LimitConfig,
  { force_release, ...change }: PreviewedLimit,
  now: number,
): Result<LimitPreview> {
  const changed = changeConfig(before, change, now);
  if (!changed.ok) return changed;
  const config = changed.value;
  const { leases, waiters } = core.store;
  const parts = force_release === undefined ? undefined : partsOfLeaseId(core.key, force_release);
  const given_back = (parts && leases.find(parts.fence, parts.tail)?.slots) ?? 0;
  const in_use = core.countInUse(config, now, leases.countOccupied() - given_back);
  const free = config.active ? config.limit - in_use : Number.POSITIVE_INFINITY;
  const isLowered = config.active && config.limit < before.limit;
  const refused = isLowered ? waiters.findAbove(config.limit, NAMED_MAX) : { count: 0, first: [] };
  let has_more = false;
  /** Those who are there. Who has had its turn leaves the line, so more are looked at than by one walk. */
  function* listPresent(): Generator<Waiter> {
    let last: Waiter | undefined;
    for (let looked = 0; looked < WAITERS_PREVIEWED_MAX; looked += WAITERS_SEEN_MAX) {
      const window = waiters.listLine(last, WAITERS_SEEN_MAX);
      for (const waiter of window) {
        if (isLowered && waiter.slots > config.limit && waiter.caller !== "run") continue;
        const { is_here, is_ended } = sight(core, ears, waiter, now);
        if (!is_ended && isPresent(waiter, is_here, now)) yield waiter;
      }
      last = window.at(-1);
      if (window.length < WAITERS_SEEN_MAX) return;
    }
    has_more = waiters.listLine(last, 1).length > 0;
  }
  const admitted = findServed(listPresent(), free, config.bypass_max);
  return accept({
    admits: admitted.length,
    admits_with_others: admitted.filter(({ caller }) => caller === "joint").length,
    admitted: admitted.slice(0, NAMED_MAX).map(nameWaiter),
    has_more,
    refuses: refused.count,
    refused: refused.first.map(nameWaiter),
    over: Math.max(0, -free),
  });
}
