/** `sluice flow-run to-front` */
import type { FlowRunMoved } from "../../../contract/wire/flow-runs.ts";
import { rephrase } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import { orMissingRun, readRun, RUN_HELP } from "../../records/runs.ts";

export const command = defineCommand({
  description:
    "A run that waits is claimed before all others of its queue; queues of a higher priority still go first. " +
    "Where it waits for a slot of its deployment, it gets the next one.",
  parameters: { run: argument("RUN", RUN_HELP, parseText) },
  examples: ["sluice flow-run to-front 01993a5c-7b1e-7777-8000-0123456789ab"],
  async run({ run: ref }, cli) {
    const api = await cli.api();
    const { id, name } = await readRun(api, ref);
    const moving = orMissingRun(id, api.flowRuns.moveToFront(id));
    const moved = await rephrase(moving, 409, ({ detail, message }) =>
      typeof detail === "string" ? detail : message,
    );
    await cli.showDone(`The flow run ${name} ${describeMove(moved)}.`, () => api.flowRuns.read(id));
  },
});

function describeMove({ line, passed }: FlowRunMoved): string {
  const whose = line.kind === "work_queue" ? `the queue ${line.name}` : "its deployment";
  if (passed === null) return "gets the next slot of its deployment";
  if (passed === 0) return `stands at the front of ${whose} already`;
  return `goes before ${passed === 1 ? "one other" : `${passed} others`} of ${whose}`;
}
