import type { ObjectBindings } from "../shared/stub.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import { LimitActor } from "./actor.ts";
import type { LimitOperations } from "./operations.ts";

export class ConcurrencyLimit extends SluiceObject<LimitOperations, LimitActor> {
  constructor(state: DurableObjectState, env: ObjectBindings) {
    super(state, env, (host) => new LimitActor(host));
  }
}
