/** The pool itself: what it was made with, and its tombstone. */
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { deriveShardKey } from "../../contract/ids.ts";
import { formatInstant } from "../../contract/instants.ts";
import { PROCESS_TEMPLATE } from "../../contract/process-template.ts";
import type { AuditTarget } from "../../contract/wire/audit.ts";
import type { Resource } from "../../contract/wire/events.ts";
import type { WorkPool, WorkPoolCreate, WorkPoolUpdate } from "../../contract/wire/work-pools.ts";
import { sum } from "../../domain/pool/choose.ts";
import { verbOfUpdate } from "../../domain/audit/acts.ts";
import { describeChanges } from "../../domain/audit/changes.ts";
import type { ActEnvelope } from "../shared/acts.ts";
import { nameRelated } from "../../domain/events/state-event.ts";
import { statusOfPool } from "../../domain/pool/status.ts";
import { findTemplateFault } from "../../domain/pool/template.ts";
import { mintId, mintRequestId, poolOf, type PoolContext } from "./context.ts";
import type { PoolRow, QueueRow } from "./rows.ts";
import { listWorkers } from "./workers.ts";

type Storage = WorkPool["storage_configuration"];

/** What people set, as the audit list tells it; a template may be large, and name what nobody else should read. */
const TOLD = ["description", "is_paused", "concurrency_limit", "lost_run_policy"] as const;
const HIDDEN = ["base_job_template", "storage_configuration"] as const;
export const PAUSING = { is_paused: ["pause", "resume"] } as const;

function targetOf({ id, name }: PoolRow): AuditTarget {
  return { kind: "work_pool", id, name };
}

/** Fields that are not sent stay as they are. */
function mergeStorage(before: Storage | undefined, sent: WorkPoolCreate["storage_configuration"]): Storage {
  const pick = <Key extends keyof Storage>(key: Key) => sent?.[key] ?? before?.[key] ?? null;
  return {
    bundle_upload_step: pick("bundle_upload_step"),
    bundle_execution_step: pick("bundle_execution_step"),
    default_result_storage_block_id: pick("default_result_storage_block_id"),
  };
}

/** What the events of a pool that is made or deleted name besides it (source: Prefect's `models/events.py`). */
function relatedOfPool({ default_queue_id, storage_configuration }: PoolRow): Resource[] {
  const { default_result_storage_block_id: block_id } = storage_configuration;
  return [
    { ...nameRelated("work-queue", default_queue_id), "prefect.resource.role": "default-queue" },
    ...(block_id === null
      ? []
      : [{ ...nameRelated("block-document", block_id), "prefect.resource.role": "result-storage" }]),
  ];
}

export class PoolCatalog {
  readonly #context: PoolContext;

  constructor(context: PoolContext) {
    this.#context = context;
  }

  create(command: WorkPoolCreate & { is_internal?: boolean }, envelope?: ActEnvelope): Result<WorkPool> {
    const context = this.#context;
    const { host, store, send } = context;
    const { workspace, key } = host.address;
    if (deriveShardKey("pool", workspace, command.name) !== key)
      return refuse("conflict", "This work pool does not belong here.");
    const before = store.catalog.readPool();
    if (before !== undefined && before.name !== command.name)
      return refuse(
        "conflict",
        `The name ${command.name} cannot be used: it shares its place with ${before.name}.`,
      );
    if (before !== undefined && before.deleted_at === null)
      return command.is_internal === true
        ? accept(this.presentPool(before))
        : refuse("conflict", "A work pool with this name already exists.");
    const type = command.type ?? "process";
    const template =
      command.base_job_template === null || command.base_job_template === undefined
        ? type === "process"
          ? PROCESS_TEMPLATE
          : {}
        : command.base_job_template;
    const fault = findTemplateFault(template);
    if (fault !== undefined) return refuse("invalid", fault);
    const now = formatInstant(host.now());
    const queue: QueueRow = {
      id: mintId(context, "queue"),
      name: "default",
      created: now,
      updated: now,
      description: "The work pool's default queue.",
      is_paused: false,
      concurrency_limit: null,
      priority: 1,
      last_polled: null,
    };
    const pool: PoolRow = {
      id: mintId(context, "pool"),
      name: command.name,
      created: now,
      updated: now,
      description: command.description ?? null,
      type,
      base_job_template: template,
      is_paused: command.is_paused ?? false,
      concurrency_limit: command.concurrency_limit ?? null,
      default_queue_id: queue.id,
      storage_configuration: mergeStorage(undefined, command.storage_configuration),
      lost_run_policy: command.lost_run_policy ?? "crash",
      is_internal: command.is_internal ?? false,
      deleted_at: null,
    };
    store.catalog.deleteAllQueues();
    store.catalog.deleteAllWorkers();
    store.catalog.writePool(pool);
    store.catalog.writeQueue(queue);
    context.noteChange({ kind: "work-queue", before: null, after: queue });
    context.noteChange({ kind: "work-pool", before: null, after: pool, related: relatedOfPool(pool) });
    if (!pool.is_internal)
      send(addressOfWorkspace(workspace), "register", mintRequestId(context), {
        kind: "pool",
        entry: { id: pool.id, name: pool.name, key },
      });
    context.acts.tell(envelope, "create", targetOf(pool), describeChanges(null, pool, ["type", ...TOLD]));
    return accept(this.presentPool(pool));
  }

