/** What the hub passes on of the events that it stores: task runs, signs of life, whose lease is whose. */
import { foreignAttemptOf } from "../../contract/attempts.ts";
import { addressOfKey, type ObjectAddress } from "../../contract/envelope.ts";
import type { Result } from "../../contract/errors.ts";
import { keyOfId, type ShardKey } from "../../contract/ids.ts";
import { journalOfTaskRun, type JournalAddress } from "../../contract/journals.ts";
import { poolToTell } from "../../contract/signs-of-life.ts";
import type { Event } from "../../contract/wire/events.ts";
import type { RunIdentity, TiedLease } from "../../contract/wire/limits.ts";
import type { TaskRunChange } from "../../contract/wire/task-runs.ts";
import { acquirerOf, leaseOf, nameLimit } from "../../domain/events/lease-event.ts";
import { flowRunOf, readTaskRunChange } from "../../domain/events/task-run-change.ts";
import type { Effect } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { callUnstored } from "../shared/unstored-call.ts";

/** Reports of task runs that go to a journal together: an effect is a row, which holds 2 MiB. */
const CHANGES_PER_EFFECT = 20;
const LARGE_CHARACTERS = 20_000;

type Send = (target: ObjectAddress, operation: string, request_id: string, command: unknown) => void;

export class EventRouting {
  readonly #host: ObjectHost;
  readonly #send: Send;

  constructor(host: ObjectHost, send: Send) {
    this.#host = host;
    this.#send = send;
  }

  /** Passes on what events that are stored now say. */
  route(events: readonly Event[]): void {
    this.#routeTaskRuns(events);
    this.#passSignsOfLifeOn(events);
  }

  /** Task runs are kept by the journal of their flow run; they get there whatever happens in between. */
  #routeTaskRuns(events: readonly Event[]): void {
    const { workspace } = this.#host.address;
    const byJournal = new Map<string, { address: JournalAddress; changes: TaskRunChange[] }>();
    for (const event of events) {
      const change = readTaskRunChange(event);
      if (change === undefined) continue;
      const address = journalOfTaskRun(workspace, change, this.#host.now());
      if (JSON.stringify(change).length > LARGE_CHARACTERS) {
        this.#sendChanges(address, [change]);
        continue;
      }
      const group = byJournal.get(address.key) ?? { address, changes: [] };
      group.changes.push(change);
      byJournal.set(address.key, group);
      if (group.changes.length < CHANGES_PER_EFFECT) continue;
      this.#sendChanges(address, group.changes);
      byJournal.delete(address.key);
    }
    for (const { address, changes } of byJournal.values()) this.#sendChanges(address, changes);
  }

  #sendChanges(address: JournalAddress, changes: TaskRunChange[]): void {
    this.#send(address, "record_task_runs", `task-runs-${changes[0]?.state.id}`, { changes });
  }

  /** Pools hear that processes live. A lost sign is followed by others before anybody is given up. */
  #passSignsOfLifeOn(events: readonly Event[]): void {
    const beats = new Map<ShardKey, Set<string>>();
    const working = new Map<string, ShardKey>();
    for (const event of events) {
      const isHeartbeat = event.event === "prefect.flow-run.heartbeat";
      if (!isHeartbeat && !event.event.startsWith("prefect.task-run.")) continue;
      const id = flowRunOf(event);
      if (id === undefined) continue;
      const key = isHeartbeat ? keyOfId(id, "flow_run") : poolToTell(id, this.#host.now());
      if (key === undefined) continue;
      if (isHeartbeat) beats.set(key, (beats.get(key) ?? new Set()).add(id));
      else working.set(id, key);
    }
    for (const [key, ids] of beats) this.#tellPool(key, "hear_heartbeats", { ids: [...ids] });
    for (const [id, key] of working) this.#tellPool(key, "touch_run", { id });
  }

  #tellPool(key: ShardKey, operation: string, command: unknown): void {
    const pool = addressOfKey(this.#host.address.workspace, "pool", key);
    this.#host.background(callUnstored(this.#host, pool, operation, command));
  }

  /**
   * An event that names a lease in place of its limit waits in the outbox until the limit has said its id, and knows
   * whose the lease is. False: it is not one.
   */
  askLimit(event: Event): boolean {
    const lease_id = leaseOf(event);
    const key = lease_id === undefined ? undefined : keyOfId(lease_id, "lease");
    if (key === undefined || JSON.stringify(event).length > LARGE_CHARACTERS) return false;
    const flow_run_id = acquirerOf(event);
    const run = flow_run_id === undefined ? null : foreignAttemptOf(flow_run_id);
    const limit = addressOfKey(this.#host.address.workspace, "limit", key);
    this.#send(limit, "tie_lease", `lease-${event.id}`, { lease_id, run, event });
    return true;
  }

  /** The limit has answered: the run's pool is to tell it of the end of the run. Returns the event with the limit's id. */
  hearLimit({ command, target }: Effect, result: Result<unknown>): Event {
    const { lease_id, run, event } = command as { lease_id: string; run: RunIdentity | null; event: Event };
    if (!result.ok) return event;
    const { limit_id, is_tied } = result.value as TiedLease;
    const pool_key = run === null ? undefined : keyOfId(run.flow_run_id, "flow_run");
    if (is_tied && pool_key !== undefined) {
      const pool = addressOfKey(this.#host.address.workspace, "pool", pool_key);
      this.#send(pool, "note_limit", `note-${event.id}`, { run, limit_key: target.key });
    }
    return nameLimit(event, lease_id, limit_id);
  }
}
