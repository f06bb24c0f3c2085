/** Finished runs move to their day's journal, are read from there, and come back when somebody writes to them. */
import {
  ENVELOPE_VERSION,
  addressOfJournal,
  formatAddress,
  type AddressOf,
} from "../../contract/envelope.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { dayOfId } from "../../contract/ids.ts";
import type { RunFilter } from "../../contract/wire/filters.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { isTerminal, type State } from "../../contract/wire/states.ts";
import { compareRuns } from "../../domain/flow-run/sort-runs.ts";
import { chooseDays, startOfDay } from "../../domain/pool/journal-days.ts";
import type { Answer, Effect } from "../shared/actor.ts";
import type { KeptRun } from "../shared/kept-run.ts";
import { namesQueues } from "../shared/run-filter.ts";
import { mintRequestId, type PoolContext } from "./context.ts";
import type { PoolOperations } from "./operations.ts";
import type { StoredRun } from "./rows.ts";
import { refuseRun, type RunRecords } from "./run-records.ts";
import { STATES_LISTED_MAX } from "./run-states.ts";

const DAY_MS = 86_400_000;
/** A run with its states is one row on the way, and a row holds 2 MiB: a larger one stays in its pool until it is deleted. */
const KEPT_CHARACTERS_MAX = 600_000;

/** The pool's part of the journals: nothing is deleted here before the journal has said that it keeps it. */
export class PoolJournals {
  readonly #context: PoolContext;
  readonly #records: RunRecords;

  constructor(context: PoolContext, records: RunRecords) {
    this.#context = context;
    this.#records = records;
  }

