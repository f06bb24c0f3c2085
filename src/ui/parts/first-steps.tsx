/** The main job in four commands, each ticked off as it happens. */
import { Check } from "lucide-preact";
import type { LimitOverview } from "../../contract/wire/limits.ts";
import type { Worker, WorkPool } from "../../contract/wire/work-pools.ts";
import { useQuery } from "../data/query.ts";
import { Command } from "./command.tsx";

export function FirstSteps({
  limits,
  pools,
  workers,
}: {
  limits: readonly LimitOverview[];
  pools: readonly WorkPool[];
  workers: readonly Worker[];
}) {
  const isBegun = limits.length > 0 && workers.length > 0;
  const { value: deployments = [] } = useQuery<unknown[]>(
    isBegun ? null : { method: "POST", path: "/deployments/filter", body: { limit: 1 } },
  );
  if (isBegun) return null;
  const steps = [
    {
      what: "A limit for the GPUs of each machine",
      command: "sluice gcl create gpu:gpu-1 --limit 2",
      isDone: limits.length > 0,
    },
    {
      what: "A work pool",
      command: "sluice work-pool create ml-pool --type process",
      isDone: pools.length > 0,
    },
    {
      what: "Your flow, from a folder with a prefect.yaml",
      command: "sluice deploy --all",
      isDone: deployments.length > 0,
    },
    {
      what: "A worker on each machine",
      command: "WORKER_ID=gpu-1 sluice worker start --pool ml-pool --limit 10",
      isDone: workers.length > 0,
    },
  ];
  return (
    <section class="steps">
      <h2>The first run</h2>
      <ol>
        {steps.map(({ what, command, isDone }) => (
          <li key={command} class={isDone ? "done" : ""}>
            <span class="mark">{isDone && <Check aria-label="done" />}</span>
            <div>
              <p>{what}</p>
              <Command text={command} />
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
