/** Pausing pools and queues and letting them go on, with what that would do to the runs that there are. */
import type { Worker } from "../../contract/wire/work-pools.ts";
import { countOf, countRoom } from "../data/preview.ts";
import { useQuery } from "../data/query.ts";
import { useRunCount } from "../data/run-count.ts";
import { AskChange } from "./ask.tsx";

interface Of {
  pool: string;
  /** None: all of the pool. */
  queue_id?: string | undefined;
}

export function Pause({
  name,
  path,
  isPaused,
  ...of
}: Of & {
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

function Paused(of: Of) {
  const active = useRunCount("active", of);
  const due = useRunCount("due", of);
  if (active === undefined || due === undefined) return null;
  return (
    <>
      No more runs are given to workers.{" "}
      {active > 0 && `${countOf(active, "run")} under way ${active === 1 ? "goes" : "go"} on to the end. `}
      {due > 0 && `${countOf(due, "run")} that ${due === 1 ? "waits stays" : "wait stay"} in line.`}
      {active + due === 0 && "None is under way or waits."}
    </>
  );
}

function Resumed(of: Of) {
  const due = useRunCount("due", of);
  const { value: workers } = useQuery<Worker[]>({
    method: "POST",
    path: `/work_pools/${encodeURIComponent(of.pool)}/workers/filter`,
    body: {},
  });
  if (due === undefined || workers === undefined) return null;
  const room = Math.min(due, countRoom(workers));
  return (
    <>
      Runs are given to workers again.{" "}
      {due === 0
        ? "None waits now."
        : room === 0
          ? `${countOf(due, "run")} ${due === 1 ? "waits" : "wait"}, and no worker that is online has room now.`
          : `Of ${countOf(due, "run")} that ${due === 1 ? "waits" : "wait"}, workers that are online have room for ${room}.`}
    </>
  );
}