  presentPool(pool: PoolRow): WorkPool {
    const { store, host } = this.#context;
    const now = host.now();
    return {
      id: pool.id,
      created: pool.created,
      updated: pool.updated,
      name: pool.name,
      description: pool.description,
      type: pool.type,
      base_job_template: pool.base_job_template,
      is_paused: pool.is_paused,
      concurrency_limit: pool.concurrency_limit,
      status: statusOfPool(pool.is_paused, listWorkers(this.#context), now),
      active_slots:
        pool.concurrency_limit === null ? null : sum(store.attempts.countActiveByQueue().values()),
      default_queue_id: pool.default_queue_id,
      storage_configuration: pool.storage_configuration,
      lost_run_policy: pool.lost_run_policy,
    };
  }

  update(update: WorkPoolUpdate, envelope: ActEnvelope): Result<WorkPool> {
    const { acts, store, host, statuses, wake, noteChange } = this.#context;
    const pool = poolOf(this.#context);
    const template = update.base_job_template;
    const fault = template === undefined || template === null ? undefined : findTemplateFault(template);
    if (fault !== undefined) return refuse("invalid", fault);
    const next: PoolRow = {
      ...pool,
      updated: formatInstant(host.now()),
      ...(update.description !== undefined && { description: update.description }),
      ...(typeof update.is_paused === "boolean" && { is_paused: update.is_paused }),
      ...(template !== undefined && template !== null && { base_job_template: template }),
      ...(update.concurrency_limit !== undefined && { concurrency_limit: update.concurrency_limit }),
      ...(update.storage_configuration !== undefined && {
        storage_configuration: mergeStorage(pool.storage_configuration, update.storage_configuration),
      }),
      ...(update.lost_run_policy !== undefined &&
        update.lost_run_policy !== null && { lost_run_policy: update.lost_run_policy }),
    };
    store.catalog.writePool(next);
    noteChange({ kind: "work-pool", before: pool, after: next });
    const changes = describeChanges(pool, next, TOLD, HIDDEN);
    acts.tellChange(envelope, verbOfUpdate(changes, PAUSING), targetOf(pool), changes);
    wake("pool_changed");
    statuses.look();
    return accept(this.presentPool(next));
  }

  /** Leaves a tombstone: the runs stay readable, the scheduled ones are cancelled by and by. */
  delete(envelope: ActEnvelope): Result<null> {
    const context = this.#context;
    const { store, host, send, wake, wakeAt } = context;
    const pool = poolOf(context);
    store.catalog.writePool({ ...pool, deleted_at: host.now() });
    for (const queue of store.catalog.listQueues())
      context.noteChange({ kind: "work-queue", before: queue, after: null });
    context.noteChange({ kind: "work-pool", before: pool, after: null, related: relatedOfPool(pool) });
    store.catalog.deleteAllQueues();
    send(addressOfWorkspace(host.address.workspace), "unregister", mintRequestId(context), {
      kind: "pool",
      name: pool.name,
      id: pool.id,
    });
    context.acts.tell(envelope, "delete", targetOf(pool), describeChanges(pool, null, ["type", ...TOLD]));
    wake("pool_changed");
    wakeAt(host.now());
    return accept(null);
  }
}
