import fc from "fast-check";
import { expect, test } from "vitest";
import { PROCESS_TEMPLATE } from "../../../src/contract/process-template.ts";
import { EmpiricalPolicy, type FlowRun } from "../../../src/contract/wire/flow-runs.ts";
import type { StateDetails, StateType } from "../../../src/contract/wire/states.ts";
import { startRun } from "../../../src/domain/flow-run/start-run.ts";
import { decideAttemptEnd, decideLostRun, describeExit } from "../../../src/domain/pool/attempt-end.ts";
import { chooseRuns } from "../../../src/domain/pool/choose.ts";
import { CANCELLING_SECONDS, PAUSED_SECONDS_MAX } from "../../../src/contract/bounds.ts";
import { LATE_AFTER_MS, placeRun } from "../../../src/domain/pool/place.ts";
import { placeQueue } from "../../../src/domain/pool/queues.ts";
import { findJobVariablesFault, findParameterFault } from "../../../src/domain/pool/schemas.ts";
import { isOnline, statusOfPool, statusOfQueue } from "../../../src/domain/pool/status.ts";
import { findTemplateFault } from "../../../src/domain/pool/template.ts";
import { placeDraft } from "../../support/run-draft.ts";

const NOW = Date.UTC(2026, 10, 22, 12);
const ID = "0f9a1c52-0000-4000-8000-000000000001";

function runIn(
  type: StateType,
  state_details: StateDetails = {},
  retry_type: "in_process" | null = null,
): FlowRun {
  return startRun({
    now: NOW,
    state_id: ID,
    initial: { type, state_details },
    draft: placeDraft({ id: ID, flow_id: ID, empirical_policy: EmpiricalPolicy.parse({ retry_type }) }),
  });
}

const LOST = { worker_name: "gpu-1", silent_since: NOW };

function stateOf({ state }: FlowRun) {
  return state ?? expect.fail("The run has no state.");
}

const exit = (more: object) => ({
  outcome: "exited" as const,
  exit_code: 0,
  signal: null,
  sets_own_state: false,
  message: null,
  ...more,
});

test.each([
  ["RUNNING", exit({}), { kind: "propose", state: { type: "COMPLETED" }, is_forced: false }],
  ["PENDING", exit({}), { kind: "propose", state: { type: "COMPLETED" }, is_forced: true }],
  ["RUNNING", exit({ exit_code: 1 }), { kind: "propose", state: { type: "FAILED" }, is_forced: false }],
  ["RUNNING", exit({ exit_code: 0, sets_own_state: true }), { kind: "propose", state: { type: "CRASHED" } }],
  ["RUNNING", exit({ exit_code: 9, sets_own_state: true }), { kind: "propose", state: { type: "CRASHED" } }],
  ["RUNNING", exit({ exit_code: null, signal: "SIGKILL" }), { kind: "propose", state: { type: "CRASHED" } }],
  ["RUNNING", exit({ outcome: "lost", exit_code: null }), { kind: "propose", state: { type: "CRASHED" } }],
  [
    "RUNNING",
    exit({ outcome: "cancelled" }),
    { kind: "propose", state: { type: "CANCELLED" }, is_forced: true },
  ],
  ["CANCELLING", exit({ exit_code: 0 }), { kind: "propose", state: { type: "CANCELLED" } }],
  ["CANCELLING", exit({ outcome: "not_started" }), { kind: "propose", state: { type: "CANCELLED" } }],
  [
    "PENDING",
    exit({ outcome: "not_started", exit_code: null }),
    {
      kind: "requeue",
      message: "The run was not started and goes back to its queue.",
    },
  ],
  ["COMPLETED", exit({ exit_code: 1 }), { kind: "keep" }],
  ["FAILED", exit({ exit_code: 0 }), { kind: "keep" }],
  ["SCHEDULED", exit({ exit_code: 0 }), { kind: "keep" }],
  ["PAUSED", exit({ exit_code: 0, sets_own_state: true }), { kind: "propose", state: { type: "CRASHED" } }],
] as const)("the end of an attempt of a %s run, %o", (type, end, expected) => {
  expect(decideAttemptEnd(runIn(type), end, "crash")).toMatchObject(expected);
});

test("a suspended run and one that retries in its process need opposite things when the process is gone", () => {
  expect(decideAttemptEnd(runIn("PAUSED", { pause_reschedule: true }), exit({}), "crash")).toEqual({
    kind: "keep",
  });
  expect(
    decideAttemptEnd(
      runIn("SCHEDULED", {}, "in_process"),
      exit({ exit_code: 1, sets_own_state: true }),
      "crash",
    ),
  ).toMatchObject({
    kind: "propose",
    state: { type: "CRASHED" },
  });
});

