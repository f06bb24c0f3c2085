/** Acts of people: a table of them, and the last ones on what a page shows. */
import { formatActor, formatChanges, formatTarget } from "../../contract/audit-text.ts";
import type { AuditEntry, AuditTarget, Changes } from "../../contract/wire/audit.ts";
import type { JsonValue } from "../../contract/wire/common.ts";
import { isObject } from "../data/json-schema.ts";
import { pathOfLimit, pathOfPool } from "../data/page-paths.ts";
import { isUnanswered, useQueries } from "../data/query.ts";
import { toReadable } from "../data/readable-text.ts";
import { useRunNames } from "../data/run-names.ts";
import { RunLink } from "./links.tsx";
import { Unanswered } from "./loading.tsx";
import { Table, type Column } from "./table.tsx";
import { When } from "./time.tsx";

const LAST_SHOWN = 5;
/** Things that one page asks the last acts of. */
const TARGETS_MAX = 10;

/** `isOfOne`: all were done to the same thing, which the page is about. */
export function ActTable({ acts, isOfOne = false }: { acts: readonly AuditEntry[]; isOfOne?: boolean }) {
  return (
    <div class="acts">
      <Table
        rows={acts}
        keyOf={({ seq }) => seq}
        columns={isOfOne ? COLUMNS.filter((column) => column !== ON) : COLUMNS}
      />
    </div>
  );
}

const ON: Column<AuditEntry> = {
  header: "on",
  class: "wraps",
  cell: ({ target }) => <Target target={target} />,
};
const COLUMNS: readonly Column<AuditEntry>[] = [
  { header: "when", cell: ({ at }) => <When at={at} /> },
  {
    header: "who",
    cell: (entry) => (
      <div class="lines" title={entry.actor}>
        {toReadable(formatActor(entry))}
      </div>
    ),
  },
  { header: "act", value: ({ act }) => act },
  ON,
  { header: "what changed", class: "wraps", cell: ({ changes }) => <Changed changes={changes} /> },
];

/** Whose slot or place it was is told by a link: ids say nothing to people. */
function Changed({ changes }: Pick<AuditEntry, "changes">) {
  const id = Object.values(changes ?? {})
    .map(({ from }) => runIn(from))
    .find((found) => found !== undefined);
  const names = useRunNames(id === undefined ? [] : [id]);
  if (id === undefined || changes === null) return <>{toReadable(formatChanges({ changes }))}</>;
  const said = Object.entries(changes).map(([field, { from, to }]) => [
    field,
    {
      ...(from !== undefined && { from: withoutIds(from) }),
      ...(to !== undefined && { to: withoutIds(to) }),
    },
  ]);
  return (
    <>
      {formatChanges({ changes: Object.fromEntries(said) as Changes })} of{" "}
      <RunLink run={{ id, name: names.get(id) ?? id }} />
    </>
  );
}

/** As `runOf` of a lease or a waiter: the audit list has these in fewer words. */
function runIn(whose: JsonValue | undefined): string | undefined {
  if (!isObject(whose)) return undefined;
  const { flow_run_id, holder } = whose;
  const id = flow_run_id ?? (isObject(holder) && holder["type"] === "flow_run" ? holder["id"] : undefined);
  return typeof id === "string" ? id : undefined;
}

function withoutIds(whose: JsonValue): JsonValue {
  if (!isObject(whose)) return whose;
  return Object.fromEntries(Object.entries(whose).filter(([key]) => !/(^holder|_id)$/.test(key)));
}

/** What was done last to what has these ids; nothing where nobody did anything. */
export function LastActs({ ids }: { ids: readonly string[] }) {
  const answers = useQueries<AuditEntry[]>(
    ids
      .slice(0, TARGETS_MAX)
      .map((id) => ({ method: "GET", path: `/audit?target=${id}&limit=${LAST_SHOWN}` })),
  );
  const acts = answers
    .flatMap(({ value }) => value ?? [])
    .toSorted((left, right) => right.seq - left.seq)
    .slice(0, LAST_SHOWN);
  const missing = answers.find(isUnanswered);
  if (acts.length === 0 && missing !== undefined) return <Unanswered title="Last acts" query={missing} />;
  if (acts.length === 0) return null;
  return (
    <section aria-label="Last acts">
      <h2>Last acts</h2>
      <ActTable acts={acts} isOfOne={ids.length === 1} />
    </section>
  );
}

const PAGES: Partial<Record<AuditTarget["kind"], (target: AuditTarget) => string>> = {
  limit: ({ name }) => pathOfLimit(name),
  work_pool: ({ name }) => pathOfPool(name),
  work_queue: ({ id }) => `/work-queues/work-queue/${id}`,
  // Its name begins with that of its pool, which has no slash.
  worker: ({ name }) => pathOfPool(name.split("/")[0] ?? ""),
  flow_run: ({ id }) => `/runs/flow-run/${id}`,
  flow: ({ id }) => `/flows/flow/${id}`,
  deployment: ({ id }) => `/deployments/deployment/${id}`,
};

function Target({ target }: { target: AuditTarget }) {
  const href = PAGES[target.kind]?.(target);
  const text = toReadable(formatTarget(target));
  return href === undefined ? <>{text}</> : <a href={href}>{text}</a>;
}
