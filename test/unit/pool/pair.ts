/** A pool and the limit of a deployment, both for real, wired to each other. */
import { expect } from "vitest";
import { addressOfName, ENVELOPE_VERSION } from "../../../src/contract/envelope.ts";
import { accept, refuse } from "../../../src/contract/errors.ts";
import type { LeaseRecord, Limit } from "../../../src/contract/wire/limits.ts";
import { LimitActor } from "../../../src/objects/limit/actor.ts";
import type { DeploymentNote } from "../../../src/objects/pool/operations.ts";
import { createNodeHost } from "../../support/node-host.ts";
import { attemptId, createTestPool, DEPLOYMENT, draftOf, SESSION } from "./support.ts";

/** The name of the deployment's limit. */
export const NAME = `deployment:${DEPLOYMENT}`;

/** Makes both; `note` is what the pool knows of the deployment. */
export async function createPair(note: Partial<DeploymentNote> = {}) {
  const pool = await createTestPool();
  const address = addressOfName("default", "limit", NAME);
  /** Cut, nothing that the limit tells by itself reaches the pool. */
  const wire = { isCut: false };
  const host = createNodeHost({
    address,
    clock: pool.clock,
    call: async (envelope) => {
      if (envelope.address.kind !== "pool") return accept(null);
      return wire.isCut ? refuse("unavailable") : pool.receive(envelope);
    },
  });
  const limit = new LimitActor(host);
  await limit.start();
  const ask = async (operation: string, command: unknown) => {
    const result = await limit.execute({
      v: ENVELOPE_VERSION,
      address,
      name: NAME,
      actor: "test",
      request_id: crypto.randomUUID(),
      operation,
      command,
    });
    await host.settle();
    await pool.host.settle();
    await host.settle();
    if (!result.ok) throw new Error(result.error.detail);
    return result.value;
  };
  const deployment: DeploymentNote = {
    deployment_id: DEPLOYMENT,
    revision: 1,
    concurrency_limit: 1,
    collision_strategy: "ENQUEUE",
    grace_period_seconds: null,
    ...note,
  };
  await ask("create", { name: NAME, limit: deployment.concurrency_limit ?? 1 });
  pool.answer = async (envelope) => {
    if (envelope.address.kind !== "limit") return accept(null);
    const result = await limit.execute(envelope);
    await host.settle();
    return result;
  };
  const submit = async () => {
    // Runs of the same millisecond have no order among them.
    await pool.advance(1);
    return (await pool.do("create_run", { draft: draftOf(), deployment })).flow_run.id;
  };
  const used = async () => ((await ask("read", {})) as Limit).active_slots;
  let attempts = 0;
  const claim = async (wanted = 2) => {
    await pool.beat();
    return pool.do("claim", {
      worker_name: "gpu-1",
      session_id: SESSION,
      attempt_ids: Array.from({ length: wanted }, () => attemptId((attempts += 1))),
      work_queue_names: [],
    });
  };
  const elapse = async (ms: number) => {
    await pool.advance(ms);
    await limit.alarm();
    await host.settle();
    await pool.host.settle();
  };
  /** Ends whatever is held, without waiting for what the pool has under way. */
  const endHolders = async () => {
    const tell = async (operation: string, command: unknown) => {
      const request_id = crypto.randomUUID();
      const envelope = { v: ENVELOPE_VERSION, address, name: NAME, actor: "test", request_id };
      const result = await limit.execute({ ...envelope, operation, command });
      return result.ok ? result.value : expect.fail(result.error.detail);
    };
    const holders = (await tell("list_holders", { after_fence: 0, limit: 10 })) as LeaseRecord[];
    for (const { lease_id } of holders) await tell("force_release", { lease_id });
    await host.settle();
  };
  return { pool, wire, ask, endHolders, submit, used, claim, elapse, deployment };
}
