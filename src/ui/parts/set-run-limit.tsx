/** Sets how many runs of a pool or of a queue may be under way at a time. */
import type { Worker } from "../../contract/wire/work-pools.ts";
import { countOf, countRoom } from "../data/preview.ts";
import { useRunCount } from "../data/run-count.ts";
import { SetSize } from "./set-size.tsx";

interface Props {
  /** Whose limit it is. */
  of: string;
  path: string;
  current: number | null;
  pool: string;
  /** Where a queue is meant. */
  queue_id?: string;
  workers: readonly Worker[];
}

export function SetRunLimit({ of, path, current, ...rest }: Props) {
  return (
    <SetSize
      label="Set its limit"
      title={`Set the limit of ${of}`}
      of={of}
      unit="Runs at a time"
      current={current}
      isOptional
      path={path}
      field="concurrency_limit"
      preview={(size) => <Limited size={size} {...rest} />}
    />
  );
}

function Limited({
  size,
  workers,
  ...of
}: { size: number | null } & Pick<Props, "pool" | "queue_id" | "workers">) {
  const active = useRunCount("active", of);
  const due = useRunCount("due", of);
  if (active === undefined || due === undefined) return null;
  if (size !== null && active > size)
    return (
      <>
        {countOf(active, "run")} under way, so {active - size} would be over the limit until{" "}
        {active - size === 1 ? "it ends" : "they end"}; no other begins before.
      </>
    );
  const begin = Math.min(due, size === null ? Infinity : size - active, countRoom(workers));
  return (
    <>
      Of {countOf(due, "run")} that {due === 1 ? "waits" : "wait"} it would let {begin === 0 ? "none" : begin}{" "}
      begin now.
    </>
  );
}
