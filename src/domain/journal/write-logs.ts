/** How a batch of logs becomes rows: few of them, because rows written are what storage costs. */
import type { LogCreate } from "../../contract/wire/logs.ts";
import { encodeLine } from "./log-line.ts";
import { addSequences, hasSequence, type Ranges } from "./sequences.ts";

/** A chunk that is smaller than this takes up further lines instead of a new row. */
const CHUNK_OPEN_CHARACTERS = 32 * 1024;
/** A chunk is closed when it has this many characters; only a single longer line makes it larger. */
const CHUNK_CHARACTERS_MAX = 256 * 1024;
const TAIL_VALUES = 2 ** 22;

/** What a chunk's row says about the lines in it. */
export interface ChunkSummary {
  /** The id of the run, or an empty text for logs that name none. */
  flow_run_id: string;
  /** Number of the chunk's first log within its run. */
  place: number;
  log_count: number;
  characters: number;
  level_min: number;
  level_max: number;
  timestamp_min: string;
  timestamp_max: string;
}

export interface ChunkWrite extends ChunkSummary {
  /** Lines joined by newlines; for an open chunk those that are added. */
  lines: string;
  /** Whether the lines are added to a chunk that is there. The summary is that of the whole chunk in any case. */
  is_addition: boolean;
}

export interface WritePlan {
  chunks: ChunkWrite[];
  /** What is now stored of each attempt that numbers its chunks. */
  attempts: { flow_run_id: string; attempt_id: string; ranges: Ranges }[];
}

export interface WriteInput {
  /** Milliseconds since the epoch. */
  now: number;
  logs: readonly LogCreate[];
  /** Number of the first log id of this batch; ids count on from it. */
  first_tail: number;
  /** The last chunk of a run, undefined when it has none. */
  lastChunk: (flowRunId: string) => ChunkSummary | undefined;
  /** What is stored of an attempt. */
  seen: (flowRunId: string, attemptId: string) => Ranges;
}

/** Plans the rows of a batch. Logs that were stored before are left out; the order within a run is kept. */
export function planWrite(input: WriteInput): WritePlan {
  const plan: WritePlan = { chunks: [], attempts: [] };
  const byRun = new Map<string, LogCreate[]>();
  for (const log of input.logs) {
    const id = (log.flow_run_id ?? "").toLowerCase();
    const logs = byRun.get(id);
    if (logs === undefined) byRun.set(id, [log]);
    else logs.push(log);
  }
  let tail = input.first_tail;
  for (const [flow_run_id, logs] of byRun) {
    const fresh = leaveOutStored(input, flow_run_id, logs, plan);
    let open = input.lastChunk(flow_run_id);
    let write: ChunkWrite | undefined;
    let lines: string[] = [];
    const close = () => {
      if (write !== undefined) plan.chunks.push({ ...write, lines: lines.join("\n") });
    };
    for (const log of fresh) {
      const line = encodeLine(log, input.now, tail % TAIL_VALUES);
      tail += 1;
      const isFull = write !== undefined && write.characters + line.length > CHUNK_CHARACTERS_MAX;
      if (isFull) {
        close();
        open = write;
        write = undefined;
        lines = [];
      }
      if (write === undefined) {
        const canAdd: boolean = !isFull && open !== undefined && open.characters < CHUNK_OPEN_CHARACTERS;
        const next = open === undefined ? 0 : open.place + open.log_count;
        write =
          canAdd && open !== undefined
            ? { ...open, lines: "", is_addition: true }
            : {
                flow_run_id,
                place: next,
                log_count: 0,
                characters: 0,
                level_min: log.level,
                level_max: log.level,
                timestamp_min: log.timestamp,
                timestamp_max: log.timestamp,
                lines: "",
                is_addition: false,
              };
      }
      lines.push(line);
      write.log_count += 1;
      write.characters += line.length + 1;
      write.level_min = Math.min(write.level_min, log.level);
      write.level_max = Math.max(write.level_max, log.level);
      if (log.timestamp < write.timestamp_min) write.timestamp_min = log.timestamp;
      if (log.timestamp > write.timestamp_max) write.timestamp_max = log.timestamp;
    }
    close();
  }
  return plan;
}

function leaveOutStored(
  input: WriteInput,
  flow_run_id: string,
  logs: readonly LogCreate[],
  plan: WritePlan,
): readonly LogCreate[] {
  const before = new Map<string, Ranges>();
  const added = new Map<string, number[]>();
  const fresh = logs.filter(({ attempt_id, sequence }) => {
    if (attempt_id === undefined || sequence === undefined) return true;
    const ranges = before.get(attempt_id) ?? input.seen(flow_run_id, attempt_id);
    before.set(attempt_id, ranges);
    if (hasSequence(ranges, sequence)) return false;
    added.set(attempt_id, [...(added.get(attempt_id) ?? []), sequence]);
    return true;
  });
  for (const [attempt_id, sequences] of added)
    plan.attempts.push({
      flow_run_id,
      attempt_id,
      ranges: addSequences(before.get(attempt_id) ?? [], sequences),
    });
  return fresh;
}
