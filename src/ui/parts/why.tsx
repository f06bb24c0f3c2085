/** Why a run waits: one sentence, what is in the way as a link, and what would help. */
import { CircleHelp } from "lucide-preact";
import { useState } from "preact/hooks";
import { sayPlace } from "../../contract/places.ts";
import type { RunExplanation } from "../../contract/wire/explanations.ts";
import { useDeploymentNames } from "../data/deployment-names.ts";
import { deploymentOfLimit, nameLimit } from "../data/limit-names.ts";
import { pathOfLimit, pathOfPool, pathOfQueue, pathOfWorker } from "../data/page-paths.ts";
import { useQuery } from "../data/query.ts";
import { timeLeft } from "../data/time-left.ts";
import { Command } from "./command.tsx";
import { RunLink } from "./links.tsx";
import { LoadingPart } from "./loading.tsx";
import { ExactTime, formatDuration, useNow } from "./time.tsx";

type Blocking = NonNullable<RunExplanation["blocking"]>;

const PATHS: Record<Blocking["kind"], (of: Blocking) => string> = {
  limit: ({ name }) => pathOfLimit(name),
  work_pool: ({ name }) => pathOfPool(name),
  work_queue: ({ name, work_pool_name }) => pathOfQueue(work_pool_name ?? "", name),
  worker: ({ name, work_pool_name }) => pathOfWorker(work_pool_name ?? "", name),
};

/** `of`: the run, where the page is not about it. */
export function Why({ id, of }: { id: string; of?: string }) {
  const answer = useQuery<RunExplanation>({ method: "GET", path: `/flow_runs/${id}/why` });
  const { value } = answer;
  const now = useNow();
  const deployments = useDeploymentNames([deploymentOfLimit(value?.blocking?.name ?? "")]);
  if (value === undefined)
    return answer.error === undefined || answer.error.status === 404 ? null : <LoadingPart query={answer} />;
  // A run that gets on needs no reason.
  if (value.reason === "running") return null;
  const { reason, detail, blocking, help } = value;
  const left = timeLeft(value, now);
  const place = sayPlace(value);
  return (
    <div class="why" role="status">
      <p>
        <CircleHelp aria-hidden="true" />{" "}
        {of !== undefined && (
          <>
            First is <RunLink run={{ id, name: of }} />.{" "}
          </>
        )}
        <Sentence text={detail} />
        {place !== undefined && ` It is number ${place}.`}
        {left !== undefined && <span aria-live="off"> About {formatDuration(left)} to go.</span>}{" "}
        <code>{reason}</code>
        {blocking !== null && (
          <>
            {" "}
            <a href={PATHS[blocking.kind](blocking)}>{nameLimit(blocking.name, deployments)}</a>
          </>
        )}
      </p>
      {help !== null && <Command text={help} />}
    </div>
  );
}

/** For lists: the reason is asked for when somebody wants to know it. */
export function AskWhy({ id }: { id: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="ask-why" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>why?</summary>
      {isOpen && <Why id={id} />}
    </details>
  );
}

/** Instants in it are told in the viewer's own zone. */
function Sentence({ text }: { text: string }) {
  const parts = text.split(/(\d{4}-\d\d-\d\dT[\d:.]+Z)/);
  return parts.map((part, index) => (index % 2 === 0 ? part : <ExactTime key={part} at={part} />));
}
