/** The limits that an attempt has asked hear that it has ended. */
import { addressOfKey } from "../../contract/envelope.ts";
import type { RunIdentity } from "../../contract/wire/limits.ts";
import { mintRequestId, type PoolContext } from "./context.ts";

/** Tells limits that an attempt has ended: what it holds and waits for goes. */
export function visitLimits(
  context: PoolContext,
  { flow_run_id, attempt_id }: Omit<RunIdentity, "fence">,
  limit_keys: readonly string[],
): void {
  const { host, send } = context;
  for (const key of limit_keys)
    send(addressOfKey(host.address.workspace, "limit", key), "end_attempt", mintRequestId(context), {
      flow_run_id,
      attempt_id,
    });
}