  #addressOf(day: string): AddressOf<"journal"> {
    const { workspace, key } = this.#context.host.address;
    return { ...addressOfJournal(workspace, key, day), kind: "journal" };
  }

  async #ask<Value>(day: string, operation: string, command: unknown): Promise<Result<Value>> {
    const { host } = this.#context;
    return (await host.call({
      v: ENVELOPE_VERSION,
      address: this.#addressOf(day),
      actor: formatAddress(host.address),
      request_id: mintRequestId(this.#context),
      operation,
      command,
    })) as Result<Value>;
  }

  /** Sends a finished run to its journal. It stays here until the journal has it. */
  move(stored: StoredRun): void {
    const { host, send, store } = this.#context;
    const { run, priority, fence } = stored;
    const day = dayOfId(run.id);
    if (day === undefined || run.state_type === null || !isTerminal(run.state_type)) return;
    if (store.attempts.readActive(run.id) !== undefined) {
      this.#moveLater(stored);
      return;
    }
    const states = store.states.listStates(run.id, STATES_LISTED_MAX);
    const kept: KeptRun = { run, priority, fence, states, moved_at: host.now() };
    if (JSON.stringify(kept).length > KEPT_CHARACTERS_MAX) return;
    send(this.#addressOf(day), "keep_run", mintRequestId(this.#context), { kept });
  }

  #moveLater(stored: StoredRun): void {
    const { host, store, wakeAt, move_after_ms } = this.#context;
    if (move_after_ms === null) return;
    const at = host.now() + Math.max(move_after_ms, 1000);
    store.runs.writeRun(stored, { due_at: null, deadline: { at, kind: "move" } }, host.now());
    wakeAt(at);
  }

  /** The journal has answered: a run that was not written to meanwhile goes. */
  settleMove({ command }: Effect, result: Result<unknown>): void {
    const { store } = this.#context;
    const { kept } = command as { kept: KeptRun };
    const stored = store.runs.readRun(kept.run.id);
    const day = dayOfId(kept.run.id);
    if (stored === undefined || day === undefined) return;
    if (!result.ok) {
      this.#moveLater(stored);
      return;
    }
    // One that was written to has a deadline of its own again; what the journal has is then replaced.
    if (JSON.stringify(stored.run) !== JSON.stringify(kept.run) || stored.fence !== kept.fence) return;
    store.runs.deleteRun(kept.run.id, true);
    store.moved.writeMoved(kept.run.id, day);
  }

  /** Tells whether a run is not here but in its journal. */
  hasMoved(id: string): boolean {
    const { store } = this.#context;
    return !store.runs.hasRun(id) && store.moved.hasMoved(id);
  }

  /** Brings a run back and does what it was needed for, in one turn. */
  async recall<Value>(id: string, body: () => Answer<Value>): Promise<Result<Value>> {
    const { host, send, store, turn, wakeAt, move_after_ms } = this.#context;
    const day = dayOfId(id);
    if (day === undefined) return refuseRun(id);
    const found = await this.#ask<KeptRun>(day, "read_kept_run", { id });
    if (!found.ok && found.error.code !== "not_found") return found;
    const done: { answer: Answer<Value> } = { answer: refuse("unavailable") };
    await turn("recall", () => {
      if (this.hasMoved(id)) {
        store.moved.deleteMoved(id);
        if (found.ok) {
          const { run, priority, fence, states, moved_at } = found.value;
          for (const state of states) store.states.writeState(id, state);
          const at = host.now() + Math.max(move_after_ms ?? 0, 1000);
          store.runs.writeRun(
            {
              run,
              priority,
              fence,
              is_parked: false,
              slot_lease_id: null,
              slot_expires_at: null,
              slot_request_id: null,
            },
            { due_at: null, deadline: move_after_ms === null ? null : { at, kind: "move" } },
            host.now(),
          );
          wakeAt(at);
          send(this.#addressOf(day), "drop_run", mintRequestId(this.#context), { id, moved_at });
        }
      }
      done.answer = body();
    });
    return done.answer;
  }

  async read(id: string): Promise<Result<FlowRun>> {
    const kept = await this.#readKept(id);
    return kept.ok ? accept(this.#records.present(kept.value.run)) : kept;
  }

  async readStates(id: string): Promise<Result<State[]>> {
    const kept = await this.#readKept(id);
    return kept.ok ? accept(kept.value.states) : kept;
  }

  async #readKept(id: string): Promise<Result<KeptRun>> {
    const kept = await this.#ask<KeptRun>(dayOfId(id) ?? "", "read_kept_run", { id });
    if (kept.ok || kept.error.code !== "not_found") return kept;
    // It may have come back in between.
    const stored = this.#context.store.runs.readRun(id);
    if (stored === undefined) return refuseRun(id);
    const states = this.#context.store.states.listStates(id, STATES_LISTED_MAX);
    return accept({ ...stored, states, moved_at: 0 });
  }

  /** Merges a page of the runs that are here with those that the journals of the days in question have. */
  filter(
    command: PoolOperations["filter_runs"]["command"],
    listOwn: (limit: number, offset: number) => FlowRun[],
  ): Answer<FlowRun[]> {
    const { filter, sort, limit, offset } = command;
    const days = this.#daysOf(filter);
    if (days.length === 0) return accept(listOwn(limit, offset));
    const own = listOwn(offset + limit, 0);
    const queues = this.#queuesOf(filter);
    return Promise.all(
      days.map((day) =>
        this.#ask<FlowRun[]>(day, "filter_runs", { filter, queues, sort, limit: offset + limit }),
      ),
    ).then((pages) => {
      const failed = pages.find((page) => !page.ok);
      if (failed !== undefined && !failed.ok) return failed;
      const here = new Set(own.map(({ id }) => id));
      const kept = pages
        .flatMap((page) => (page.ok ? page.value : []))
        .filter(({ id }) => !here.has(id))
        .map((run) => this.#records.present(run));
      return accept([...own, ...kept].toSorted(compareRuns(sort)).slice(offset, offset + limit));
    });
  }

  /** Counts also what the journals of the days in question have. */
  count(filter: RunFilter, own: number): Answer<number> {
    const days = this.#daysOf(filter);
    if (days.length === 0) return accept(own);
    const queues = this.#queuesOf(filter);
    return Promise.all(days.map((day) => this.#ask<number>(day, "count_runs", { filter, queues }))).then(
      (counts) => {
        const failed = counts.find((count) => !count.ok);
        if (failed !== undefined && !failed.ok) return failed;
        return accept(counts.reduce((sum, count) => sum + (count.ok ? count.value : 0), own));
      },
    );
  }

  #daysOf(filter: RunFilter): string[] {
    const { store, host } = this.#context;
    return chooseDays(store.moved.listDays(), filter, host.now());
  }

  #queuesOf(filter: RunFilter): { id: string; name: string }[] {
    if (!namesQueues(filter)) return [];
    return this.#context.store.catalog.listQueues().map(({ id, name }) => ({ id, name }));
  }

  /** A day's journal is old enough to go. It is needed while a run of that day is here; else the day is forgotten. */
  retireDay(day: string): Result<{ is_needed: boolean }> {
    const { store } = this.#context;
    const [from, until] = [startOfDay(day), startOfDay(day) + DAY_MS].map(firstIdOf);
    if (from === undefined || until === undefined) return accept({ is_needed: true });
    const is_needed = store.runs.hasRunBetween(from, until);
    if (!is_needed) store.moved.deleteDay(day, from, until);
    return accept({ is_needed });
  }
}

/** The text before all ids of that millisecond: ids of runs begin with their time. */
function firstIdOf(ms: number): string {
  const hex = ms.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
