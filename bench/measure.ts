/** Measuring: latencies in milliseconds, rates per second, and what is said of them. */

export interface Samples {
  count: number;
  per_second: number;
  p50_ms: number;
  p99_ms: number;
}

const ROUNDS = 5;

/**
 * Repeats each of several acts in so many loops at once, for so many seconds each. They take turns in short rounds, so
 * that a machine that becomes slower or faster meanwhile does so for all of them. The first tenth of a round warms up.
 */
export async function measureInTurns(
  loops: number,
  seconds: number,
  acts: readonly (() => Promise<void>)[],
): Promise<Samples[]> {
  const measured = acts.map(() => ({ latencies: [] as number[], seconds: 0 }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, act] of acts.entries()) {
      const own = measured[index];
      if (own !== undefined)
        own.seconds += await repeat(loops, (seconds * 1000) / ROUNDS, act, own.latencies);
    }
  }
  return measured.map((own) => summarize(own.latencies, own.seconds));
}

/** One round; returns the seconds that its latencies are of. */
async function repeat(
  loops: number,
  ms: number,
  act: () => Promise<void>,
  latencies: number[],
): Promise<number> {
  const startAt = performance.now() + ms / 10;
  const endAt = startAt + ms;
  await Promise.all(
    Array.from({ length: loops }, async () => {
      for (let from = performance.now(); from < endAt; from = performance.now()) {
        await act();
        if (from >= startAt) latencies.push(performance.now() - from);
      }
    }),
  );
  return (performance.now() - startAt) / 1000;
}

/** Sums up latencies that were taken within so many seconds. */
export function summarize(latencies: number[], seconds: number): Samples {
  latencies.sort((left, right) => left - right);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
  return {
    count: latencies.length,
    per_second: latencies.length / seconds,
    p50_ms: at(0.5),
    p99_ms: at(0.99),
  };
}

/** Runs `act` for each number below `count`, so many at a time, until the time is over; returns how many were done. */
export async function runMany(
  count: number,
  parallel: number,
  seconds: number,
  act: (index: number) => Promise<void>,
): Promise<{ done: number; seconds: number }> {
  const startedAt = performance.now();
  let next = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (next < count && performance.now() - startedAt < seconds * 1000) {
        next += 1;
        await act(next - 1);
        done += 1;
      }
    }),
  );
  return { done, seconds: (performance.now() - startedAt) / 1000 };
}

/** One line of the outcome. */
export interface Finding {
  name: string;
  measured: string;
  /** Undefined where there is nothing to reach. */
  goal?: string;
  is_met?: boolean;
  values: Record<string, number>;
}

/** The findings as a table for people, and below it what is missed. */
export function drawFindings(findings: Finding[]): string {
  const width = (pick: (finding: Finding) => string) => Math.max(...findings.map((it) => pick(it).length));
  const name = width((finding) => finding.name);
  const measured = width((finding) => finding.measured);
  const rows = findings.map((finding) =>
    [
      finding.name.padEnd(name),
      finding.measured.padEnd(measured),
      finding.goal === undefined ? "" : `${finding.is_met === true ? "met   " : "MISSED"} ${finding.goal}`,
    ]
      .join("  ")
      .trimEnd(),
  );
  const missed = findings.filter(({ is_met }) => is_met === false);
  const verdict =
    missed.length === 0
      ? "All goals are met."
      : `Missed: ${missed.map((it) => `${it.name} (${it.measured}, goal ${it.goal})`).join("; ")}.`;
  return `${rows.join("\n")}\n\n${verdict}\n`;
}
