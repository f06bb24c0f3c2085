/** Flow runs through workers: behind blocked ones, through the pipeline, from submission to start, and what idling costs. */
import { setTimeout as sleep } from "node:timers/promises";
import { idleWhileWanted, mostAtOnce } from "../../test/prefect/support/slot-times.ts";
import { until, type Experiment } from "./experiment.ts";
import type { Scene } from "./scene.ts";
import { percentile } from "./slots.ts";

const MACHINES = ["gpu-1", "gpu-2"];
const SLOTS = 2;
const DOWNLOAD_SECONDS = 1;
const INFER_SECONDS = 3;
const SAVE_SECONDS = 0.5;
const PIPELINE_SECONDS_MAX = 600;
const START_SECONDS_MAX = 300;

async function noted(scene: Scene, run: string, event: string, seconds: number): Promise<number | null> {
  return until(
    () => scene.readRunNotes().find((note) => note.run === run && note.event === event)?.at,
    seconds,
  );
}

/** A worker that has taken a run takes the next one warm. */
async function startWarmWorker(scene: Scene, limit: number): Promise<void> {
  await scene.deploy();
  scene.startWorker("versus", limit);
  await noted(scene, await scene.run("quick"), "starts", START_SECONDS_MAX);
}

export const headOfLine: Experiment = {
  key: "c",
  title: "A free run behind blocked ones",
  method:
    "A deployment with a limit of 1 whose slot is held, and runs of it that cannot start; then one run of another deployment on the same worker. From its submission to its first line.",
  async run(scene, { blockedRuns }) {
    await startWarmWorker(scene, 4);
    await noted(scene, await scene.run("blocked"), "starts", START_SECONDS_MAX);
    for (let count = 0; count < blockedRuns; count += 10)
      await Promise.all(Array.from({ length: 10 }, () => scene.run("blocked")));
    const submittedAt = Date.now() / 1000;
    const startedAt = await noted(scene, await scene.run("quick"), "starts", START_SECONDS_MAX);
    return [
      {
        name: `submission to first line behind ${blockedRuns} blocked runs`,
        unit: "s",
        isHeadline: true,
        value: startedAt === null ? null : startedAt - submittedAt,
        ...(startedAt === null && { said: `not within ${START_SECONDS_MAX} s` }),
      },
    ];
  },
};

export const pipeline: Experiment = {
  key: "d",
  title: "The pipeline: 2 machines with 2 GPU slots each",
  method: `Runs of download (${DOWNLOAD_SECONDS} s), infer on the GPU (${INFER_SECONDS} s, in a slot of the machine's limit), save (${SAVE_SECONDS} s), all submitted at once to two workers with \`--limit 10\`. The ideal knows no start of Python.`,
  async run(scene, { pipelineRuns }) {
    await scene.deploy();
    for (const machine of MACHINES) await scene.api.limits.create({ name: `gpu:${machine}`, limit: SLOTS });
    for (const machine of MACHINES) scene.startWorker(machine, 10);
    const submittedAt = Date.now() / 1000;
    await Promise.all(
      Array.from({ length: pipelineRuns }, (_, image_id) => scene.run("pipeline", { image_id })),
    );
    const countEnds = () => scene.readRunNotes().filter(({ event }) => event === "ends");
    const ends = await until(
      () => (countEnds().length >= pipelineRuns ? countEnds() : undefined),
      PIPELINE_SECONDS_MAX,
    );
    const notes = scene.readRunNotes();
    const last = Math.max(...countEnds().map(({ at }) => at));
    const rounds = Math.ceil(pipelineRuns / (MACHINES.length * SLOTS));
    const ideal = DOWNLOAD_SECONDS + rounds * INFER_SECONDS + SAVE_SECONDS;
    const here = MACHINES.map((machine) => notes.filter(({ worker }) => worker === machine));
    const idle = here
      .flatMap((notes) => idleWhileWanted(notes, SLOTS))
      .toSorted((left, right) => left - right);
    return [
      {
        name: `makespan of ${pipelineRuns} runs (ideal ${ideal} s)`,
        unit: "s",
        isHeadline: true,
        value: last - submittedAt,
        ...(ends === null && {
          said: `only ${countEnds().length} of ${pipelineRuns} ended in ${PIPELINE_SECONDS_MAX} s`,
        }),
      },
      { name: "a slot free while wanted, p50", unit: "s", value: percentile(idle, 0.5) },
      { name: "a slot free while wanted, longest", unit: "s", value: idle.at(-1) ?? 0 },
      {
        name: "most inferences at once on a machine (limit 2)",
        unit: "",
        value: Math.max(...here.map(mostAtOnce)),
      },
    ];
  },
};

export const start: Experiment = {
  key: "e",
  title: "From submission to start",
  method:
    "Runs one after the other on an idle worker; from their submission to the flow's first line, Python's start in it.",
  async run(scene, { starts }) {
    await startWarmWorker(scene, 4);
    const taken: number[] = [];
    for (let count = 0; count < starts; count += 1) {
      const submittedAt = Date.now() / 1000;
      const startedAt = await noted(scene, await scene.run("quick"), "starts", START_SECONDS_MAX);
      if (startedAt !== null) taken.push(startedAt - submittedAt);
      await sleep(500);
    }
    taken.sort((left, right) => left - right);
    return [
      { name: "submission to first line, p50", unit: "s", value: percentile(taken, 0.5), isHeadline: true },
      { name: "submission to first line, longest", unit: "s", value: taken.at(-1) ?? null },
    ];
  },
};

/** Whoever asks more seldom is not waited for. */
const PATIENCE = 15;

export const idling: Experiment = {
  key: "i",
  title: "What idling costs",
  method:
    "One worker with nothing to do, its requests counted by a proxy for a minute, or until there were two of them.",
  async run(scene, { idleSeconds }) {
    await startWarmWorker(scene, 4);
    await sleep(5000);
    const asked: number[] = [];
    scene.prefect.proxy.fault = () => {
      asked.push(performance.now());
      return undefined;
    };
    const startedAt = performance.now();
    const seconds = () => (performance.now() - startedAt) / 1000;
    // Two requests have one space between them that can be measured.
    while (seconds() < idleSeconds || (asked.length < 2 && seconds() < idleSeconds * PATIENCE))
      await sleep(1000);
    const measured = seconds();
    scene.prefect.proxy.fault = () => undefined;
    return [
      {
        name: "requests of an idle worker in an hour",
        unit: "",
        value: Math.round((asked.length * 3600) / measured),
        isHeadline: true,
      },
      {
        name: "memory of the control plane, idle",
        unit: "MB",
        value: (await scene.system.measureMemory()) / 1e6,
      },
    ];
  },
};
