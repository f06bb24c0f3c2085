/**
 * The last quarter of an hour of a limit: a lane for each slot, a bar for each lease that held it, nothing where nobody
 * did. It moves on by itself; the server is only asked when something has changed.
 */
import { useMemo, useRef, useState } from "preact/hooks";
import type { Limit, LimitHistory } from "../../contract/wire/limits.ts";
import { layOut, measureUsage, type Lanes } from "../data/lanes.ts";
import { useQuery } from "../data/query.ts";
import { useRunNames } from "../data/run-names.ts";
import { useIsSeen, useWidth } from "../data/screen.ts";
import { LoadingPart } from "./loading.tsx";
import { useNow } from "./time.tsx";
import { TimelineChart } from "./timeline-chart.tsx";
import { WINDOW_SECONDS } from "./timeline-scales.ts";
import { describeBar, describeUsage } from "./timeline-words.ts";

const LEASES_MAX = 400;
const LANES_MAX = 16;
/** An answer is not older than this, give or take. */
const A_MOMENT_MS = 5000;

type Shown = Pick<Limit, "name" | "created" | "limit" | "slot_names" | "slot_decay_per_second">;

export function Timeline({ limit }: { limit: Shown }) {
  // Such a limit keeps how full it is, and not who has used it.
  return limit.slot_decay_per_second > 0 ? null : <LeaseTimeline limit={limit} />;
}

function LeaseTimeline({ limit }: { limit: Shown }) {
  const ref = useRef<HTMLElement>(null);
  const width = useWidth(ref);
  const path = `/v2/concurrency_limits/${encodeURIComponent(limit.name)}/history?limit=${LEASES_MAX}`;
  const isSeen = useIsSeen(ref);
  const answer = useQuery<LimitHistory>(isSeen ? { method: "GET", path } : null);
  const { value: history, answered_at, error } = answer;
  const lanes = useMemo(
    () => layOut(history?.leases ?? [], limit),
    [history, limit.limit, limit.slot_names?.join("\n")],
  );
  const names = useRunNames(lanes.bars.flatMap(({ lease }) => lease.flow_run_id ?? []));
  const [pointed, setPointed] = useState<string>();
  // To the moment, which the page's clock of the server may be off by.
  const offset_ms = history === undefined ? 0 : Date.parse(history.now) - answered_at;
  const now = useNow() + offset_ms;
  const windowStart = now - WINDOW_SECONDS * 1000 + A_MOMENT_MS;
  const bar = lanes.bars.find(({ lease }) => lease.lease_id === pointed);
  return (
    <figure class="timeline" ref={ref}>
      <TimelineChart
        limit={limit}
        lanes={lanes}
        lanes_max={LANES_MAX}
        history={history}
        now={now}
        width={width}
        names={names}
        onPoint={setPointed}
      />
      <figcaption>
        {history === undefined && error !== undefined && <LoadingPart query={answer} />}
        {bar !== undefined
          ? describeBar(bar, names, now)
          : history !== undefined &&
            describeUsage(measureUsage(history, limit.limit, WINDOW_SECONDS, now), {
              // Before it was created there was nothing to know.
              isAllKnown: Date.parse(history.known_since) <= Math.max(windowStart, Date.parse(limit.created)),
              hidden: hide(lanes),
            })}
      </figcaption>
    </figure>
  );
}

/** How many lanes are not drawn, and how many of these were held. */
function hide({ names, bars }: Lanes): { lanes: number; held: number } {
  const hidden = new Set<number>();
  for (const { lane, count } of bars.flatMap(({ spans }) => spans))
    for (let each = Math.max(lane, LANES_MAX); each < lane + count; each += 1) hidden.add(each);
  return { lanes: Math.max(0, names.length - LANES_MAX), held: hidden.size };
}
