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
import type { RunLease } from "../../contract/wire/limits.ts";
import type { RunInput } from "../../contract/wire/run-inputs.ts";
import type { RunSummary } from "../../contract/wire/run-summaries.ts";
import { isTerminal, type State } from "../../contract/wire/states.ts";
import { compareKeys, findPageFault, inOrder, type RunKey } from "../../domain/flow-run/sort-runs.ts";
import { chooseDays, startOfDay } from "../../domain/pool/journal-days.ts";
import type { Answer, Effect } from "../shared/actor.ts";
import type { KeptFilter, KeptRun } from "../shared/kept-run.ts";
import { namesQueues } from "../shared/run-filter.ts";
import { mintRequestId, type PoolContext } from "./context.ts";
import { explainEnd } from "./explanations.ts";
import { INPUT_NOT_FOUND, pickInputs, type InputFilter } from "./inputs.ts";
import type { PoolOperations } from "./operations.ts";
import type { StoredRun } from "./rows.ts";
import { refuseRun, type RunRecords } from "./run-records.ts";
import { STATES_LISTED_MAX } from "./run-states.ts";

const DAY_MS = 86_400_000;
/** A run with its states is one row on the way, and a row holds 2 MiB: a larger one stays in its pool until it is deleted. */
const KEPT_CHARACTERS_MAX = 600_000;
/** Runs on their way at a time; the others wait for their turn. */
const MOVING_MAX = 500;
const MOVING_PAUSE_MS = 10_000;
/** A question that runs keep moving under is asked so often; then its last answer must do. */
const ASK_TRIES_MAX = 5;
/** Journals that are searched for a state. */
const DAYS_SEARCHED_MAX = 31;
const STATE_NOT_FOUND = "Flow run state not found";

type Explanation = PoolOperations["explain_run"]["answer"];
type PageCommand = PoolOperations["list_run_keys"]["command"];

/** The pool's part of the journals: nothing is deleted here before the journal has said that it keeps it. */
export class PoolJournals {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  /** How many runs this instance has sent on their way, and brought back. */
  #moves = 0;
  #recalls = 0;

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

