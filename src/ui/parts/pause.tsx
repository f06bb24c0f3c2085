/** Pausing pools and queues and letting them go on, with what that would do to the runs that there are. */
import { beginSentence, countOf } from "../data/preview.ts";
import { AskChange } from "./ask.tsx";
import { countDue, sayBegins, useChangePreview, type PoolPart } from "./change-preview.tsx";

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
  if (preview === undefined) return null;
  const { active, due } = preview;
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
  return preview === undefined ? null : <>Runs are given to workers again. {sayBegins(preview)}</>;
}
