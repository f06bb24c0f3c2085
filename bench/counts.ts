/** What one operation takes of the machine: processor time and syncs of workerd, and statements of its object. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { granted, LimitWorld } from "../test/support/limit-world.ts";

const SOURCE = fileURLToPath(new URL("syncs.c", import.meta.url));
const TICKS_PER_SECOND = 100;

/** Counts the syncs of a process that is started with `env`. */
export interface SyncCounter {
  readonly env: Record<string, string>;
  read(): number;
}

/** Undefined where there is no C compiler, or no Linux to preload into. `extra_ms` makes each sync slower. */
export function makeSyncCounter(folder: string, extra_ms: number): SyncCounter | undefined {
  if (process.platform !== "linux") return undefined;
  const [library, file] = [join(folder, "syncs.so"), join(folder, "syncs")];
  try {
    execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  writeFileSync(file, Buffer.alloc(8));
  return {
    env: { LD_PRELOAD: library, SYNCS_FILE: file, SYNCS_MS: String(extra_ms) },
    read: () => Number(readFileSync(file).readBigUInt64LE()),
  };
}

/** Seconds of processor that a process has used; undefined where the system does not say. */
export function readCpuSeconds(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  // The second field is the program's name in brackets, and may have spaces in it.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /su, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** How many SQL statements a limit runs for an acquire that finds a free slot, and for its release. */
export async function countStatements(): Promise<{ acquire: number; release: number }> {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit: 2 });
  const count = async <Answer>(act: () => Promise<Answer>): Promise<[Answer, number]> => {
    const before = world.statements.length;
    const answer = await act();
    return [answer, world.statements.length - before];
  };
  // The first ones of an instance also read what it keeps in memory from then on.
  for (let round = 0; round < 2; round += 1)
    await world.must("release", { lease_id: granted(await world.acquire()).lease_id });
  const [answer, acquire] = await count(() => world.acquire());
  const [, release] = await count(() => world.must("release", { lease_id: granted(answer).lease_id }));
  return { acquire, release };
}
