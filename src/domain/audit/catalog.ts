/** What an act on a deployment or one of its schedules is called, and what it changed. */
import type { Changes } from "../../contract/wire/audit.ts";
import type { DeploymentRecord } from "../catalog/deployments.ts";
import type { ScheduleRecord } from "../catalog/schedules.ts";
import { verbOfUpdate } from "./acts.ts";
import { describeChanges } from "./changes.ts";

export interface CatalogAct {
  /** `<kind>.<verb>` */
  act: string;
  changes: Changes;
}

const PAUSING = { paused: ["pause", "resume"] } as const;
const SWITCHING = { active: ["resume", "pause"] } as const;

/** Undefined where nothing changed. `before` null: it was made; `after` null: it is gone. */
export function describeDeploymentAct(
  before: DeploymentRecord | null,
  after: DeploymentRecord | null,
): CatalogAct | undefined {
  const changes = {
    ...describeChanges(before, after, [
      "paused",
      "concurrency_limit",
      "work_pool_name",
      "work_queue_name",
      "tags",
    ]),
    ...describeChanges(
      before?.details ?? null,
      after?.details ?? null,
      ["entrypoint", "path", "version", "description", "enforce_parameter_schema"],
      ["parameters", "job_variables", "pull_steps", "parameter_openapi_schema", "concurrency_options"],
    ),
  };
  return nameAct("deployment", before, after, changes, PAUSING);
}

/** The same of schedules; which one it is stands among the changes. */
export function describeScheduleAct(
  before: ScheduleRecord | null,
  after: ScheduleRecord | null,
): CatalogAct | undefined {
  const changes = describeChanges(
    before,
    after,
    ["active", "schedule", "max_scheduled_runs", "slug"],
    ["parameters"],
  );
  const act = nameAct("schedule", before, after, changes, SWITCHING);
  if (act === undefined || before === null || after === null) return act;
  const which = describeChanges(null, after, ["schedule"]);
  return { act: act.act, changes: { ...which, ...changes } };
}

function nameAct(
  kind: string,
  before: object | null,
  after: object | null,
  changes: Changes,
  switches: Parameters<typeof verbOfUpdate>[1],
): CatalogAct | undefined {
  if (before === null) return { act: `${kind}.create`, changes };
  if (after === null) return { act: `${kind}.delete`, changes };
  if (Object.keys(changes).length === 0) return undefined;
  return { act: `${kind}.${verbOfUpdate(changes, switches)}`, changes };
}
