/** One run that waits goes before the others: in its queue, and in the line of its deployment's limit. */
import { PLACES_COUNTED_MAX } from "../../contract/bounds.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import type { FlowRunMoved } from "../../contract/wire/flow-runs.ts";
import { findLine, priorityAtFront } from "../../domain/pool/front.ts";
import type { ActEnvelope } from "../shared/acts.ts";
import type { PoolContext } from "./context.ts";
import type { DeploymentLimit } from "./deployment-limit.ts";
import { refuseRun, type RunRecords } from "./run-records.ts";
import { targetOfRun } from "./run-states.ts";

/**
 * The front of a queue is a lower priority than that of whoever stood there; the times of a run stay as they are. It keeps
 * its place until it has ended, so also when its worker is lost and it is given back. Priorities of queues stay above it.
 */
export class RunFront {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  readonly #limit: DeploymentLimit;

  constructor(context: PoolContext, records: RunRecords, limit: DeploymentLimit) {
    [this.#context, this.#records, this.#limit] = [context, records, limit];
  }

  move(id: string, envelope?: ActEnvelope): Result<FlowRunMoved> {
    const { acts, host, store, wake } = this.#context;
    const stored = store.runs.readRun(id);
    if (stored === undefined) return refuseRun(id);
    const { run, priority: before } = stored;
    const is_claimed = store.attempts.readActive(id) !== undefined;
    const waits = findLine({ ...stored, is_claimed }, host.now());
    if (waits.line === null) return refuse("conflict", waits.reason);
    const home = run.work_queue_id ?? run.deployment_id ?? "";
    const passed =
      waits.line === "queue"
        ? store.line.countReadyBefore(home, before, waits.due_at, id, PLACES_COUNTED_MAX)
        : null;
    stored.priority = priorityAtFront({ id, priority: before }, store.line.readFirst(home));
    if (stored.priority !== before) this.#records.save(stored, run);
    if (waits.line === "limit") this.#limit.moveToFront(stored);
    else wake("run_ready");
    const line =
      waits.line === "limit"
        ? { kind: "limit" as const, name: `deployment:${run.deployment_id}` }
        : run.work_queue_id === null
          ? { kind: "deployment" as const, name: run.deployment_id ?? "" }
          : { kind: "work_queue" as const, name: this.#records.present(run).work_queue_name ?? "" };
    if (passed !== 0)
      acts.tell(envelope, "to_front", targetOfRun(run), {
        [line.kind]: { to: line.name },
        ...(passed !== null && { passed: { to: passed } }),
      });
    return accept({ line, passed });
  }
}