test("a lost run is crashed or requeued by policy, and a cancelled one stays cancelled", () => {
  const crashed = decideLostRun(runIn("RUNNING"), LOST, "crash");
  expect(crashed).toMatchObject({ kind: "propose", state: { type: "CRASHED" }, is_forced: true });
  expect(JSON.stringify(crashed)).toContain("gpu-1");
  expect(decideLostRun(runIn("RUNNING"), LOST, "reschedule")).toEqual({
    kind: "requeue",
    message: "The worker gpu-1 was not heard of any more, so this run goes back to its queue.",
  });
  expect(decideLostRun(runIn("CANCELLING"), LOST, "reschedule")).toMatchObject({
    state: { type: "CANCELLED" },
  });
  expect(decideLostRun(runIn("COMPLETED"), LOST, "reschedule")).toEqual({ kind: "keep" });
});

test("a process that its worker or the watchdog ended is lost, though Prefect's engine has said that it crashed", () => {
  const by = (message: string) => {
    const run = runIn("RUNNING");
    return {
      ...run,
      state_type: "CRASHED" as const,
      state: { ...stateOf(run), type: "CRASHED" as const, message },
    };
  };
  const ended = by("Execution was aborted by a termination signal.");
  const requeued = { kind: "requeue" };
  expect(decideLostRun(ended, LOST, "reschedule")).toMatchObject(requeued);
  expect(decideLostRun(ended, LOST, "crash")).toEqual({ kind: "keep" });
  expect(decideLostRun(ended, { ...LOST, silent_since: NOW + 1 }, "reschedule")).toEqual({ kind: "keep" });
  expect(decideLostRun(by("A person has said so."), LOST, "reschedule")).toEqual({ kind: "keep" });
  const lost = exit({ outcome: "lost", exit_code: null, sets_own_state: true });
  expect(decideAttemptEnd(ended, lost, "reschedule")).toMatchObject(requeued);
  expect(decideAttemptEnd(runIn("RUNNING"), lost, "reschedule")).toMatchObject(requeued);
  expect(decideAttemptEnd(ended, lost, "crash")).toEqual({ kind: "keep" });
  expect(decideAttemptEnd(ended, exit({ sets_own_state: true }), "reschedule")).toEqual({ kind: "keep" });
  expect(decideAttemptEnd(runIn("CANCELLING"), lost, "reschedule")).toMatchObject({ kind: "propose" });
});

test.each([
  [0, null, "code 0"],
  [137, null, "SIGKILL"],
  [143, null, "SIGTERM"],
  [127, null, "not found"],
  [null, "SIGTERM", "SIGTERM"],
  [null, null, "no exit code"],
] as const)("exit %o, signal %o reads as a sentence", (code, signal, word) => {
  expect(describeExit(code, signal)).toContain(word);
});

test("queue priorities stay unique, whole and positive, and keep their order, whatever is wished for", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ queue: fc.nat(9), wanted: fc.option(fc.integer({ min: 1, max: 12 })) })),
      (wishes) => {
        const priorities = new Map<string, number>();
        for (const { queue, wanted } of wishes) {
          const id = `q${queue}`;
          const before = new Map(priorities);
          const queues = [...priorities].map(([id, priority]) => ({ id, priority }));
          const changes = placeQueue(queues, id, wanted);
          for (const change of changes) priorities.set(change.id, change.priority);
          const values = [...priorities.values()];
          expect(new Set(values).size).toBe(values.length);
          expect(values.every((value) => Number.isInteger(value) && value >= 1)).toBe(true);
          if (wanted !== null) expect(priorities.get(id)).toBe(wanted);
          const others = [...before.keys()].filter((other) => other !== id);
          for (const left of others)
            for (const right of others)
              if ((before.get(left) ?? 0) < (before.get(right) ?? 0))
                expect(priorities.get(left)).toBeLessThan(priorities.get(right) ?? 0);
        }
      },
    ),
  );
});

const limit = fc.option(fc.nat(6));
const queues = fc.array(fc.record({ is_paused: fc.boolean(), limit, used: fc.nat(4), ready: fc.nat(5) }), {
  maxLength: 4,
});

test("a choice never passes a limit, never skips a free earlier run, and gives a reason when it is short", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      limit,
      fc.nat(4),
      limit,
      fc.nat(4),
      queues,
      (wanted, pool_limit, pool_used, worker_limit, worker_used, given) => {
        const input = {
          wanted,
          is_paused: false,
          pool_limit,
          pool_used,
          worker_limit,
          worker_used,
          queues: given.map(({ ready, ...queue }, index) => ({
            ...queue,
            id: `q${index}`,
            priority: index + 1,
            ready: Array.from({ length: ready }, (_, at) => `q${index}-${at}`),
          })),
        };
        const { run_ids, reason } = chooseRuns(input);
        expect(run_ids.length).toBeLessThanOrEqual(wanted);
        if (pool_limit !== null)
          expect(run_ids.length).toBeLessThanOrEqual(Math.max(0, pool_limit - pool_used));
        if (worker_limit !== null)
          expect(run_ids.length).toBeLessThanOrEqual(Math.max(0, worker_limit - worker_used));
        for (const queue of input.queues) {
          const taken = run_ids.filter((id) => id.startsWith(`${queue.id}-`));
          expect(taken).toEqual(queue.ready.slice(0, taken.length));
          if (queue.is_paused) expect(taken).toEqual([]);
          if (queue.limit !== null)
            expect(taken.length).toBeLessThanOrEqual(Math.max(0, queue.limit - queue.used));
        }
        expect(reason === null).toBe(run_ids.length === wanted);
      },
    ),
  );
});

