/** The main job in a few commands, each ticked off as it happens. Who has seen the list keeps it until the last tick. */
import { Check } from "lucide-preact";
import { useRef } from "preact/hooks";
import { writeCommand } from "../../contract/commands.ts";
import type { Deployment } from "../../contract/wire/deployments.ts";
import type { Worker, WorkPool } from "../../contract/wire/work-pools.ts";
import { readKey } from "../data/http.ts";
import { isUnanswered, useQuery } from "../data/query.ts";
import { Command } from "./command.tsx";
import { Empty } from "./empty.tsx";
import { LoadingPart } from "./loading.tsx";

/** Where commands look for a server by themselves. */
const DEFAULT_ORIGINS = ["http://127.0.0.1:4200", "http://localhost:4200"];

export function FirstSteps({
  hasLimits,
  pools,
  workers,
}: {
  hasLimits: boolean;
  pools: readonly WorkPool[];
  workers: readonly Worker[];
}) {
  const deployments = useQuery<Deployment[]>({
    method: "POST",
    path: "/deployments/filter",
    body: { limit: 1 },
  });
  const pool = pools[0]?.name ?? "ml-pool";
  const steps = [
    {
      what: "A limit for the GPUs of each machine",
      command: "sluice gcl create gpu:gpu-1 --limit 2",
      isDone: hasLimits,
    },
    {
      what: "A work pool",
      command: writeCommand("work-pool", "create", pool, "--type", "process"),
      isDone: pools.length > 0,
    },
    {
      what: "Your flow, from a folder with a prefect.yaml",
      command: "sluice deploy --all",
      isDone: (deployments.value?.length ?? 0) > 0,
    },
    {
      what: "A worker on each machine",
      command: `WORKER_ID=gpu-1 ${writeCommand("worker", "start", "--pool", pool, "--limit", "10")}`,
      isDone: workers.length > 0,
    },
  ];
  const areDone = steps.every(({ isDone }) => isDone);
  const isShown = useRef(false);
  const runs = useQuery<unknown[]>(
    deployments.value === undefined || (areDone && !isShown.current)
      ? null
      : { method: "POST", path: "/flow_runs/filter", body: { limit: 1 } },
  );
  if (runs.value === undefined) {
    const missing = [deployments, runs].find(isUnanswered);
    // Limits say enough; without them nothing else is on the page.
    return hasLimits || missing === undefined ? null : <LoadingPart query={missing} />;
  }
  const hasRun = runs.value.length > 0;
  // Who has runs and no limits needs no lesson, but to know why nothing is here.
  if (hasRun && !isShown.current)
    return hasLimits ? null : (
      <Empty command="sluice gcl create gpu:gpu-1 --limit 2">
        There is no limit yet, so there are no slots to be shown; <a href="/runs">runs</a> need none. One is
        made by:
      </Empty>
    );
  isShown.current = true;
  if (areDone && hasRun) return null;
  return (
    <section class="steps">
      <h2>The first run</h2>
      <p class="hint">
        In a clone of it, <code>sluice</code> is <code>npx sluice</code>.
      </p>
      {!DEFAULT_ORIGINS.includes(location.origin) && (
        <Command text={`export SLUICE_API_URL=${location.origin}/api`} />
      )}
      {readKey() !== null && <Command text="export SLUICE_API_KEY=KEY" />}
      <ol>
        {steps.map(({ what, command, isDone }) => (
          <li key={what} class={isDone ? "done" : ""}>
            <span class="mark">{isDone && <Check aria-label="done" />}</span>
            <div>
              <p>{what}</p>
              <Command text={command} />
            </div>
          </li>
        ))}
      </ol>
      {areDone && (
        <p>
          All is there: <a href={`/deployments/deployment/${deployments.value?.[0]?.id}/run`}>run it</a>.
        </p>
      )}
    </section>
  );
}
