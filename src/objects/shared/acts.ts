/** Tells the audit list of the workspace what a person did. */
import { addressOfWorkspace, type Envelope, type ObjectAddress } from "../../contract/envelope.ts";
import type { AuditTarget, Changes } from "../../contract/wire/audit.ts";
import type { ObjectHost } from "./host.ts";

/** The operation of the workspace. */
export const NOTE_ACT = "note_act";

/** One act, as the object that has carried it out tells it. */
export interface Act {
  /** Milliseconds since the epoch. */
  at: number;
  actor: string;
  /** `<kind>.<verb>`. */
  act: string;
  target: AuditTarget;
  changes: Changes | null;
  request_id: string;
}

/** What of an envelope an act is told by. */
export type ActEnvelope = Pick<Envelope, "actor" | "request_id" | "is_act">;

type Send = (target: ObjectAddress, operation: string, request_id: string, command: Act) => void;

/** Where the acts of one object go. */
export class Acts {
  readonly #host: ObjectHost;
  readonly #send: Send;

  /** `send` stores an effect in the transaction that runs now. */
  constructor(host: ObjectHost, send: Send) {
    this.#host = host;
    this.#send = send;
  }

  /**
   * The operation that runs now has done this: if it is a person's act, the list hears of it once, however often it is
   * called or told. What programs do, and what comes without an envelope, costs nothing. Returns the effect's request id, if there is one.
   */
  tell(
    envelope: ActEnvelope | undefined,
    verb: string,
    target: AuditTarget,
    changes: Changes,
  ): string | undefined {
    if (envelope?.is_act !== true) return undefined;
    const { actor, request_id } = envelope;
    const effect = `act:${request_id}`;
    this.#send(addressOfWorkspace(this.#host.address.workspace), NOTE_ACT, effect, {
      at: this.#host.now(),
      actor,
      act: `${target.kind}.${verb}`,
      target,
      changes,
      request_id,
    });
    return effect;
  }

  /** The same, of what may have changed nothing: then there is nothing to tell. */
  tellChange(...[envelope, verb, target, changes]: Parameters<Acts["tell"]>): void {
    if (Object.keys(changes).length > 0) this.tell(envelope, verb, target, changes);
  }
}