test("a run's place follows from its state alone", () => {
  const at = "2026-11-22T12:00:10.000000Z";
  const future = runIn("SCHEDULED", { scheduled_time: at });
  expect(placeRun(future, NOW)).toEqual({
    due_at: NOW + 10_000,
    deadline: { at: NOW + 10_000, kind: "due" },
  });
  expect(placeRun(future, NOW + 10_000)).toEqual({
    due_at: NOW + 10_000,
    deadline: { at: NOW + 10_000 + LATE_AFTER_MS, kind: "late" },
  });
  expect(placeRun({ ...future, state_name: "Late" }, NOW + 60_000).deadline).toBeNull();
  expect(placeRun(runIn("SCHEDULED", {}, "in_process"), NOW)).toEqual({ due_at: null, deadline: null });
  expect(placeRun(runIn("PAUSED", { pause_timeout: at }), NOW).deadline).toEqual({
    at: NOW + 10_000,
    kind: "pause",
  });
  expect(placeRun(runIn("PAUSED"), NOW).deadline).toEqual({
    at: NOW + PAUSED_SECONDS_MAX * 1000,
    kind: "pause",
  });
  expect(placeRun(runIn("CANCELLING"), NOW).deadline).toEqual({
    at: NOW + CANCELLING_SECONDS * 1000,
    kind: "cancelling",
  });
  expect(placeRun(runIn("RUNNING"), NOW)).toEqual({ due_at: null, deadline: null });
});

test("statuses are derived from the last sign of life", () => {
  const theirs = {
    last_heartbeat_at: NOW,
    heartbeat_interval_seconds: 30,
    session_deadline: null,
    is_gone: false,
  };
  expect(isOnline(theirs, NOW + 89_000)).toBe(true);
  expect(isOnline(theirs, NOW + 90_000)).toBe(false);
  const ours = { ...theirs, heartbeat_interval_seconds: 20, session_deadline: NOW + 60_000 };
  expect([isOnline(ours, NOW + 59_999), isOnline(ours, NOW + 60_000)]).toEqual([true, false]);
  // The session has lapsed, the pings of the socket go on.
  const idle = { ...ours, last_heartbeat_at: NOW + 500_000 };
  expect([isOnline(idle, NOW + 559_999), isOnline(idle, NOW + 560_000)]).toEqual([true, false]);
  expect(isOnline({ ...ours, is_gone: true }, NOW)).toBe(false);
  expect(statusOfPool(true, [ours], NOW)).toBe("PAUSED");
  expect(statusOfPool(false, [ours], NOW)).toBe("READY");
  expect(statusOfPool(false, [], NOW)).toBe("NOT_READY");
  expect(statusOfQueue(false, NOW - 61_000, NOW)).toBe("NOT_READY");
  expect(statusOfQueue(false, NOW - 59_000, NOW)).toBe("READY");
});

test("templates and what fills them are checked in Prefect's words", () => {
  expect(findTemplateFault({})).toBeUndefined();
  expect(findTemplateFault(PROCESS_TEMPLATE)).toBeUndefined();
  expect(findTemplateFault({ variables: {} })).toContain("job_configuration");
  expect(
    findTemplateFault({
      job_configuration: { a: ["{{ x }}", { b: "{{ prefect.variables.y }}" }] },
      variables: { properties: {} },
    }),
  ).toContain("undeclared variable(s): x");
  const template = {
    job_configuration: {},
    variables: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
  };
  expect(findJobVariablesFault(template, { n: 1, "env.A": "b" })).toBeUndefined();
  expect(findJobVariablesFault(template, { n: "{{ prefect.variables.n }}" })).toBeUndefined();
  expect(findJobVariablesFault(template, { n: "one" })).toContain("'n'");
  expect(findJobVariablesFault(template, {})).toContain("n");
  const schema = { type: "object", properties: { size: { type: "integer" } }, required: ["size"] };
  expect(findParameterFault(schema, { size: 1 })).toBeUndefined();
  expect(findParameterFault(schema, { size: "1" })).toContain("'size'");
  expect(findParameterFault(schema, {})).toContain("size");
  expect(findParameterFault(null, { size: "1" })).toBeUndefined();
});
