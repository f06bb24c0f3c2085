/** Runs before their first state, with nothing in them but what a test says. */
import { EmpiricalPolicy, type FlowRun } from "../../src/contract/wire/flow-runs.ts";
import type { StartRunInput } from "../../src/domain/flow-run/start-run.ts";
import type { RunDraft } from "../../src/objects/pool/operations.ts";

/** A draft as the API hands it to a pool, of a run that is due at once. */
export function draftRun(more: Partial<RunDraft> & Pick<RunDraft, "flow_id" | "deployment_id">): RunDraft {
  return {
    name: null,
    deployment_version: null,
    flow_version: null,
    work_queue_name: null,
    parameters: {},
    context: {},
    tags: [],
    labels: {},
    idempotency_key: null,
    parent_task_run_id: null,
    infrastructure_document_id: null,
    empirical_policy: {},
    job_variables: null,
    created_by: null,
    auto_scheduled: false,
    state: { type: "SCHEDULED", name: "Scheduled" },
    ...more,
  };
}

/** What a pool makes of such a draft. */
export function placeDraft(
  more: Partial<StartRunInput["draft"]> & Pick<FlowRun, "id" | "flow_id">,
): StartRunInput["draft"] {
  const { state: _state, ...draft } = draftRun({ flow_id: more.flow_id, deployment_id: null });
  return {
    ...draft,
    name: "keen-otter",
    empirical_policy: EmpiricalPolicy.parse({}),
    work_queue_id: null,
    infrastructure_pid: null,
    work_pool_id: null,
    work_pool_name: null,
    ...more,
  };
}
