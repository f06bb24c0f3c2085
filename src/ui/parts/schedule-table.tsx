/** The schedules of a deployment, each with its switch, and when it fires or would. */
import { useEffect, useState } from "preact/hooks";
import type { Deployment } from "../../contract/wire/deployments.ts";
import type { DeploymentSchedule } from "../../contract/wire/schedules.ts";
import { act } from "../data/act.ts";
import { isUnanswered, useQuery } from "../data/query.ts";
import { describeSchedule } from "../data/schedules.ts";
import { hideSecretParameters } from "../data/secret-values.ts";
import { LoadingPart } from "./loading.tsx";
import { Table } from "./table.tsx";
import { formatExact, formatShort, When } from "./time.tsx";

interface ScheduleTimes {
  schedule_id: string;
  times: string[];
}

export function ScheduleTable({ deployment }: { deployment: Deployment }) {
  const { id, schedules, paused, parameter_openapi_schema: schema } = deployment;
  const times = useQuery<ScheduleTimes[]>(
    schedules.length === 0
      ? null
      : { method: "GET", path: `/deployments/${id}/schedules/next_times?limit=3` },
  );
  if (schedules.length === 0)
    return (
      <p class="none">
        None. <code>sluice deployment schedule create</code>, or <code>schedules:</code> in prefect.yaml, adds
        some.
      </p>
    );
  const timesOf = ({ id: schedule_id }: DeploymentSchedule): readonly string[] | undefined =>
    times.value && (times.value.find((each) => each.schedule_id === schedule_id)?.times ?? []);
  return (
    <>
      <p class="hint">
        Switched off, a schedule loses the runs that it has planned; switched on, it plans those to come.
      </p>
      <Table
        rows={schedules}
        keyOf={(schedule) => schedule.id}
        areAll
        columns={[
          {
            header: "schedule",
            value: ({ schedule }) => describeSchedule(schedule),
            cell: ({ schedule, parameters }) => (
              <>
                {describeSchedule(schedule)}
                {Object.keys(parameters).length > 0 && (
                  <>
                    {" "}
                    with <code>{JSON.stringify(hideSecretParameters(parameters, schema))}</code>
                  </>
                )}
              </>
            ),
          },
          {
            header: "active",
            value: ({ active }) => (active ? "on" : "off"),
            cell: (schedule) => (
              <Switch path={`/deployments/${id}/schedules/${schedule.id}`} schedule={schedule} />
            ),
          },
          {
            header: "what it does",
            value: (schedule) => timesOf(schedule)?.[0],
            cell: (schedule) => <Times isActive={schedule.active && !paused} times={timesOf(schedule)} />,
          },
        ]}
      />
      {isUnanswered(times) && <LoadingPart query={times} />}
    </>
  );
}

/** Shows at once what was wanted, and goes back where that was refused. */
function Switch({ path, schedule: { active, schedule } }: { path: string; schedule: DeploymentSchedule }) {
  const [wanted, setWanted] = useState<boolean>();
  const words = describeSchedule(schedule);
  const isOn = wanted ?? active;
  useEffect(() => setWanted(undefined), [active]);
  const toggle = async (): Promise<void> => {
    setWanted(!isOn);
    const done = isOn ? `Off: ${words}. Its runs to come are taken away.` : `On: ${words}.`;
    const isDone = await act({ method: "PATCH", path, body: { active: !isOn } }, done);
    if (!isDone) setWanted(undefined);
  };
  return (
    <button
      type="button"
      role="switch"
      aria-checked={isOn}
      aria-label={`Schedule ${words}`}
      class="switch"
      onClick={() => void toggle()}
    >
      {isOn ? "on" : "off"}
    </button>
  );
}

function Times({ isActive, times }: { isActive: boolean; times: readonly string[] | undefined }) {
  // Not answered yet.
  if (times === undefined) return <>…</>;
  const [first, ...later] = times;
  if (first === undefined) return <>never fires</>;
  return (
    <>
      {isActive ? "runs" : "would run"} <When at={first} />
      <span class="count">
        {" "}
        {[first, ...later].map((at, index) => (
          <time key={at} dateTime={at} title={formatExact(at)}>
            {index > 0 && " · "}
            {formatShort(at)}
          </time>
        ))}
      </span>
    </>
  );
}
