/** Holders of a limit as processes, and what their own clocks say of how the slots went from one to the next. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Running } from "../../test/prefect/support/prefect.ts";
import { until } from "./experiment.ts";
import { spawnNode, type Scene } from "./scene.ts";

const READY_SECONDS_MAX = 120;
const PROGRAMS = fileURLToPath(new URL("programs/", import.meta.url));

export interface SlotsPlan {
  limit: string;
  count: number;
  /** How long each holds its slot. */
  seconds: number;
  /** Between the coming of one and of the next. */
  stagger_seconds: number;
  /** So many processes have them, in turn (1). */
  processes?: number;
  lease_seconds: number;
  /** Null waits for ever. */
  timeout_seconds: number | null;
}

export interface SlotNote {
  at: number;
  event: "ready" | "wants" | "holds" | "frees" | "fails";
  index: number;
  error?: string;
}

export interface Holders {
  /** Ends them, and resolves when they are gone. */
  kill(): Promise<void>;
  /** Resolves when they have ended by themselves. */
  readonly ended: Promise<unknown>;
  /** What they noted so far, in the order of their clock. */
  readNotes(): SlotNote[];
}

/** Starts holders with Prefect's client or with ours; resolves when the first of them may come. */
export async function startHolders(scene: Scene, plan: SlotsPlan): Promise<Holders> {
  const trace = join(scene.folder, `slots-${crypto.randomUUID()}`);
  const { processes = 1 } = plan;
  const running = await Promise.all(
    Array.from({ length: processes }, (_, first) =>
      startProcess(scene, trace, { ...plan, processes, first }),
    ),
  );
  const readNotes = (): SlotNote[] =>
    (existsSync(trace) ? readFileSync(trace, "utf8").trim().split("\n") : [])
      .map((line) => JSON.parse(line) as SlotNote)
      .toSorted((left, right) => left.at - right.at);
  const isReady = () => readNotes().filter(({ event }) => event === "ready").length === processes;
  if ((await until(() => (isReady() ? true : undefined), READY_SECONDS_MAX)) !== true)
    throw new Error(`Only some of ${processes} processes with holders have started.`);
  writeFileSync(`${trace}.draft`, String(Date.now() / 1000 + 0.5));
  renameSync(`${trace}.draft`, `${trace}.go`);
  return {
    kill: async () => {
      for (const one of running) one.signal("SIGKILL");
      await Promise.all(running.map(({ ended }) => ended));
    },
    ended: Promise.all(running.map(({ ended }) => ended)),
    readNotes,
  };
}

async function startProcess(
  scene: Scene,
  trace: string,
  plan: SlotsPlan & { first: number },
): Promise<Running> {
  const args = [JSON.stringify(plan)];
  const env = { TRACE: trace };
  return scene.client === "prefect"
    ? scene.prefect.start("../../../bench/versus/programs/slots.py", args, { env, timeoutMs: 3_600_000 })
    : spawnNode(join(PROGRAMS, "slots.ts"), args, { ...env, SLUICE_API_URL: scene.prefect.apiUrl });
}

export interface Passing {
  /** Seconds from one holder's end to the next one's start, while somebody waits. Ascending. */
  gaps: number[];
  /** From the first start to the last end, over the sum of the holders' own times. */
  total_over_ideal: number;
  /** Who started after somebody who had come later. */
  out_of_turn: number;
  /** The most later ones that went before one of them. */
  largest_bypass: number;
  served: number;
}

/** How one slot went from hand to hand. */
export function judgePassing(notes: readonly SlotNote[]): Passing {
  const of = (event: SlotNote["event"]) => notes.filter((note) => note.event === event);
  const starts = of("holds");
  const ends = new Map(of("frees").map(({ index, at }) => [index, at]));
  const order = starts.map(({ index }) => index);
  const gaps: number[] = [];
  let busy = 0;
  for (const [place, start] of starts.entries()) {
    busy += (ends.get(start.index) ?? start.at) - start.at;
    const before = starts[place - 1];
    const freed = before === undefined ? undefined : ends.get(before.index);
    if (freed !== undefined) gaps.push(start.at - freed);
  }
  const last = Math.max(...ends.values());
  return {
    gaps: gaps.toSorted((left, right) => left - right),
    total_over_ideal: (last - (starts[0]?.at ?? last)) / busy,
    out_of_turn: order.filter((index, place) => order.slice(0, place).some((earlier) => earlier > index))
      .length,
    largest_bypass: Math.max(
      0,
      ...order.map((index, place) => order.slice(0, place).filter((earlier) => earlier > index).length),
    ),
    served: ends.size,
  };
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
