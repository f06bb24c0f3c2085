/**
 * `npm run sim`: simulates many seeds, and says how to repeat what fails.
 *
 *   --seed N | --seeds FROM-TO   which seeds (1-50)
 *   --hours H                    hours with faults for each seed (1) where its world is a busy one; a slower one goes
 *                                on for longer, and the end without faults comes on top
 *   --trace                      tells every event
 *   --faults A,B --clients C,D   only these faults, only these callers and agents: as a failing run was made small
 *   --mutants                    puts faults into the code and says which seed finds each
 */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { readArguments, readNumber, refuseArguments } from "../support/arguments.ts";
import { loadMutant, MUTANTS } from "./mutants.ts";

const values = readArguments(import.meta.filename, {
  seed: { type: "string" },
  seeds: { type: "string" },
  hours: { type: "string", default: "1" },
  trace: { type: "boolean", default: false },
  faults: { type: "string" },
  clients: { type: "string" },
  mutants: { type: "boolean", default: false },
  mutant: { type: "string" },
});
const SEEDS = "1-50";
const seeds = values.seed ?? values.seeds ?? SEEDS;
if (values.seed !== undefined && values.seeds !== undefined)
  refuseArguments("--seed and --seeds: it wants one of them.");
if (values.mutants && (values.mutant ?? values.seed ?? values.seeds) !== undefined)
  refuseArguments(
    "--mutants: it tries all of them, each with its own seeds; it wants no --mutant, --seed or --seeds.",
  );
// Whoever looks at the first lines of a trace need not see the rest.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

/** Within less hardly anything happens before the end without faults. */
const HOURS_MIN = 0.01;
const simulatedHours = readNumber("hours", values.hours, { least: HOURS_MIN, isWhole: false });

const MUTANT_SEEDS = "1-100";
const MUTANT_HOURS = "1";
const MUTANTS_AT_ONCE = availableParallelism();

const listOf = (text: string | undefined): Set<string> | undefined =>
  text === undefined ? undefined : new Set(text.split(",").filter((word) => word !== ""));

function readSeeds(text: string): [number, number] {
  const [first = "", last = first, ...rest] = text.split("-");
  const from = readNumber("seed", first, { least: 1 });
  const to = readNumber("seeds", last, { least: 1 });
  if (rest.length > 0 || to < from)
    refuseArguments(`--seeds ${text}: it wants FROM-TO, the smaller one first.`);
  return [from, to];
}

/** Names that are no fault and no caller would leave out everything, and find nothing. */
function checkNames(kinds: ReadonlySet<string>): void {
  const fault = [...(listOf(values.faults) ?? [])].find((name) => !kinds.has(name.replace(/:\d+$/u, "")));
  if (fault !== undefined)
    refuseArguments(`--faults ${fault}: it wants KIND:NUMBER, of the kinds ${[...kinds].join(", ")}.`);
  const client = [...(listOf(values.clients) ?? [])].find((name) => !/^(caller|agent)-\d+$/u.test(name));
  if (client !== undefined)
    refuseArguments(`--clients ${client}: they are called caller-1, agent-1 and so on.`);
}

async function runSeeds(): Promise<number> {
  if (values.mutant !== undefined) {
    const names = MUTANTS.map(({ name }) => name);
    if (!names.includes(values.mutant))
      refuseArguments(
        `--mutant ${values.mutant}: there is no such fault; there are\n  ${names.join("\n  ")}\n`,
      );
    loadMutant(values.mutant);
  }
  const { simulate } = await import("./simulate.ts");
  const { RATE_MAX } = await import("./scenario.ts");
  checkNames(new Set(Object.keys(RATE_MAX)));
  const { loadReleaseBefore } = await import("./code.ts");
  const { shrink } = await import("./shrink.ts");
  const { formatReplay, formatViolation } = await import("./report.ts");
  const [from, to] = readSeeds(seeds);
  const startedMs = performance.now();
  let [hours, steps, failed] = [0, 0, 0];
  for (let seed = from; seed <= to; seed += 1) {
    const options = {
      seed,
      hours: simulatedHours,
      faults: listOf(values.faults),
      clients: listOf(values.clients),
      tell: values.trace ? (line: string) => console.log(line) : undefined,
    };
    const report = await simulate(options);
    hours += report.simulated_hours;
    steps += report.steps;
    if (report.violation === undefined) continue;
    failed += 1;
    if (values.mutant !== undefined) {
      console.log(`seed ${seed}: ${report.violation.promise}`);
      console.log(formatViolation(seed, report.violation));
      console.log(
        `  npm run sim -- --mutant ${JSON.stringify(values.mutant)} --seed ${seed} --hours ${values.hours} --trace`,
      );
      return 1;
    }
    console.log(formatViolation(seed, report.violation));
    if (values.trace) continue;
    const small = await shrink(options, report);
    console.log(formatReplay(small, report));
  }
  if ((await loadReleaseBefore()) === undefined)
    console.log(
      "The release before is not in this clone's history: deploys were played with today's code only.",
    );
  const minutes = (performance.now() - startedMs) / 60_000;
  console.log(
    `${to - from + 1} seeds, ${failed} failed; ${Math.round(hours)} hours in ${(minutes * 60).toFixed(1)} s, ${Math.round(hours / minutes)} hours/min, ${steps} events`,
  );
  return failed === 0 ? 0 : 1;
}

/** Prints which seed finds each mutant, and by which promise. */
async function runMutants(): Promise<number> {
  const waiting = [...MUTANTS];
  const rows: string[] = [];
  let missed = 0;
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const [code, output] = await runMutant(mutant.name);
      const found = /^seed (\d+): (.*)$/m.exec(output);
      if (code !== 1 || found === null) missed += 1;
      const outcome =
        found === null
          ? code === 0
            ? "NOT FOUND"
            : `broken: ${output.slice(0, 500)}`
          : `seed ${found[1]} by ${found[2]}`;
      rows.push(`${mutant.name.padEnd(70)} ${outcome}`);
      console.log(rows.at(-1));
    }
  };
  await Promise.all(Array.from({ length: MUTANTS_AT_ONCE }, work));
  console.log(
    `${MUTANTS.length - missed} of ${MUTANTS.length} mutants found within the seeds ${MUTANT_SEEDS}`,
  );
  return missed === 0 ? 0 : 1;
}

function runMutant(name: string): Promise<[number | null, string]> {
  const { promise, resolve } = Promise.withResolvers<[number | null, string]>();
  const child = spawn(
    process.execPath,
    [import.meta.filename, "--mutant", name, "--seeds", MUTANT_SEEDS, "--hours", MUTANT_HOURS],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  child.stdout.on("data", (text: Buffer) => (output += text.toString()));
  child.stderr.on("data", (text: Buffer) => (output += text.toString()));
  child.on("close", (code) => resolve([code, output]));
  return promise;
}

process.exitCode = values.mutants ? await runMutants() : await runSeeds();
