/** Links to things by what is known of them. */
import type { ComponentChildren } from "preact";
import { pathOfPool, pathOfQueue, pathOfWorker } from "../data/page-paths.ts";

export function RunLink({
  run: { id, name },
  children,
}: {
  run: { id: string; name: string };
  children?: ComponentChildren;
}) {
  return (
    <a href={`/runs/flow-run/${id}`} title={children === undefined ? undefined : name}>
      {children ?? name}
    </a>
  );
}

export function PoolLink({ name }: { name: string }) {
  return <a href={pathOfPool(name)}>{name}</a>;
}

export function QueueLink({ pool, name }: { pool: string; name: string }) {
  return <a href={pathOfQueue(pool, name)}>{name}</a>;
}

export function WorkerLink({ pool, name }: { pool: string; name: string }) {
  return <a href={pathOfWorker(pool, name)}>{name}</a>;
}
