/** What the list of runs is narrowed down by. */
import type { WorkPool } from "../../contract/wire/work-pools.ts";
import { useDeployment } from "../data/deployment.ts";
import { useFlowNames } from "../data/flow-names.ts";
import { useQuery } from "../data/query.ts";
import { isId, STATES, TIMES, type RunListQuery } from "../data/run-list.ts";
import { Chip } from "./chip.tsx";

const STATE_CHOICES = [
  { value: "", name: "any" },
  { value: "SCHEDULED,PENDING,PAUSED", name: "waiting" },
  { value: "RUNNING,CANCELLING", name: "under way" },
  { value: "PENDING,RUNNING,CANCELLING", name: "claimed, or under way" },
  { value: "FAILED,CRASHED", name: "gone wrong" },
  ...STATES.map((value) => ({ value, name: value.toLowerCase() })),
];
const MADE = [
  { value: "", name: "anybody" },
  { value: "schedule", name: "a schedule" },
  { value: "other", name: "people and programs" },
];

type Change = (change: Partial<RunListQuery>) => void;

export function RunFilters({ query, onChange }: { query: RunListQuery; onChange: Change }) {
  const { value: pools = [] } = useQuery<WorkPool[]>({
    method: "POST",
    path: "/work_pools/filter",
    body: {},
  });
  const names = [...new Set([...pools.map(({ name }) => name), query.pool])].filter((name) => name !== "");
  const poolChoices = [{ value: "", name: "any" }, ...names.map((name) => ({ value: name, name }))];
  const choose = (label: string, of: keyof RunListQuery, choices: readonly Choice[]) => (
    <Choose
      label={label}
      value={query[of]}
      choices={choices}
      onChange={(value) => onChange({ [of]: value })}
    />
  );
  const type = (label: string, of: keyof RunListQuery, kind = "search") => (
    <Type label={label} value={query[of]} kind={kind} onChange={(value) => onChange({ [of]: value })} />
  );
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      {choose("State", "state", STATE_CHOICES)}
      {type("Name", "name")}
      {choose("Pool", "pool", poolChoices)}
      {query.queue !== "" && <Chip text={`queue ${query.queue}`} onRemove={() => onChange({ queue: "" })} />}
      {isId(query.flow) ? <FlowChip id={query.flow} onChange={onChange} /> : type("Flow", "flow")}
      {isId(query.deployment) ? (
        <DeploymentChip id={query.deployment} onChange={onChange} />
      ) : (
        type("Deployment", "deployment")
      )}
      {type("Tag", "tag")}
      {type("Worker", "worker")}
      {choose("Made by", "made", MADE)}
      {choose("Due", "when", TIMES)}
      {query.when === "between" && (
        <>
          {type("From", "from", "datetime-local")}
          {type("To", "to", "datetime-local")}
        </>
      )}
    </form>
  );
}

interface Choice {
  value: string;
  name: string;
}

function Choose({
  label,
  value,
  choices,
  onChange,
}: {
  label: string;
  value: string;
  choices: readonly Choice[];
  onChange: (value: string) => void;
}) {
  return (
    <label>
      {label}{" "}
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Type({
  label,
  value,
  kind,
  onChange,
}: {
  label: string;
  value: string;
  kind: string;
  onChange: (value: string) => void;
}) {
  return (
    <label>
      {label}{" "}
      <input type={kind} value={value} onInput={({ currentTarget }) => onChange(currentTarget.value)} />
    </label>
  );
}

function FlowChip({ id, onChange }: { id: string; onChange: Change }) {
  return (
    <Chip
      text={`flow ${useFlowNames([id]).get(id) ?? id.slice(-12)}`}
      onRemove={() => onChange({ flow: "" })}
    />
  );
}

function DeploymentChip({ id, onChange }: { id: string; onChange: Change }) {
  const { value } = useDeployment(id);
  return (
    <Chip text={`deployment ${value?.name ?? id.slice(-12)}`} onRemove={() => onChange({ deployment: "" })} />
  );
}
