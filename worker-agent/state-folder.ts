/** What outlives the agent: one folder per attempt, the outbox, and how long the session is good for. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readJson, readWhole, writeWhole } from "./files.ts";
import { readBootId } from "./process-identity.ts";

/** One attempt, as the agent needs it to go on after its own restart. */
export const AttemptRecord = z.object({
  attempt_id: z.string(),
  flow_run_id: z.string(),
  flow_run_name: z.string(),
  fence: z.int(),
  kind: z.enum(["engine", "command"]),
  /** The process group, once it exists, and its leader's start mark. */
  pgid: z.int().nullable(),
  start_mark: z.string().nullable(),
});
export type AttemptRecord = z.infer<typeof AttemptRecord>;

const SessionRecord = z.object({ boot_id: z.string(), stop_at_ms: z.number() });

export interface StateFolder {
  readonly path: string;
  readonly outbox: string;
  /** Makes the folder of an attempt and returns its path. */
  makeRun(attemptId: string): string;
  runPath(attemptId: string): string;
  saveAttempt(record: AttemptRecord): void;
  removeRun(attemptId: string): void;
  /** Attempts that an earlier agent left. */
  listAttempts(): AttemptRecord[];
  /** Remembers until when, by the host's monotonic clock, children may work without the server. */
  saveStopTime(stopAtMs: number): void;
  /** What {@link saveStopTime} kept, if the host was not booted since. */
  readStopTime(): number | undefined;
}

/** Milliseconds of a clock that never jumps and goes on across restarts of the agent, though not of the host. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** Opens the folder, making it when it is missing. */
export function openStateFolder(path: string): StateFolder {
  const runs = join(path, "runs");
  const outbox = join(path, "outbox");
  const session = join(path, "session.json");
  for (const folder of [path, runs, outbox]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const runPath = (attemptId: string): string => join(runs, attemptId);
  const attemptPath = (attemptId: string): string => join(runPath(attemptId), "attempt.json");
  return {
    path,
    outbox,
    runPath,
    makeRun(attemptId) {
      const folder = runPath(attemptId);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return folder;
    },
    saveAttempt(record) {
      writeWhole(attemptPath(record.attempt_id), JSON.stringify(record));
    },
    removeRun(attemptId) {
      rmSync(runPath(attemptId), { recursive: true, force: true });
    },
    listAttempts() {
      return readdirSync(runs).flatMap((attemptId) => {
        const record = AttemptRecord.safeParse(readJson(attemptPath(attemptId)));
        if (record.success) return [record.data];
        // The agent died before it had written down what it wanted to do here.
        rmSync(runPath(attemptId), { recursive: true, force: true });
        return [];
      });
    },
    saveStopTime(stopAtMs) {
      writeWhole(session, JSON.stringify({ boot_id: readBootId(), stop_at_ms: stopAtMs }));
    },
    readStopTime() {
      const record = SessionRecord.safeParse(readJson(session));
      return record.success && record.data.boot_id === readBootId() ? record.data.stop_at_ms : undefined;
    },
  };
}

/** How the process of a run ended, as the shim wrote it down; undefined when it wrote nothing. */
export function readExitCode(folder: string): number | undefined {
  const text = readWhole(join(folder, "exit"));
  return text !== undefined && /^\d+\n$/.test(text) ? Number(text) : undefined;
}

/** The pid that the shim wrote down before it ran the command. */
export function readShimPid(folder: string): number | undefined {
  const text = readWhole(join(folder, "pid"));
  return text !== undefined && /^\d+\n$/.test(text) ? Number(text) : undefined;
}
