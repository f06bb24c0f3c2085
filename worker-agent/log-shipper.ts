/**
 * Sends the output of one run while it grows. What is to be sent is written down before it is sent, as byte ranges of
 * the file; so after a crash of the agent the very same records go out under the same numbers, and the server stores
 * them once.
 */
import { closeSync, fstatSync, openSync, readSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { formatInstant } from "../src/contract/instants.ts";
import type { LogCreate } from "../src/contract/wire/logs.ts";
import { backoffMs, pause } from "../src/client/backoff.ts";
import { readJson, writeWhole } from "./files.ts";
import { SluiceApiError } from "../src/client/errors.ts";
import type { Http } from "../src/client/http.ts";
import { LEVEL, cutRecords } from "./log-records.ts";
import { describeError, type Log } from "./log.ts";
import { OUTPUT_FILE } from "./spawn.ts";

const LOOK_MS = 500;
const FAULT_MS = 5000;
const BATCH_BYTES_MAX = 256 * 1024;
/** A line without an end is sent as it is when it is this long or this old. */
const PARTIAL_BYTES_MAX = 64 * 1024;
const PARTIAL_MS_MAX = 2000;
/** Output beyond the cap is thrown away on disk, too, whenever there is this much of it. */
const BEYOND_CAP_BYTES_MAX = 4 * 1024 * 1024;

const Batch = z.object({ from: z.int(), to: z.int(), sequence: z.int(), at_ms: z.number() });
type Batch = z.infer<typeof Batch>;
const Cursor = z.object({
  /** Bytes of the file that the server has, or will never get. */
  offset: z.int(),
  next_sequence: z.int(),
  last_at_ms: z.number(),
  lost_bytes: z.int(),
  batch: Batch.nullable(),
});
type Cursor = z.infer<typeof Cursor>;

export interface ShipperInput {
  folder: string;
  flow_run_id: string;
  attempt_id: string;
  /** Name under which the records appear. */
  logger: string;
  isEngine: boolean;
  bytesMax: number;
  http: Http;
  log: Log;
  worker_id: () => string | undefined;
}

export class LogShipper {
  readonly #input: ShipperInput;
  readonly #output: string;
  readonly #cursorFile: string;
  readonly #closing = new AbortController();
  #wake = new AbortController();
  #cursor: Cursor;
  #isEnding = false;
  #partialSince: { offset: number; at: number } | undefined;
  readonly #done: Promise<void>;

  constructor(input: ShipperInput) {
    this.#input = input;
    this.#output = join(input.folder, OUTPUT_FILE);
    this.#cursorFile = join(input.folder, "log-cursor.json");
    const saved = Cursor.safeParse(readJson(this.#cursorFile));
    this.#cursor = saved.success
      ? saved.data
      : { offset: 0, next_sequence: 0, last_at_ms: 0, lost_bytes: 0, batch: null };
    this.#done = this.#run();
  }

  /** The output is complete: sends the rest and resolves when the server has it (or refused it for good). */
  finish(): Promise<void> {
    this.#isEnding = true;
    this.#wake.abort();
    return this.#done;
  }

  /** Stops at once; the next agent goes on from the cursor. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        if (await this.#step()) return;
      } catch (error) {
        // The output is still there, so nothing is lost by trying again.
        const { log, folder } = this.#input;
        log.writeOnce("log files", "ERROR", `Logs in ${folder} cannot be handled: ${describeError(error)}`);
        await pause(FAULT_MS, signal);
      }
    }
  }

  /** Sends what is prepared, or prepares what is there, or waits for more; true when everything is done. */
  async #step(): Promise<boolean> {
    if (this.#cursor.batch !== null) {
      await this.#send(this.#cursor.batch);
      return false;
    }
    const isLast = this.#isEnding;
    if (this.#prepare(isLast)) return false;
    if (isLast) {
      await this.#sendLoss();
      return true;
    }
    this.#wake = new AbortController();
    if (!this.#isEnding && !this.#closing.signal.aborted) await pause(LOOK_MS, this.#wake.signal);
    return false;
  }

  /** Decides what goes out next and writes it down; false when there is nothing to send now. */
  #prepare(isLast: boolean): boolean {
    const cursor = this.#cursor;
    const file = openOutput(this.#output);
    if (file === undefined) return false;
    try {
      const { size } = fstatSync(file);
      const room = this.#input.bytesMax - cursor.offset;
      if (room <= 0) {
        this.#discard(size, isLast);
        return false;
      }
      const bytes = readRange(file, cursor.offset, Math.min(size - cursor.offset, BATCH_BYTES_MAX, room));
      const length = this.#cutPoint(bytes, isLast || bytes.length >= Math.min(room, BATCH_BYTES_MAX));
      if (length === 0) return false;
      this.#save({
        ...cursor,
        batch: {
          from: cursor.offset,
          to: cursor.offset + length,
          sequence: cursor.next_sequence,
          at_ms: Math.max(Date.now(), cursor.last_at_ms + 1),
        },
      });
      return true;
    } finally {
      closeSync(file);
    }
  }

  /** How many of these bytes go out: up to the last whole line, or all when no more may be waited for. */
  #cutPoint(bytes: Uint8Array, isForced: boolean): number {
    const lines = bytes.lastIndexOf(10) + 1;
    if (lines > 0) {
      this.#partialSince = undefined;
      return lines;
    }
    if (bytes.length === 0) return 0;
    if (this.#isEnding) return bytes.length;
    const { offset } = this.#cursor;
    if (this.#partialSince?.offset !== offset) this.#partialSince = { offset, at: performance.now() };
    const isOld = performance.now() - this.#partialSince.at >= PARTIAL_MS_MAX;
    return isForced || isOld || bytes.length >= PARTIAL_BYTES_MAX ? wholeCharacters(bytes) : 0;
  }

  /** Beyond the cap: counts what is there, and keeps the disk from filling. */
  #discard(size: number, isLast: boolean): void {
    const { offset, lost_bytes } = this.#cursor;
    const beyond = size - offset;
    if (beyond <= 0 || (!isLast && beyond < BEYOND_CAP_BYTES_MAX)) return;
    // The process appends, so its next write lands behind what stays.
    truncateSync(this.#output, offset);
    this.#save({ ...this.#cursor, lost_bytes: lost_bytes + beyond });
  }

  async #send(batch: Batch): Promise<void> {
    const { isEngine } = this.#input;
    const file = openOutput(this.#output);
    const bytes = file === undefined ? new Uint8Array() : readRange(file, batch.from, batch.to - batch.from);
    if (file !== undefined) closeSync(file);
    const parts = cutRecords(bytes, { isEngine });
    const records = parts.map(({ level, message }, index) =>
      this.#record(level, message, batch.sequence + index, batch.at_ms, index),
    );
    if (!(await this.#post(records))) return;
    this.#save({
      ...this.#cursor,
      offset: batch.to,
      next_sequence: batch.sequence + parts.length,
      last_at_ms: batch.at_ms + Math.ceil(parts.length / 1000),
      batch: null,
    });
  }

  async #sendLoss(): Promise<void> {
    const { lost_bytes, next_sequence, last_at_ms } = this.#cursor;
    if (lost_bytes === 0) return;
    const message = `${lost_bytes} bytes of output were not sent: a run may send at most ${this.#input.bytesMax}.`;
    const at = Math.max(Date.now(), last_at_ms + 1);
    await this.#post([this.#record(LEVEL.warning, message, next_sequence, at, 0)]);
  }

  /** A record of the batch of `atMs`; the microseconds keep the order of its records. */
  #record(level: number, message: string, sequence: number, atMs: number, index: number): LogCreate {
    const { logger, flow_run_id, attempt_id, worker_id } = this.#input;
    const worker = worker_id();
    return {
      name: logger,
      level,
      message,
      timestamp: formatInstant(atMs + (index + 0.5) / 1000),
      flow_run_id,
      attempt_id,
      sequence,
      ...(worker === undefined ? {} : { worker_id: worker }),
    };
  }

  /** Repeats until the server has the records; false when the shipper was closed before. */
  async #post(records: LogCreate[]): Promise<boolean> {
    const { http, log, attempt_id } = this.#input;
    const { signal } = this.#closing;
    if (records.length === 0) return true;
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        await http.call("POST", "/logs/", { body: records, signal });
        log.clear("logs", "Logs reach the server again.");
        return true;
      } catch (error) {
        if (signal.aborted) return false;
        if (error instanceof SluiceApiError && error.isFinal && ![401, 403].includes(error.status)) {
          log.writeOnce(`logs ${attempt_id}`, "WARNING", `The server did not want logs: ${error.message}`);
          return true;
        }
        log.writeOnce("logs", "WARNING", `Logs wait on disk: ${describeError(error)}`);
        await pause(backoffMs(failures, { maxMs: 10_000 }), signal);
      }
    }
    return false;
  }

  #save(cursor: Cursor): void {
    this.#cursor = cursor;
    try {
      writeWhole(this.#cursorFile, JSON.stringify(cursor));
    } catch (error) {
      // A full disk, mostly of this very output: sent and removed it makes room, which matters more than what an agent
      // that is killed meanwhile would send twice.
      const { log, folder } = this.#input;
      log.writeOnce("log files", "ERROR", `${folder} cannot be written: ${describeError(error)}.`);
    }
  }
}

function openOutput(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function readRange(file: number, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, length));
  let read = 0;
  while (read < bytes.length) {
    const more = readSync(file, bytes, read, bytes.length - read, from + read);
    if (more === 0) break;
    read += more;
  }
  return bytes.subarray(0, read);
}

/** Leaves out a character of several bytes that is cut off at the end. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back && bytes.length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
