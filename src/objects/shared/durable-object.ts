/** The thin platform shell that every object class shares: it builds the host, restores the alarm and forwards calls. */
import { DurableObject } from "cloudflare:workers";
import type { Envelope } from "../../contract/envelope.ts";
import type { Result } from "../../contract/errors.ts";
import type { Actor, Operations } from "./actor.ts";
import { createDurableHost } from "./durable-host.ts";
import type { ObjectHost } from "./host.ts";
import type { ObjectBindings } from "./stub.ts";

export abstract class SluiceObject<
  Of extends Operations,
  ActorOf extends Actor<Of>,
> extends DurableObject<ObjectBindings> {
  protected readonly actor: ActorOf;

  constructor(state: DurableObjectState, env: ObjectBindings, createActor: (host: ObjectHost) => ActorOf) {
    super(state, env);
    this.actor = createActor(createDurableHost(state, env));
    void state.blockConcurrencyWhile(() => this.actor.start());
  }

  /** The one RPC method. Never throws. */
  execute(envelope: Envelope): Promise<Result<unknown>> {
    return this.actor.execute(envelope);
  }

  override alarm(): Promise<void> {
    return this.actor.alarm();
  }
}
