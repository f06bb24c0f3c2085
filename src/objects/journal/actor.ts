import { addressOfKey } from "../../contract/envelope.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { NO_POOL_KEY } from "../../contract/journals.ts";
import type { Log } from "../../contract/wire/logs.ts";
import { readPage } from "../../domain/journal/read-logs.ts";
import { planWrite } from "../../domain/journal/write-logs.ts";
import { Actor, type Answer, type Effect, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { handleArtifacts } from "./artifacts.ts";
import { migrations } from "./migrations.ts";
import type { JournalOperations } from "./operations.ts";
import { toCondition } from "../shared/run-filter.ts";
import { KeptRunStore } from "./run-store.ts";
import { JournalStore } from "./store.ts";
import { TaskRuns } from "./task-runs.ts";

type Tail = JournalOperations["tail_logs"];

/** A caller who waits for the next log of a run. */
interface Ear {
  command: Tail["command"];
  deadline: number;
  resolve: (result: Result<Tail["answer"]>) => void;
}

export interface JournalOptions {
  /** Days after the last write at which everything is deleted. */
  retention_days: number;
}

const DAY_MS = 86_400_000;
/** Ids of logs carry 22 bits beside their millisecond. */
const TAIL_BITS = 22;
/** What a journal answers with an empty list before anything was written to it. */
const LISTING: ReadonlySet<string> = new Set([
  "filter_logs",
  "list_run_keys",
  "read_kept_runs",
  "summarize_runs",
  "filter_task_runs",
  "find_runs_of_task_runs",
  "summarize_task_runs",
]);
/** Operations that have nothing to do where nothing was ever written. */
const NEEDLESS: ReadonlySet<string> = new Set([
  "delete_run_logs",
  "cancel_children",
  "crash_children",
  "drop_run",
]);
/** One answer carries about this many characters at most. */
const TAIL_CHARACTERS_MAX = 4_000_000;

/**
 * The journal of one pool and one UTC day: the logs and artifacts of the runs whose ids carry both, and those of the
 * runs that have finished and moved here.
 *
 * What is atomic: a batch, with the note of what its sender had numbered. The alarm ends waiting callers and, once
 * nothing was written for as long as logs are kept and the pool has no run of that day any more, deletes everything at
 * once.
 */
export class JournalActor extends Actor<JournalOperations> {
  /** A tail may come before the first log; the API has seen that its run exists. */
  protected readonly creating: ReadonlySet<string> = new Set([
    "write_logs",
    "tail_logs",
    "keep_run",
    "create_artifact",
    "record_task_runs",
    "create_task_run",
  ]);
  protected readonly handlers: Handlers<JournalOperations> = {
    ...handleArtifacts(this.host, () => this.#keep()),
    write_logs: ({ logs }) => {
      this.#keep();
      const now = this.host.now();
      const plan = planWrite({
        now,
        logs,
        first_tail: this.#tail,
        lastChunk: (id) => this.#store.lastChunk(id),
        seen: (id, attempt) => this.#store.seen(id, attempt),
      });
      this.#tail = (this.#tail + logs.length) % 2 ** TAIL_BITS;
      this.#store.apply(plan);
      const written = new Set(plan.chunks.map(({ flow_run_id }) => flow_run_id));
      // Told in a turn of its own: nobody hears of a log that is not durable.
      if ([...written].some((id) => this.#ears.has(id)))
        void this.turn("tell ears", () => {
          for (const id of written) this.#tellEars(id);
        });
      return accept(null);
    },
    filter_logs: ({ filter, sort, limit, offset }) => {
      const chunks = this.#store.listChunks(filter.flow_run_ids);
      const openChunk = (chunk: (typeof chunks)[number]) => this.#store.openChunk(chunk);
      return accept(readPage({ chunks, filter, sort, limit, offset, openChunk }));
    },
    tail_logs: (command) => this.#tailLogs(command),
    find_log_place: ({ flow_run_id, since }) => accept({ place: this.#store.findPlace(flow_run_id, since) }),
    keep_run: ({ kept }) => {
      this.#keep();
      this.#runs.writeRun(kept);
      return accept(null);
    },
    read_kept_run: ({ id }) => {
      const kept = this.#runs.readRun(id);
      return kept === undefined ? refuse("not_found", "Flow run not found") : accept(kept);
    },
    read_kept_state: ({ id }) => {
      const state = this.#runs.findState(id);
      return state === undefined ? refuse("not_found", "Flow run state not found") : accept(state);
    },
    drop_run: ({ id, moved_at }) => {
      this.#runs.deleteRun(id, moved_at);
      return accept(null);
    },
    list_run_keys: ({ filter, queues, except = [], sort, limit }) =>
      accept(this.#runs.listKeys(toCondition(filter, queues), except, sort, limit)),
    read_kept_runs: ({ ids }) => accept(this.#runs.readRuns(ids)),
    count_runs: ({ filter, queues, except = [] }) =>
      accept(this.#runs.countRuns(toCondition(filter, queues), except)),
    record_task_runs: ({ changes }) => {
      this.#keep();
      this.#taskRuns.record(changes);
      return accept(null);
    },
    create_task_run: (command) => {
      this.#keep();
      return this.#taskRuns.create(command);
    },
    cancel_children: ({ flow_run_id }) => {
      this.#taskRuns.cancelOfRun(flow_run_id);
      return accept(null);
    },
    crash_children: ({ flow_run_id }) => {
      this.#taskRuns.crashSubflowsOf(flow_run_id);
      return accept(null);
    },
    read_task_run: ({ id }) => this.#taskRuns.read(id),
    rename_task_run: ({ id, name }) => this.#taskRuns.rename(id, name),
    delete_task_run: ({ id }) => this.#taskRuns.delete(id),
    set_task_run_state: (command) => this.#taskRuns.setState(command),
    read_task_run_states: ({ id }) => this.#taskRuns.readStates(id),
    read_task_run_state: ({ id }) => this.#taskRuns.readState(id),
    filter_task_runs: (command) => accept(this.#taskRuns.filter(command)),
    count_task_runs: (command) => accept(this.#taskRuns.count(command)),
    find_runs_of_task_runs: (command) => accept(this.#taskRuns.findRuns(command)),
    summarize_task_runs: (command) => accept(this.#taskRuns.summarize(command)),
    summarize_runs: ({ filter, queues, except = [], intervals }) => {
      const span = { intervals, now: this.host.now() };
      return accept(this.#runs.summarizeRuns(toCondition(filter, queues), except, span));
    },
    delete_run_logs: ({ flow_run_id }) => {
      this.#taskRuns.deleteOfRun(flow_run_id);
      this.#store.deleteRun(flow_run_id);
      return accept(null);
    },
  };
  readonly #store: JournalStore;
  readonly #runs: KeptRunStore;
  readonly #taskRuns: TaskRuns;
  readonly #retentionMs: number;
  /** The pool has said that nothing of this day is needed. Lost with the instance: it is asked again. */
  #mayGo = false;
  #tail: number;
  readonly #ears = new Map<string, Set<Ear>>();

  constructor(host: ObjectHost, { retention_days }: JournalOptions) {
    super(host, migrations);
    this.#store = new JournalStore(host.sql, host.address.key.slice(0, 10));
    this.#runs = new KeptRunStore(host.sql);
    this.#taskRuns = new TaskRuns(host, (...effect) => {
      this.send(...effect);
    });
    this.#retentionMs = retention_days * DAY_MS;
    this.#tail = host.randomUint(TAIL_BITS);
  }

  /** Moves the end of everything ahead, at most once a day: a row written per batch would double the price of logs. */
  #keep(): void {
    const wanted = this.host.now() + this.#retentionMs;
    const expiresAt = this.#store.expiresAt();
    if (expiresAt !== undefined && expiresAt >= wanted) return;
    const next = wanted + DAY_MS;
    this.#mayGo = false;
    this.#store.setExpiresAt(next);
    this.wakeAt(next);
  }

  #tailLogs(command: Tail["command"]): Answer<Tail["answer"]> {
    const found = this.#readAfter(command);
    if (found.logs.length > 0 || command.wait_seconds <= 0) return accept(found);
    this.#keep();
    const deadline = this.host.now() + command.wait_seconds * 1000;
    return new Promise((resolve) => {
      const ears = this.#ears.get(command.flow_run_id) ?? new Set();
      ears.add({ command, deadline, resolve });
      this.#ears.set(command.flow_run_id, ears);
      this.wakeAt(deadline);
    });
  }

  #readAfter({ flow_run_id, after, limit }: Tail["command"]): Tail["answer"] {
    const logs: Log[] = [];
    let next = after;
    let characters = 0;
    for (const chunk of this.#store.listChunksAfter(flow_run_id, after)) {
      const opened = this.#store.openChunk(chunk);
      for (const log of opened.slice(Math.max(0, next - chunk.place))) {
        if (logs.length >= limit || characters >= TAIL_CHARACTERS_MAX) return { logs, next };
        logs.push(log);
        next += 1;
        characters += log.message.length;
      }
    }
    return { logs, next };
  }

  #tellEars(flowRunId: string): void {
    for (const ear of this.#ears.get(flowRunId) ?? []) {
      const found = this.#readAfter(ear.command);
      if (found.logs.length > 0) this.#dismiss(ear, accept(found));
    }
  }

  #dismiss(ear: Ear, result: Result<Tail["answer"]>): void {
    const ears = this.#ears.get(ear.command.flow_run_id);
    ears?.delete(ear);
    if (ears?.size === 0) this.#ears.delete(ear.command.flow_run_id);
    ear.resolve(result);
  }

  protected sweep(now: number): void {
    for (const ears of this.#ears.values())
      for (const ear of ears)
        if (ear.deadline <= now) this.#dismiss(ear, accept({ logs: [], next: ear.command.after }));
    const expiresAt = this.#store.expiresAt();
    if (expiresAt === undefined || expiresAt > now) return;
    const [key = NO_POOL_KEY, day = ""] = this.host.address.key.split("-");
    if (key === NO_POOL_KEY || this.#mayGo) {
      this.retire();
      return;
    }
    // The pool says whether a run of this day still lives; it is asked again a day later.
    this.#store.setExpiresAt(now + DAY_MS);
    const pool = addressOfKey(this.host.address.workspace, "pool", key);
    this.send(pool, "retire_day", `retire-${day}-${now.toString(36)}`, { day });
  }

  protected override settleEffect(effect: Effect, result: Result<unknown>): void {
    if (effect.operation !== "retire_day") return;
    const { is_needed } = result.ok
      ? (result.value as { is_needed: boolean })
      : { is_needed: result.error.code !== "not_found" };
    // Whoever wrote meanwhile has moved the end further ahead than the question did.
    const isWritten = (this.#store.expiresAt() ?? 0) > this.host.now() + DAY_MS;
    if (is_needed || isWritten) return;
    this.#mayGo = true;
    this.#store.setExpiresAt(this.host.now());
    this.wakeAt(this.host.now());
  }

  protected earliestDeadline(): number | undefined {
    const deadlines = [...this.#ears.values()].flatMap((ears) => [...ears].map(({ deadline }) => deadline));
    const expiresAt = this.#store.expiresAt();
    if (expiresAt !== undefined) deadlines.push(expiresAt);
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  /** Nothing was ever written: there is nothing to find and nothing to delete. */
  protected override answerAbsent(operation: string): Result<never> {
    if (LISTING.has(operation)) return accept([] as never);
    if (operation === "count_runs" || operation === "count_task_runs") return accept(0 as never);
    if (operation === "find_log_place") return accept({ place: 0 } as never);
    return NEEDLESS.has(operation) ? accept(null as never) : super.answerAbsent(operation);
  }
}
