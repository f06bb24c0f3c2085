/** Pausing pools and queues and letting them go on, with what that would do to the runs that there are. */
import type { WorkPool } from "../../contract/wire/work-pools.ts";
import { beginSentence, countOf } from "../data/preview.ts";
import { isUnanswered, useQuery } from "../data/query.ts";
import { AskChange } from "./ask.tsx";
import { countDue, sayBegins, Unforeseen, useChangePreview, type PoolPart } from "./change-preview.tsx";

export function Pause({
  name,
  path,
  isPaused,
  ...of
}: PoolPart & {
  name: string;
  /** Of the pool or the queue in the API. */
  path: string;
  isPaused: boolean;
}) {
  return (
    <AskChange
      name={name}
      isOn={!isPaused}
      changeFrom={(isOn) => ({
        verb: isOn ? "Pause" : "Resume",
        request: { method: "PATCH", path, body: { is_paused: isOn } },
        children: <p class="preview">{isOn ? <Paused {...of} /> : <Resumed {...of} />}</p>,
      })}
    />
  );
}

function Paused(of: PoolPart) {
  const preview = useChangePreview(of, { is_paused: true });
  if (preview.value === undefined) return <Unforeseen query={preview} />;
  const { active, due } = preview.value;
  return (
    <>
      No more runs are given to workers.{" "}
      {active > 0 &&
        `${beginSentence(countOf(active, "run"))} under way ${active === 1 ? "goes" : "go"} on to the end. `}
      {due > 0 && `${beginSentence(countDue(due))} that ${due === 1 ? "waits stays" : "wait stay"} in line.`}
      {active + due === 0 && "None is under way or waits."}
    </>
  );
}

function Resumed(of: PoolPart) {
  const preview = useChangePreview(of, { is_paused: false });
  // Of a queue of a pool that is paused none is.
  const pool = useQuery<WorkPool>(
    of.queue_id === undefined ? null : { method: "GET", path: `/work_pools/${encodeURIComponent(of.pool)}` },
  );
  const missing = [preview, pool].find(isUnanswered);
  if (preview.value === undefined || (of.queue_id !== undefined && pool.value === undefined))
    return <Unforeseen query={missing ?? preview} />;
  return (
    <>
      Runs are given to workers again{pool.value?.is_paused === true && " once the pool is resumed, too"}.{" "}
      {sayBegins(preview.value)}
    </>
  );
}
