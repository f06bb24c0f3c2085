/**
 * `npm run versus`: the same experiments on Sluice and on a Prefect server, on the same machine in the same run. Prefect's
 * clients are unmodified on both; ours is measured beside them. Run it on a quiet machine; it takes about an hour.
 *
 *   --only a,f          these experiments only
 *   --on Sluice         only the contenders whose names have this in them
 *   --postgres URL      also a Prefect server on PostgreSQL, as SQLAlchemy writes its address
 *   --out FILE.md       writes the table there, and FILE.svg and FILE.json beside it; what FILE.json knows of other
 *                       experiments stays
 *   --quick             shows that everything runs; its numbers mean little
 */
import { writeFileSync } from "node:fs";
import { readArguments, readNames } from "../../test/support/arguments.ts";
import { installPrefect, NEWEST } from "../../test/prefect/versions.ts";
import type { Experiment, Plan } from "./experiment.ts";
import { handingOn, lostAnswer, order, restart } from "./limits.ts";
import { load } from "./load.ts";
import { measureNeighbours } from "./neighbours.ts";
import { drawPicture } from "./picture.ts";
import { writeReport } from "./report.ts";
import { mergeResults, readResults, writeResults, type Outcome, type Results } from "./results.ts";
import { headOfLine, idling, pipeline, start } from "./runs.ts";
import { openScene, type Scene } from "./scene.ts";
import { startPrefectServer, startSluice, type System } from "./systems.ts";
import {
  noteTaking,
  readNodeVersion,
  readPrefectVersions,
  readSluiceVersions,
  type Versions,
} from "./taking.ts";

const EXPERIMENTS: readonly Experiment[] = [
  handingOn,
  order,
  headOfLine,
  pipeline,
  start,
  load,
  restart,
  lostAnswer,
  idling,
];
const FULL: Plan = {
  holders: 60,
  waiters: 200,
  blockedRuns: 250,
  pipelineRuns: 20,
  starts: 10,
  loadSeconds: 5,
  claimedRuns: 200,
  idleSeconds: 60,
};
/** Shows that everything runs; its numbers mean little. */
const QUICK: Plan = {
  holders: 5,
  waiters: 10,
  blockedRuns: 10,
  pipelineRuns: 4,
  starts: 2,
  loadSeconds: 2.5,
  claimedRuns: 20,
  idleSeconds: 20,
};

interface Contender {
  /** The heading of its column. */
  name: string;
  client: Scene["client"];
  open(): Promise<System>;
  /** Of all that has a part in what is measured. */
  readVersions(): Versions;
}

async function main(): Promise<void> {
  const keys = EXPERIMENTS.map(({ key }) => key);
  const values = readArguments(import.meta.filename, {
    only: { type: "string", default: keys.join(",") },
    on: { type: "string", default: "" },
    postgres: { type: "string" },
    out: { type: "string" },
    quick: { type: "boolean", default: false },
  });
  const only = readNames("only", values.only, keys);
  const python = await installPrefect(NEWEST);
  const contenders = listContenders(python, values.postgres).filter(({ name }) => name.includes(values.on));
  const wanted = EXPERIMENTS.filter(({ key }) => only.includes(key));
  const outcomes: Outcome[] = [];
  const command = describeCommand({
    ...values,
    only: values.only === keys.join(",") ? undefined : values.only,
  });
  for (const experiment of wanted) {
    for (const contender of contenders) {
      process.stderr.write(`${experiment.key}  ${experiment.title}: ${contender.name} …\n`);
      // A control plane of its own for each: nobody pays for what another left behind.
      await using system = await contender.open();
      await using scene = await openScene(system, contender.client, python);
      const figures = await experiment.run(scene, values.quick ? QUICK : FULL).catch((error: unknown) => {
        const said = `failed: ${error instanceof Error ? error.message : String(error)}`;
        process.stderr.write(`   ${said}\n`);
        process.exitCode = 1;
        return [{ name: "outcome", unit: "" as const, value: null, said }];
      });
      const taking = noteTaking(command, contender.readVersions());
      outcomes.push({ key: experiment.key, contender: contender.name, figures, ...taking });
    }
  }
  const { loadSeconds, claimedRuns } = values.quick ? QUICK : FULL;
  const neighbours = wanted.includes(load)
    ? await measureNeighbours({ seconds: loadSeconds, jobs: claimedRuns * 5, command })
    : [];
  const fresh = { outcomes, neighbours };
  const names = (results: Results) =>
    CONTENDER_NAMES.filter((name) => results.outcomes.some(({ contender }) => contender === name));
  if (values.out !== undefined) {
    const base = values.out.replace(/\.md$/u, "");
    const results = mergeResults(readResults(`${base}.json`), fresh);
    writeResults(`${base}.json`, results);
    writeFileSync(
      `${base}.md`,
      `# Sluice beside a Prefect server\n\n${writeReport(results, EXPERIMENTS, names(results))}`,
    );
    writeFileSync(`${base}.svg`, drawPicture(results, EXPERIMENTS, names(results)));
  }
  process.stdout.write(writeReport(fresh, EXPERIMENTS, names(fresh)));
}

/** The command that measures the same again; an address of PostgreSQL may have a password in it. */
function describeCommand({
  only,
  on,
  postgres,
  quick,
}: {
  only: string | undefined;
  on: string;
  postgres?: string;
  quick: boolean;
}): string {
  const words = [
    ...(only === undefined ? [] : ["--only", only]),
    ...(on === "" ? [] : ["--on", on]),
    ...(postgres === undefined ? [] : ["--postgres", "URL"]),
    ...(quick ? ["--quick"] : []),
  ];
  return ["npm run versus", ...(words.length === 0 ? [] : ["--", ...words])].join(" ");
}

const CONTENDER_NAMES = [
  "Prefect server (SQLite)",
  "Prefect server (PostgreSQL)",
  "Sluice, Prefect's clients",
  "Sluice, its own",
] as const;
const [ON_SQLITE, ON_POSTGRES, WITH_PREFECTS, WITH_OURS] = CONTENDER_NAMES;

function listContenders(python: string, postgres: string | undefined): Contender[] {
  const readNodeAndPrefect = (databaseUrl?: string) => ({
    ...readPrefectVersions(python, databaseUrl),
    ...readNodeVersion(),
  });
  return [
    {
      name: ON_SQLITE,
      client: "prefect",
      open: () => startPrefectServer({ name: ON_SQLITE, python }),
      readVersions: () => readNodeAndPrefect(),
    },
    ...(postgres === undefined
      ? []
      : [
          {
            name: ON_POSTGRES,
            client: "prefect" as const,
            open: () => startPrefectServer({ name: ON_POSTGRES, python, databaseUrl: postgres }),
            readVersions: () => readNodeAndPrefect(postgres),
          },
        ]),
    {
      name: WITH_PREFECTS,
      client: "prefect",
      open: startSluice,
      readVersions: () => {
        const { Prefect = "", Python = "" } = readPrefectVersions(python);
        return { ...readSluiceVersions(), Prefect, Python };
      },
    },
    { name: WITH_OURS, client: "sluice", open: startSluice, readVersions: readSluiceVersions },
  ];
}

await main();
