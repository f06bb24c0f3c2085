/** Calls of objects from the Worker and from each other. */
import {
  formatAddress,
  type Envelope,
  type ObjectAddress,
  type ObjectKind,
} from "../../contract/envelope.ts";
import { refuse, type Result } from "../../contract/errors.ts";
import type { KeyBindings } from "./key.ts";

/** What every object class answers by RPC. */
export interface ObjectRpc extends Rpc.DurableObjectBranded {
  execute(envelope: Envelope): Promise<Result<unknown>>;
}

/** The bindings that the Worker and all objects share. */
export interface ObjectBindings extends KeyBindings {
  WORKSPACE: DurableObjectNamespace;
  WORK_POOL: DurableObjectNamespace;
  CONCURRENCY_LIMIT: DurableObjectNamespace;
  RUN_JOURNAL: DurableObjectNamespace;
  EVENT_HUB: DurableObjectNamespace;
  /** Where new objects are placed, one of the platform's location hints. */
  SLUICE_LOCATION_HINT?: string;
  /** Days for which finished runs and logs are kept after the last write, 30 where it is not set. */
  SLUICE_RETENTION_DAYS?: string;
  /** Seconds after its last write at which a finished run moves to its day's journal, 3600 where it is not set. */
  SLUICE_MOVE_AFTER_SECONDS?: string;
  /** Milliseconds since the epoch at which the embedded server started; absent on the edge. */
  SLUICE_STARTED_AT?: string;
  /** Milliseconds since the epoch at which the embedded server saw its clock put forward; 0 or absent where it was not. */
  SLUICE_CLOCK_STEPPED_AT?: string;
}

const NAMESPACES = {
  workspace: "WORKSPACE",
  pool: "WORK_POOL",
  limit: "CONCURRENCY_LIMIT",
  journal: "RUN_JOURNAL",
  hub: "EVENT_HUB",
} as const satisfies Record<ObjectKind, keyof ObjectBindings>;
const CALL_ATTEMPTS_MAX = 3;

/** The platform's handle of an object; placed by the install's location hint when it is new. */
export function stubOf(env: ObjectBindings, address: ObjectAddress): DurableObjectStub {
  const hint = env.SLUICE_LOCATION_HINT as DurableObjectLocationHint | undefined;
  return env[NAMESPACES[address.kind]].getByName(
    formatAddress(address),
    hint === undefined ? {} : { locationHint: hint },
  );
}

/**
 * Calls an object. What the platform calls retryable is tried again with a fresh stub, which is safe because every
 * operation is idempotent by its request id; overload is shed at once. Never throws.
 */
export async function callObject(env: ObjectBindings, envelope: Envelope): Promise<Result<unknown>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const stub = stubOf(env, envelope.address) as unknown as ObjectRpc;
      return await stub.execute(envelope);
    } catch (error) {
      const { retryable = false, overloaded = false } = error as {
        retryable?: boolean;
        overloaded?: boolean;
      };
      if (overloaded) return refuse("overloaded", undefined, { retry_after_seconds: 1 });
      if (!retryable || attempt === CALL_ATTEMPTS_MAX) {
        console.log(
          JSON.stringify({
            event: "object_call_failed",
            object: formatAddress(envelope.address),
            operation: envelope.operation,
            error: String(error),
          }),
        );
        return refuse("unavailable", undefined, { retry_after_seconds: 1 });
      }
    }
  }
}
