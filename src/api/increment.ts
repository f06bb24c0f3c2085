/** Acquires of Prefect's clients: a grant, or 423 with the seconds to sleep (source: wire §4.6). */
import { HOLD_SECONDS_MAX } from "../contract/bounds.ts";
import type { Grant } from "../contract/wire/limits.ts";
import type { AcquireCommand, Caller } from "../objects/limit/operations.ts";
import { acquire, findMembers, grantNothing, readRun } from "./acquire.ts";
import { fail, type ApiContext } from "./context.ts";

/** How long a client of Prefect's sleeps after its first refusal; then it is held. */
const FIRST_RETRY_AFTER_SECONDS = 0.2;

/** Who asks, as far as a client of Prefect's lets it be known. */
export function prefectCaller(c: ApiContext): Caller {
  const csrf_client = c.req.header("prefect-csrf-client");
  return csrf_client === undefined || csrf_client === ""
    ? { type: "anonymous" }
    : { type: "prefect", csrf_client, first_retry_after_seconds: FIRST_RETRY_AFTER_SECONDS };
}

/** Asks for slots, and ends the request with 423 where there are none yet. */
export async function increment(
  c: ApiContext,
  wanted: Pick<
    AcquireCommand,
    "names" | "slots" | "mode" | "lease_seconds" | "is_anonymous" | "is_once_per_holder" | "holder"
  >,
): Promise<Grant> {
  const names = [...new Set(wanted.names)].toSorted();
  const members = await findMembers(c, names);
  if (members.length === 0) return grantNothing(wanted.lease_seconds);
  const answer = await acquire(c, {
    ...wanted,
    names,
    members,
    request_id: crypto.randomUUID(),
    wait_seconds: HOLD_SECONDS_MAX,
    priority: 0,
    caller: prefectCaller(c),
    run: readRun(c),
  });
  return answer.status === "granted"
    ? answer
    : fail("locked", undefined, { retry_after_seconds: answer.retry_after_seconds });
}
