/**
 * Reports that must arrive: one file each, written and synced before anything else happens, deleted when the server
 * has answered. Reports of one attempt go out in order; attempts do not wait for each other.
 */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { backoffMs, pause } from "../src/client/backoff.ts";
import { readJson, writeWhole } from "./files.ts";
import { SluiceApiError } from "../src/client/errors.ts";
import type { Http } from "../src/client/http.ts";
import { describeError, type Log } from "./log.ts";

const Report = z.object({
  kind: z.enum(["start", "end"]),
  attempt_id: z.string(),
  path: z.string(),
  body: z.unknown(),
  headers: z.record(z.string(), z.string()),
});
/** One call that must be made. */
export type Report = z.infer<typeof Report>;

export interface OutboxEvents {
  /** Called when the server took a report, or refused it for good. */
  onSettled(report: Report, refusal: SluiceApiError | undefined): void;
  /** Resolves when the report may go out. */
  mayDeliver(report: Report): Promise<void>;
}

export class Outbox {
  readonly #folder: string;
  readonly #http: Http;
  readonly #log: Log;
  readonly #events: OutboxEvents;
  readonly #closing = new AbortController();
  /** Reports by attempt, oldest first; an attempt with reports has one delivery at work. */
  readonly #queues = new Map<string, { file: string; report: Report }[]>();
  readonly #deliveries = new Set<Promise<void>>();
  #sequence = 0;

  constructor(folder: string, http: Http, log: Log, events: OutboxEvents) {
    this.#folder = folder;
    this.#http = http;
    this.#log = log;
    this.#events = events;
  }

  /** Attempts with a report that the server has not answered yet. */
  get attemptIds(): string[] {
    return [...this.#queues.keys()];
  }

  /** Reads what an earlier agent left and returns it; {@link resume} sends it. */
  load(): Report[] {
    for (const name of readdirSync(this.#folder).sort()) {
      const match = /^(\d+)-.+\.json$/.exec(name);
      const file = join(this.#folder, name);
      const report = match === null ? undefined : Report.safeParse(readJson(file));
      if (report?.success !== true) {
        rmSync(file, { force: true });
        continue;
      }
      this.#sequence = Math.max(this.#sequence, Number(match?.[1]));
      const { attempt_id } = report.data;
      this.#queues.set(attempt_id, [...(this.#queues.get(attempt_id) ?? []), { file, report: report.data }]);
    }
    return [...this.#queues.values()].flat().map(({ report }) => report);
  }

  /** Starts sending what {@link load} found. */
  resume(): void {
    for (const attemptId of this.#queues.keys()) this.#begin(attemptId);
  }

  /** Writes a report down; when this returns, the report survives the agent and the host. */
  put(report: Report): void {
    this.#sequence += 1;
    const name = `${String(this.#sequence).padStart(12, "0")}-${report.attempt_id}-${report.kind}.json`;
    const file = join(this.#folder, name);
    // Only the end of a run is worth a sync: after a power loss nothing that has not ended runs any more.
    try {
      writeWhole(file, JSON.stringify(report), { isDurable: report.kind === "end" });
    } catch (error) {
      this.#log.writeOnce(
        "outbox",
        "ERROR",
        `Reports cannot be written to ${this.#folder} (${describeError(error)}) and are kept in memory only; make room there.`,
      );
    }
    const queue = this.#queues.get(report.attempt_id);
    if (queue !== undefined) return void queue.push({ file, report });
    this.#queues.set(report.attempt_id, [{ file, report }]);
    this.#begin(report.attempt_id);
  }

  /** Forgets all reports of an attempt: the server has given up on it and wants none. */
  drop(attemptId: string): void {
    for (const { file } of this.#queues.get(attemptId)?.splice(0) ?? []) rmSync(file, { force: true });
  }

  /** Resolves when everything is answered. */
  async whenEmpty(): Promise<void> {
    while (this.#deliveries.size > 0) await Promise.all(this.#deliveries);
  }

  /** Stops sending; what was not answered stays on disk for the next agent. */
  close(): void {
    this.#closing.abort();
  }

  #begin(attemptId: string): void {
    const delivery = this.#deliver(attemptId).finally(() => this.#deliveries.delete(delivery));
    this.#deliveries.add(delivery);
  }

  async #deliver(attemptId: string): Promise<void> {
    const queue = this.#queues.get(attemptId) ?? [];
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted;) {
      const next = queue[0];
      if (next === undefined) break;
      await this.#events.mayDeliver(next.report);
      if (queue[0] !== next || signal.aborted) continue;
      const { path, body, headers, kind } = next.report;
      try {
        await this.#http.call("POST", path, { body, headers, signal });
        this.#log.clear("reports", "Reports reach the server again.");
        this.#settle(queue, next, undefined);
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        if (error instanceof SluiceApiError && isFinal(error)) {
          this.#log.write("WARNING", `The server did not want the ${kind} report: ${error.message}`, {
            attempt_id: attemptId,
          });
          this.#settle(queue, next, error);
          continue;
        }
        failures += 1;
        this.#log.writeOnce(
          "reports",
          "WARNING",
          `Reports are kept until they arrive: ${describeError(error)}`,
        );
        const { retryAfterSeconds } = error instanceof SluiceApiError ? error : {};
        await pause(backoffMs(failures, { maxMs: 10_000, retryAfterSeconds }), signal);
      }
    }
    if (queue.length === 0 && this.#queues.get(attemptId) === queue) this.#queues.delete(attemptId);
  }

  #settle(
    queue: { file: string; report: Report }[],
    done: { file: string; report: Report },
    refusal: SluiceApiError | undefined,
  ): void {
    if (queue[0] === done) queue.shift();
    rmSync(done.file, { force: true });
    const { attempt_id } = done.report;
    if (queue.length === 0 && this.#queues.get(attempt_id) === queue) this.#queues.delete(attempt_id);
    this.#events.onSettled(done.report, refusal);
  }
}

/** Whether repeating cannot help. A refused key can be put right, so the report waits for that. */
function isFinal(error: SluiceApiError): boolean {
  return error.isFinal && error.status !== 401 && error.status !== 403;
}
