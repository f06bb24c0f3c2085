/**
 * Worlds of nothing but acquires over several limits in quick succession, on a network that says all twice and late. Faults
 * that only show there are rare everywhere else.
 */
import { Random } from "./random.ts";
import { makeClock, RATE_MAX, type Scenario, type ScenarioCaller } from "./scenario.ts";

const EVERY = 5;
/** Acquires over several limits are slow, and nothing else happens: such a world goes on for longer than others. */
const TEMPO = 5;
const PACE_MS = [500, 3000] as const;
/** Where somebody takes leases away they last long enough for a word of it to come late. */
const HELD_MS = [3000, 60_000] as const;
const OPERATOR_MS = 1000;
const LONG_MS = 600_000;
/** Between two long holds the others come to stand in different places of the lines. */
const BETWEEN_MS = 20_000;

/** Every fifth seed plays one, by turns with an operator who takes leases away and without one. */
export function makeKnot(seed: number): Scenario | undefined {
  if (seed % EVERY !== 0) return undefined;
  const random = new Random(seed, "knot");
  const hasOperator = (seed / EVERY) % 2 === 0;
  const limits = Array.from({ length: random.int(2, 3) }, () => ({
    size: 1,
    bypass_max: 0,
    has_names: false,
    slot_decay_per_second: 0,
  }));
  const all = limits.map((_, limit) => limit);
  const [long, last] = [random.int(0, 1), random.int(1, limits.length - 1)];
  const makeCaller = (
    number: number,
    wants: number[],
    holds: readonly [number, number] = PACE_MS,
  ): ScenarioCaller => ({
    name: `caller-${number}`,
    kind: random.pick(["held requests", "socket", "prefect"]),
    wants,
    slots: 1,
    lease_seconds: random.pick([60, 120, 240]),
    think_ms: random.magnitude(...PACE_MS),
    hold_ms: random.magnitude(...holds),
    clock: makeClock(random),
  });
  const callers = Array.from({ length: random.int(2, 5) }, (_, index) =>
    makeCaller(index + 3, all, hasOperator ? HELD_MS : PACE_MS),
  );
  callers.push(makeCaller(2, [last === long ? 0 : last]));
  // While it holds, the other limits have room again, and whoever waits for all of them must leave that to others.
  if (!hasOperator) callers.push({ ...makeCaller(1, [long]), hold_ms: LONG_MS, think_ms: BETWEEN_MS });
  const { delay, double, force_release } = RATE_MAX;
  return {
    tempo: TEMPO,
    limits,
    callers,
    pool: undefined,
    rates: hasOperator ? { delay, double, force_release } : { delay, double },
    late_ms: 60_000,
    operator_every_ms: OPERATOR_MS,
  };
}
