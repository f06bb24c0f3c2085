import { accept, type Result } from "../../contract/errors.ts";
import type { Log } from "../../contract/wire/logs.ts";
import { readPage } from "../../domain/journal/read-logs.ts";
import { planWrite } from "../../domain/journal/write-logs.ts";
import { Actor, type Answer, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { migrations } from "./migrations.ts";
import type { JournalOperations } from "./operations.ts";
import { JournalStore } from "./store.ts";

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
/** One answer carries about this many characters at most. */
const TAIL_CHARACTERS_MAX = 4_000_000;

/**
 * The journal of one pool and one UTC day: the logs of the runs whose ids carry both.
 *
 * What is atomic: a batch, with the note of what its sender had numbered. The alarm ends waiting callers and, once
 * nothing was written for as long as logs are kept, deletes everything at once.
 */
export class JournalActor extends Actor<JournalOperations> {
  /** A tail may come before the first log; the API has seen that its run exists. */
  protected readonly creating: ReadonlySet<string> = new Set(["write_logs", "tail_logs"]);
  protected readonly handlers: Handlers<JournalOperations> = {
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
    delete_run_logs: ({ flow_run_id }) => {
      this.#store.deleteRun(flow_run_id);
      return accept(null);
    },
  };
  readonly #store: JournalStore;
  readonly #retentionMs: number;
  #tail: number;
  readonly #ears = new Map<string, Set<Ear>>();

  constructor(host: ObjectHost, { retention_days }: JournalOptions) {
    super(host, migrations);
    this.#store = new JournalStore(host.sql, host.address.key.slice(0, 10));
    this.#retentionMs = retention_days * DAY_MS;
    this.#tail = host.randomUint(TAIL_BITS);
  }

  /** Moves the end of everything ahead, at most once a day: a row written per batch would double the price of logs. */
  #keep(): void {
    const wanted = this.host.now() + this.#retentionMs;
    const expiresAt = this.#store.expiresAt();
    if (expiresAt !== undefined && expiresAt >= wanted) return;
    const next = wanted + DAY_MS;
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
    if (expiresAt !== undefined && expiresAt <= now) this.retire();
  }

  protected earliestDeadline(): number | undefined {
    const deadlines = [...this.#ears.values()].flatMap((ears) => [...ears].map(({ deadline }) => deadline));
    const expiresAt = this.#store.expiresAt();
    if (expiresAt !== undefined) deadlines.push(expiresAt);
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  /** Nothing was ever written: there is nothing to find and nothing to delete. */
  protected override answerAbsent(operation: string): Result<never> {
    return operation === "filter_logs" || operation === "delete_run_logs"
      ? accept((operation === "filter_logs" ? [] : null) as never)
      : super.answerAbsent(operation);
  }
}
