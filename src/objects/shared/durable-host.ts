/** The host of an object on the platform: Durable Object storage, its alarm, and stubs of the other objects. */
import {
  ENVELOPE_VERSION,
  parseAddress,
  type Envelope,
  type ObjectAddress,
} from "../../contract/envelope.ts";
import type { Result } from "../../contract/errors.ts";
import type { ObjectHost } from "./host.ts";
import type { SqlValue } from "./sql.ts";
import { callObject, type ObjectBindings } from "./stub.ts";

/** How long after a start of the embedded server, or after time was lost, nothing expires. */
const GRACE_MS = 30_000;

/** Makes the host of the object that `state` belongs to. Throws when the object was not addressed by a name of ours. */
export function createDurableHost(state: DurableObjectState, env: ObjectBindings): ObjectHost {
  const address = readAddress(state);
  const { sql } = state.storage;
  const startedAt = Number(env.SLUICE_STARTED_AT ?? 0);
  let expiry_floor = startedAt === 0 ? 0 : startedAt + GRACE_MS;
  return {
    address,
    sql: {
      all: <Row>(statement: string, ...bindings: SqlValue[]) =>
        sql.exec(statement, ...(bindings as SqlStorageValue[])).toArray() as Row[],
    },
    transaction: (body) => state.storage.transactionSync(body),
    now: () => Date.now(),
    randomUint,
    sync: () => state.storage.sync(),
    setAlarm: (at) => {
      state.waitUntil(state.storage.setAlarm(at));
    },
    readAlarm: () => state.storage.getAlarm(),
    deleteAll: async () => {
      await state.storage.deleteAlarm();
      await state.storage.deleteAll();
    },
    call: (envelope: Envelope): Promise<Result<unknown>> => callObject(env, envelope),
    background: (task) => {
      state.waitUntil(task);
    },
    log: (event) => {
      console.log(JSON.stringify(event));
    },
    get expiry_floor() {
      return expiry_floor;
    },
    clock_stepped_at: Number(env.SLUICE_CLOCK_STEPPED_AT ?? 0),
    noteLostTime: (now) => {
      expiry_floor = now + GRACE_MS;
    },
  };
}

/** Reads the name by which the object was addressed. */
export function readAddress(state: DurableObjectState): ObjectAddress {
  const address = state.id.name === undefined ? undefined : parseAddress(state.id.name);
  if (address === undefined) throw new Error(`This object has no name of ours: ${String(state.id)}`);
  return address;
}

/** What an object asks of itself because of a frame on one of its sockets, or of a socket's end. */
export function envelopeOfSocket(state: DurableObjectState, operation: string, command: unknown): Envelope {
  return {
    v: ENVELOPE_VERSION,
    address: readAddress(state),
    actor: "socket",
    request_id: crypto.randomUUID(),
    operation,
    command,
  };
}

function randomUint(bits: number): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return bits <= 32 ? low % 2 ** bits : (high % 2 ** (bits - 32)) * 2 ** 32 + low;
}
