/** What outlives the agent: one folder per attempt, the outbox, and how long the session is good for. */
import { closeSync, existsSync, openSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { makeFolders } from "../src/client/folders.ts";
import { hostMs } from "./clock.ts";
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

/** Until when children may work without the server, by {@link hostMs}. */
export interface StopTime {
  /** They get TERM at this moment. */
  stop_at_ms: number;
  /** The session's end: nothing of them is left by then. */
  end_at_ms: number;
}

/** With less than this no run is begun: it could not even be written down. */
const ROOM_BYTES_MIN = 1024 * 1024;

/** From TERM to KILL, for who acts now: a part of the time is kept for KILL and for looking. */
export function graceOf({ stop_at_ms, end_at_ms }: StopTime): number {
  return Math.max(0, stop_at_ms + (end_at_ms - stop_at_ms) * 0.6 - hostMs());
}

/** The session that the agent has with its pool. */
export interface KeptSession {
  session_id: string;
  /** Undefined when the host was booted since: then nothing that it speaks of still runs. */
  until: StopTime | undefined;
}

const SessionRecord = z.object({
  host: z.string(),
  boot_id: z.string(),
  session_id: z.string(),
  stop_at_ms: z.number(),
  end_at_ms: z.number(),
});

export interface StateFolder {
  readonly path: string;
  readonly outbox: string;
  /** Makes the folder of an attempt and returns its path. */
  makeRun(attemptId: string): string;
  runPath(attemptId: string): string;
  saveAttempt(record: AttemptRecord): void;
  removeRun(attemptId: string): void;
  /** Attempts that an agent has here. `onDamaged` hears of those that one died over before it wrote them down. */
  listAttempts(onDamaged?: (attemptId: string) => void): AttemptRecord[];
  /** Remembers the session and until when children may work without the server. */
  saveSession(session: { session_id: string; until: StopTime }): void;
  /** What {@link saveSession} kept on this host. */
  readSession(): KeptSession | undefined;
  /** Notes that the processes of an attempt are stopped because the server is out of reach; false when it was noted before. */
  markLost(attemptId: string): boolean;
  /** Whether {@link markLost} was called for the attempt. */
  isMarkedLost(attemptId: string): boolean;
  /** Whether there is room for the files of another run. */
  hasRoom(): boolean;
  /** Names the watchdog that is in charge: an older one leaves. */
  saveWatchdog(pid: number): void;
  readWatchdog(): number | undefined;
}

/** Opens the folder, making it when it is missing, unless `isGuest`: that one finds nothing in a missing folder. */
export function openStateFolder(path: string, { isGuest = false } = {}): StateFolder {
  const runs = join(path, "runs");
  const outbox = join(path, "outbox");
  const session = join(path, "session.json");
  if (!isGuest) for (const folder of [path, runs, outbox]) makeFolders(folder, 0o700);
  const runPath = (attemptId: string): string => join(runs, attemptId);
  const watchdog = join(path, "watchdog");
  const lostPath = (attemptId: string): string => join(runPath(attemptId), "lost");
  const attemptPath = (attemptId: string): string => join(runPath(attemptId), "attempt.json");
  return {
    path,
    outbox,
    runPath,
    makeRun(attemptId) {
      const folder = runPath(attemptId);
      makeFolders(folder, 0o700);
      return folder;
    },
    saveAttempt(record) {
      writeWhole(attemptPath(record.attempt_id), JSON.stringify(record));
    },
    removeRun(attemptId) {
      rmSync(runPath(attemptId), { recursive: true, force: true });
    },
    listAttempts(onDamaged) {
      if (isGuest && !existsSync(runs)) return [];
      return readdirSync(runs).flatMap((attemptId) => {
        const record = AttemptRecord.safeParse(readJson(attemptPath(attemptId)));
        if (record.success) return [record.data];
        onDamaged?.(attemptId);
        return [];
      });
    },
    saveSession({ session_id, until }) {
      const record = { host: hostname(), boot_id: readBootId(), session_id, ...until };
      writeWhole(session, JSON.stringify(record));
    },
    readSession() {
      const { data } = SessionRecord.safeParse(readJson(session));
      if (data === undefined || data.host !== hostname()) return undefined;
      const { session_id, stop_at_ms, end_at_ms } = data;
      return {
        session_id,
        until: data.boot_id === readBootId() ? { stop_at_ms, end_at_ms } : undefined,
      };
    },
    markLost(attemptId) {
      try {
        closeSync(openSync(lostPath(attemptId), "wx", 0o600));
        return true;
      } catch {
        return !existsSync(lostPath(attemptId));
      }
    },
    isMarkedLost: (attemptId) => existsSync(lostPath(attemptId)),
    hasRoom() {
      const { bavail, bsize, files, ffree } = statfsSync(path);
      return bavail * bsize >= ROOM_BYTES_MIN && (files === 0 || ffree > 0);
    },
    saveWatchdog(pid) {
      writeWhole(watchdog, `${pid}\n`);
    },
    readWatchdog: () => readNumber(watchdog),
  };
}

/** How the process of a run ended, as the shim wrote it down; undefined when it wrote nothing. */
export function readExitCode(folder: string): number | undefined {
  return readNumber(join(folder, "exit"));
}

/** The pid that the shim wrote down before it ran the command. */
export function readShimPid(folder: string): number | undefined {
  return readNumber(join(folder, "pid"));
}

function readNumber(path: string): number | undefined {
  const text = readWhole(path);
  return text !== undefined && /^\d+\n$/.test(text) ? Number(text) : undefined;
}
