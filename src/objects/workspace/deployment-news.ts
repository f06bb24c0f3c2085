/** What other objects are told of deployments: each is an effect of the turn that changes one, see `deployments.ts`. */
import { addressOfName, type ObjectAddress } from "../../contract/envelope.ts";
import { poolNameOfRun } from "../../contract/internal-pools.ts";
import { limitNameOfDeployment, type DeploymentRecord } from "../../domain/catalog/deployments.ts";
import type { LimitOperations } from "../limit/operations.ts";
import type { DeploymentNote, PoolOperations, RunDraft } from "../pool/operations.ts";
import type { ObjectHost } from "../shared/host.ts";

/** Runs go to their pool in effects of about this size, so that a row stays small. */
const EFFECT_BYTES_MAX = 256 * 1024;

/** What the turns need of the object that they run in. */
export interface Workplace {
  host: ObjectHost;
  send(target: ObjectAddress, operation: string, request_id: string, command: unknown): void;
  wakeAt(at: number): void;
}

/** Which planned runs give way to new ones: all of the future, and of those that are due and wait `due_of`. */
export interface Replaced {
  /** A schedule's id, `all` or `none`. */
  due_of: string;
}

/** Tells a deployment's pool and its limit what has become of it. */
export class DeploymentNews {
  readonly #place: Workplace;

  constructor(place: Workplace) {
    this.#place = place;
  }

  /** Has the deployment's pool do something; `what` tells apart the effects of one revision. */
  tellPool(record: DeploymentRecord, operation: keyof PoolOperations, what: string, command: unknown): void {
    const name = poolOf(record);
    const target = addressOfName(this.#place.host.address.workspace, "pool", name);
    this.#place.send(target, operation, `${record.id}:${record.revision}:${what}`, command);
  }

  /** Makes, changes or removes the limit that belongs to the deployment. */
  tellLimit(before: DeploymentRecord | undefined, record: DeploymentRecord): void {
    const name = limitNameOfDeployment(record.id);
    const target = addressOfName(this.#place.host.address.workspace, "limit", name);
    const request = `${record.id}:${record.revision}:limit`;
    if (record.concurrency_limit !== null) {
      const command: LimitOperations["put"]["command"] = { name, limit: record.concurrency_limit };
      this.#place.send(target, "put", request, command);
    } else if (before !== undefined && before.concurrency_limit !== null) {
      const command: LimitOperations["delete"]["command"] = { is_forced: true };
      this.#place.send(target, "delete", request, command);
    }
  }

  /** Sends runs to the deployment's pool; the first part takes the place of what is there, where they replace it. */
  sendRuns(
    record: DeploymentRecord,
    runs: readonly RunDraft[],
    replaced: Replaced | null,
    what: string,
  ): void {
    for (const [index, part] of splitBySize(runs).entries()) {
      const command: PoolOperations["materialize"]["command"] = {
        deployment: noteOf(record),
        is_replacing: replaced !== null && index === 0,
        ...(replaced !== null && index === 0 && { ends_due_of: replaced.due_of }),
        runs: part,
      };
      this.tellPool(record, "materialize", `runs:${this.#place.host.now()}:${what}:${index}`, command);
    }
  }
}

/** The pool that keeps the deployment's runs. */
export function poolOf(record: DeploymentRecord): string {
  return poolNameOfRun(record.work_pool_name, record.flow_id);
}

/** What a pool has to know of a deployment. */
export function noteOf(record: DeploymentRecord): DeploymentNote {
  const options = record.details.concurrency_options;
  return {
    deployment_id: record.id,
    revision: record.revision,
    concurrency_limit: record.concurrency_limit,
    collision_strategy: options?.collision_strategy ?? "ENQUEUE",
    grace_period_seconds: options?.grace_period_seconds ?? null,
  };
}

/** Parts of about {@link EFFECT_BYTES_MAX}; at least one part, also of nothing. */
function splitBySize(runs: readonly RunDraft[]): RunDraft[][] {
  const parts: RunDraft[][] = [[]];
  let bytes = 0;
  for (const run of runs) {
    const size = JSON.stringify(run).length;
    if (bytes > 0 && bytes + size > EFFECT_BYTES_MAX) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(run);
    bytes += size;
  }
  return parts;
}
