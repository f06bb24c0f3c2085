/** What must be true after a round, read from what the processes wrote down themselves. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

interface Span {
  lease_id: string;
  slots: number;
  from: bigint;
  until: bigint;
}

/** Who writes nothing for so long does not work: it is frozen, or starved. */
const PAUSE_NS = 3_000_000_000n;

/** What one process wrote down in one moment of its work. */
interface Mark {
  lease_id: string;
  slots: number;
  at: bigint;
}

/** The most slots that were worked in at one time, by the workers' own clock, and by which leases. */
export function findPeak(files: readonly string[]): { slots: number; leases: string[] } {
  const spans = files.flatMap(readSpans);
  const moments = spans
    .flatMap((span) => [
      { at: span.from, change: span.slots, span },
      { at: span.until, change: -span.slots, span },
    ])
    // One who ends in the very moment in which another begins has held beside it.
    .toSorted((left, right) =>
      left.at === right.at ? right.change - left.change : left.at < right.at ? -1 : 1,
    );
  let slots = 0;
  let peak = { slots: 0, leases: [] as string[] };
  const present = new Set<Span>();
  for (const { change, span } of moments) {
    slots += change;
    if (change > 0) present.add(span);
    else present.delete(span);
    if (slots > peak.slots) peak = { slots, leases: [...present].map(({ lease_id }) => lease_id) };
  }
  return peak;
}

/** How many leases were worked under. */
export function countLeases(files: readonly string[]): number {
  return new Set(files.flatMap(readSpans).map(({ lease_id }) => lease_id)).size;
}

/** Runs on which two attempts worked at once: by their processes' own clock, and for as long as each did. */
export function findOverlaps(file: string): string[] {
  const spans = new Map<string, Span[]>();
  for (const { lease_id, slots, at } of readMarks(file)) {
    const own = spans.get(lease_id) ?? [];
    const last = own.at(-1);
    if (last !== undefined && at - last.until < PAUSE_NS) last.until = at;
    else own.push({ lease_id, slots, from: at, until: at });
    spans.set(lease_id, own);
  }
  const runOf = ({ lease_id }: Span) => lease_id.split("/")[0];
  const all = [...spans.values()].flat();
  return all.flatMap((one) =>
    all
      .filter((other) => runOf(other) === runOf(one) && other.lease_id > one.lease_id)
      .filter((other) => other.from <= one.until && one.from <= other.until)
      .map((other) => `${one.lease_id} and ${other.lease_id}`),
  );
}

function readSpans(file: string): Span[] {
  const spans = new Map<string, Span>();
  for (const { lease_id, slots, at } of readMarks(file)) {
    const span = spans.get(lease_id) ?? { lease_id, slots, from: at, until: at };
    span.until = at;
    spans.set(lease_id, span);
  }
  return [...spans.values()];
}

/** All that was written down, in the order in which it was. */
function readMarks(file: string): Mark[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      const [lease_id = "", slots = "", time] = line.split(" ");
      // A process that is killed may leave half a line.
      if (time === undefined || !/^\d{6,}$/.test(time)) return [];
      return [{ lease_id, slots: Number(slots), at: BigInt(time) }];
    });
}

/** Lines that stand more than once in a file: starts of an attempt that was executed twice. */
export function findRepeated(file: string): string[] {
  const seen = new Set<string>();
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "" && (seen.has(line) || !seen.add(line)));
}

/** Looks at every object's file of a server that is not running; returns what SQLite finds wrong. */
export function findDamage(dataDir: string): string[] {
  const files = readdirSync(join(dataDir, "objects"), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".sqlite"))
    .flatMap((file) => {
      const database = new DatabaseSync(join(dataDir, "objects", file), { readOnly: true });
      try {
        return database
          .prepare("PRAGMA integrity_check")
          .all()
          .map((row) => String(Object.values(row)[0]))
          .filter((verdict) => verdict !== "ok")
          .map((verdict) => `${file}: ${verdict}`);
      } finally {
        database.close();
      }
    });
}