  /**
   * Sends an effect on a run's journal. Its id begins with the run's, so that the outbox tells which runs are in doubt:
   * until it is acknowledged, only the pool says what became of them.
   */
  #send(run_id: string, day: string, operation: "keep_run" | "drop_run", command: object): void {
    const request_id = `${run_id}/${mintRequestId(this.#context)}`;
    this.#context.send(this.#addressOf(day), operation, request_id, command);
  }

  #toKept({ run, priority, fence }: StoredRun, moved_at: number): KeptRun {
    const { store } = this.#context;
    const states = store.states.listStates(run.id, STATES_LISTED_MAX);
    const [inputs, leases] = [store.inputs.listAll(run.id), store.leases.listLeases(run.id)];
    return { run, priority, fence, states, inputs, leases, moved_at };
  }

  /** Sends a finished run to its journal. It stays here until the journal has it. */
  move(stored: StoredRun): void {
    const { host, store, move_after_ms } = this.#context;
    const { run } = stored;
    const day = dayOfId(run.id);
    if (day === undefined || run.state_type === null || !isTerminal(run.state_type)) return;
    if (store.attempts.readActive(run.id) !== undefined) {
      this.#moveLater(stored, move_after_ms);
      return;
    }
    if (store.moved.listInDoubt().length >= MOVING_MAX) {
      this.#moveLater(stored, MOVING_PAUSE_MS);
      return;
    }
    const kept = this.#toKept(stored, host.now());
    if (JSON.stringify(kept).length > KEPT_CHARACTERS_MAX) return;
    this.#moves += 1;
    this.#send(run.id, day, "keep_run", { kept });
  }

  #moveLater(stored: StoredRun, ms: number | null): void {
    const { host, store, wakeAt } = this.#context;
    if (ms === null) return;
    const at = host.now() + Math.max(ms, 1000);
    store.runs.writeRun(stored, { due_at: null, deadline: { at, kind: "move" } }, host.now());
    wakeAt(at);
  }

  /** The journal has answered: a run that was not written to meanwhile goes. */
  settleMove({ command }: Effect, result: Result<unknown>): void {
    const { store, move_after_ms } = this.#context;
    const { kept } = command as { kept: KeptRun };
    const { id } = kept.run;
    const stored = store.runs.readRun(id);
    const day = dayOfId(id);
    if (day === undefined) return;
    if (!result.ok) {
      if (stored !== undefined) this.#moveLater(stored, move_after_ms);
      return;
    }
    // What was deleted or written to meanwhile must not be found in the journal as it was.
    const isSame =
      stored !== undefined && JSON.stringify(this.#toKept(stored, kept.moved_at)) === JSON.stringify(kept);
    if (!isSame) {
      this.#send(id, day, "drop_run", { id, moved_at: kept.moved_at });
      // Who writes the run itself says when it moves. An input, or a lease that has ended, does not.
      if (stored !== undefined && JSON.stringify(stored.run) === JSON.stringify(kept.run))
        this.#moveLater(stored, move_after_ms);
      return;
    }
    store.runs.deleteRun(id, true);
    store.moved.writeMoved(id, day);
  }

  /** Tells whether a run is not here but in its journal. */
  hasMoved(id: string): boolean {
    const { store } = this.#context;
    return !store.runs.hasRun(id) && store.moved.hasMoved(id);
  }

  /** Brings a run back and does what it was needed for, in one turn. */
  async recall<Value>(id: string, body: () => Answer<Value>): Promise<Result<Value>> {
    const { host, store, turn, wakeAt, move_after_ms } = this.#context;
    const day = dayOfId(id);
    if (day === undefined) return refuseRun(id);
    const found = await this.#ask<KeptRun>(day, "read_kept_run", { id });
    if (!found.ok && found.error.code !== "not_found") return found;
    const done: { answer: Answer<Value> } = { answer: refuse("unavailable") };
    await turn("recall", () => {
      if (this.hasMoved(id)) {
        store.moved.deleteMoved(id);
        if (found.ok) {
          const { run, priority, fence, states, inputs = [], leases = [], moved_at } = found.value;
          for (const state of states) store.states.writeState(id, state);
          for (const input of inputs) store.inputs.writeInput(input);
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
          for (const lease of leases) store.leases.writeLease(lease);
          wakeAt(at);
          this.#recalls += 1;
          this.#send(id, day, "drop_run", { id, moved_at });
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

  async filterInputs(of: InputFilter): Promise<Result<RunInput[]>> {
    const kept = await this.#readKept(of.id);
    return kept.ok ? accept(pickInputs(kept.value.inputs ?? [], of)) : kept;
  }

  async readInput(id: string, key: string): Promise<Result<string>> {
    const kept = await this.#readKept(id);
    if (!kept.ok) return kept;
    const input = kept.value.inputs?.find((found) => found.key === key);
    return input === undefined ? refuse("not_found", INPUT_NOT_FOUND) : accept(input.value);
  }

  async listLeases(id: string): Promise<Result<RunLease[]>> {
    const kept = await this.#readKept(id);
    return kept.ok ? accept(kept.value.leases ?? []) : kept;
  }

  async explain(id: string): Promise<Result<Explanation>> {
    const kept = await this.#readKept(id);
    return kept.ok ? explainEnd(kept.value.run) : kept;
  }

  /** A state of a run that has moved, by its own id: the days around the one on which it was made are asked first. */
  async findState(id: string): Promise<Result<State>> {
    const made = dayOfId(id);
    if (made !== undefined) {
      const away = (day: string) => Math.abs(startOfDay(day) - startOfDay(made));
      const days = this.#context.store.moved
        .listDays()
        .toSorted((left, right) => away(left) - away(right))
        .slice(0, DAYS_SEARCHED_MAX);
      for (const day of days) {
        const found = await this.#ask<State>(day, "read_kept_state", { id });
        if (found.ok || found.error.code !== "not_found") return found;
      }
    }
    return refuse("not_found", STATE_NOT_FOUND);
  }

  async #readKept(id: string): Promise<Result<KeptRun>> {
    const kept = await this.#ask<KeptRun>(dayOfId(id) ?? "", "read_kept_run", { id });
    if (kept.ok || kept.error.code !== "not_found") return kept;
    // It may have come back in between.
    const stored = this.#context.store.runs.readRun(id);
    return stored === undefined ? refuseRun(id) : accept(this.#toKept(stored, 0));
  }

  /** Merges the keys of the runs that are here with those that the journals of the days in question have. */
  listKeys(command: PageCommand, listOwn: (limit: number, offset: number) => RunKey[]): Answer<RunKey[]> {
    const { filter, sort, limit, offset } = command;
    if (this.#daysOf(filter).length === 0) return accept(listOwn(limit, offset));
    return this.#askAll<RunKey[]>(filter, "list_run_keys", { sort, limit: offset + limit }, () =>
      listOwn(offset + limit, 0),
    ).then((found) => {
      if (!found.ok) return found;
      const { own, kept } = found.value;
      const here = new Set(own.map(({ id }) => id));
      // A run that has left since its pool was read is there twice, with the same key.
      const others = kept.flat().filter(({ id }) => !here.has(id));
      return accept([...own, ...others].toSorted(compareKeys(sort)).slice(offset, offset + limit));
    });
  }

  /** A page of runs, in its order. */
  filter(command: PageCommand, listOwn: (limit: number, offset: number) => RunKey[]): Answer<FlowRun[]> {
    const keys = this.listKeys(command, listOwn);
    return keys instanceof Promise ? keys.then((page) => this.#readPage(page)) : this.#readPage(keys);
  }

  #readPage(page: Result<RunKey[]>): Answer<FlowRun[]> {
    if (!page.ok) return page;
    const fault = findPageFault(page.value);
    if (fault !== undefined) return refuse("invalid", fault);
    const ids = page.value.map(({ id }) => id);
    const order = (runs: Result<FlowRun[]>) => (runs.ok ? accept(inOrder(ids, runs.value)) : runs);
    const runs = this.readRuns(ids);
    return runs instanceof Promise ? runs.then(order) : order(runs);
  }

  /** Runs by their ids, wherever they are; those that nobody has any more are left out. */
  readRuns(ids: readonly string[]): Answer<FlowRun[]> {
    const { store } = this.#context;
    const own = store.runs.readRuns(ids).map(({ run }) => this.#records.present(run));
    const here = new Set(own.map(({ id }) => id));
    const byDay = new Map<string, string[]>();
    for (const id of ids) {
      const day = here.has(id) || !store.moved.hasMoved(id) ? undefined : dayOfId(id);
      if (day !== undefined) byDay.set(day, [...(byDay.get(day) ?? []), id]);
    }
    if (byDay.size === 0) return accept(own);
    return Promise.all(
      [...byDay].map(([day, wanted]) => this.#ask<FlowRun[]>(day, "read_kept_runs", { ids: wanted })),
    ).then((answers) => {
      const failed = answers.find((answer) => !answer.ok);
      if (failed !== undefined && !failed.ok) return failed;
      const kept = answers.flatMap((answer) => (answer.ok ? answer.value : []));
      return accept([...own, ...kept.map((run) => this.#records.present(run))]);
    });
  }

  /** Counts also what the journals of the days in question have. */
  count(filter: RunFilter, countOwn: () => number): Answer<number> {
    if (this.#daysOf(filter).length === 0) return accept(countOwn());
    return this.#askAll<number>(filter, "count_runs", {}, countOwn).then((found) =>
      found.ok ? accept(found.value.kept.reduce((sum, count) => sum + count, found.value.own)) : found,
    );
  }

  /** Counts by groups what is here and what the journals of the days in question have. */
  summarize(
    { filter, intervals }: PoolOperations["summarize_runs"]["command"],
    summarizeOwn: () => RunSummary[],
  ): Answer<RunSummary[]> {
    if (this.#daysOf(filter).length === 0) return accept(summarizeOwn());
    return this.#askAll<RunSummary[]>(filter, "summarize_runs", { intervals }, summarizeOwn).then((found) =>
      found.ok ? accept([found.value.own, ...found.value.kept].flat()) : found,
    );
  }

  /**
   * Asks the pool and the journals as of one instant: where a run came back while the journals were asked, or one left
   * that a count may have seen twice, it asks again.
   */
  async #askAll<Found>(
    filter: RunFilter,
    operation: "list_run_keys" | "count_runs" | "summarize_runs",
    more: object,
    readOwn: () => Found,
  ): Promise<Result<{ own: Found; kept: Found[] }>> {
    for (let tries = 1; ; tries += 1) {
      const changes = () => (operation === "list_run_keys" ? this.#recalls : this.#recalls + this.#moves);
      const before = changes();
      const own = readOwn();
      const command: KeptFilter = {
        filter,
        queues: this.#queuesOf(filter),
        except: this.#context.store.moved.listInDoubt(),
      };
      const answers = await Promise.all(
        this.#daysOf(filter).map((day) => this.#ask<Found>(day, operation, { ...command, ...more })),
      );
      const failed = answers.find((answer) => !answer.ok);
      if (failed !== undefined && !failed.ok) return failed;
      if (changes() === before || tries === ASK_TRIES_MAX)
        return accept({ own, kept: answers.flatMap((answer) => (answer.ok ? [answer.value] : [])) });
    }
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
