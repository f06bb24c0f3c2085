/** What a run is called, when it starts and where it goes, where it shall not be as its deployment says. */
import type { Deployment } from "../../contract/wire/deployments.ts";
import type { WorkQueue } from "../../contract/wire/work-pools.ts";
import type { Faults } from "../data/parameter-faults.ts";
import { useQuery } from "../data/query.ts";
import type { RunDraft } from "../data/run-draft.ts";
import { Field } from "./field.tsx";

export function RunDraftFields({
  deployment: { work_pool_name: pool, work_queue_name, tags },
  draft,
  faults,
  onDraft,
}: {
  deployment: Deployment;
  draft: RunDraft;
  faults: Faults;
  onDraft: (draft: RunDraft) => void;
}) {
  const { value: queues = [] } = useQuery<WorkQueue[]>(
    pool === null
      ? null
      : { method: "POST", path: `/work_pools/${encodeURIComponent(pool)}/queues/filter`, body: {} },
  );
  return (
    <fieldset>
      <legend>The run</legend>
      <Field label="Name" hint="one is made up where it is empty" fault={faults.get("run.name")}>
        {(control) => (
          <input
            {...control}
            value={draft.name ?? ""}
            onInput={({ currentTarget }) => onDraft({ ...draft, name: currentTarget.value })}
          />
        )}
      </Field>
      <Field
        label="Start"
        hint={
          draft.at && Date.parse(draft.at) < Date.now()
            ? "this is past, so the run begins at once"
            : "at once where it is empty; your own time zone"
        }
        fault={faults.get("run.state")}
      >
        {(control) => (
          <input
            {...control}
            type="datetime-local"
            value={draft.at ?? ""}
            onInput={({ currentTarget }) => onDraft({ ...draft, at: currentTarget.value })}
          />
        )}
      </Field>
      <Field
        label="Tags"
        hint={`separated by commas${tags.length === 0 ? "" : `; besides ${tags.join(", ")}`}`}
        fault={faults.get("run.tags")}
      >
        {(control) => (
          <input
            {...control}
            value={draft.tags ?? ""}
            onInput={({ currentTarget }) => onDraft({ ...draft, tags: currentTarget.value })}
          />
        )}
      </Field>
      {pool !== null && (
        <Field label="Queue" hint={`of the pool ${pool}`} fault={faults.get("run.work_queue_name")}>
          {(control) => (
            <select
              {...control}
              value={draft.queue ?? ""}
              onChange={({ currentTarget }) => onDraft({ ...draft, queue: currentTarget.value })}
            >
              <option value="">{work_queue_name ?? "default"}</option>
              {queues
                .filter(({ name }) => name !== (work_queue_name ?? "default"))
                .map(({ id, name }) => (
                  <option key={id} value={name}>
                    {name}
                  </option>
                ))}
            </select>
          )}
        </Field>
      )}
      <Field
        label="Job variables"
        hint="a JSON object; what is not in it is the deployment's"
        fault={faults.get("run.job_variables")}
      >
        {(control) => (
          <textarea
            {...control}
            rows={2}
            spellcheck={false}
            value={draft.variables ?? ""}
            onInput={({ currentTarget }) => onDraft({ ...draft, variables: currentTarget.value })}
          />
        )}
      </Field>
    </fieldset>
  );
}
