import type { ObjectBindings } from "../shared/stub.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import { PoolActor } from "./actor.ts";
import type { PoolOperations } from "./operations.ts";

export class WorkPool extends SluiceObject<PoolOperations, PoolActor> {
  constructor(state: DurableObjectState, env: ObjectBindings) {
    super(state, env, (host) => new PoolActor(host));
  }
}
