/** Why a run waits: one sentence, what is in the way as a link, and what would help. */
import { CircleHelp } from "lucide-preact";
import { useQuery } from "../data/query.ts";
import { Command } from "./command.tsx";
import { formatDuration } from "./time.tsx";

export interface Explanation {
  reason: string;
  detail: string;
  blocking: { kind: string; name: string } | null;
  position: number | null;
  estimated_seconds: number | null;
}

const PAGES: Record<string, (name: string) => string> = {
  limit: (name) => `/limits/${encodeURIComponent(name)}`,
  work_pool: (name) => `/work-pools/work-pool/${encodeURIComponent(name)}`,
};

export function Why({ id }: { id: string }) {
  const { value } = useQuery<Explanation>({ method: "GET", path: `/flow_runs/${id}/why` });
  // A run that gets on needs no reason.
  if (value === undefined || value.reason === "running") return null;
  const { reason, detail, blocking, position, estimated_seconds } = value;
  const page = blocking === null ? undefined : PAGES[blocking.kind]?.(blocking.name);
  return (
    <div class="why" role="status">
      <p>
        <CircleHelp aria-hidden="true" /> {detail}
        {position !== null && ` It is number ${position} in line.`}
        {estimated_seconds !== null && ` About ${formatDuration(estimated_seconds)} to go.`}{" "}
        <code>{reason}</code>
        {page !== undefined && (
          <>
            {" "}
            <a href={page}>{blocking?.name}</a>
          </>
        )}
      </p>
      <Help reason={reason} blocking={blocking} />
    </div>
  );
}

function Help({ reason, blocking }: Pick<Explanation, "reason" | "blocking">) {
  if (blocking === null) return null;
  const { name } = blocking;
  switch (reason) {
    case "no_worker":
      return <Command text={`sluice worker start --pool ${name}`} />;
    case "pool_paused":
      return <Command text={`sluice work-pool resume ${name}`} />;
    case "pool_full":
      return <Command text={`sluice work-pool set-concurrency-limit ${name} N`} />;
    case "queue_paused":
      return <Command text={`sluice work-queue resume ${name}`} />;
    case "limit":
      return <Command text={`sluice gcl update ${name} --limit N`} />;
    default:
      return null;
  }
}
