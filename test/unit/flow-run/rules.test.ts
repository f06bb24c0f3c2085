import { describe, expect, test } from "vitest";
import type { FlowRun } from "../../../src/contract/wire/flow-runs.ts";
import type { StateCreate } from "../../../src/contract/wire/states.ts";
import type { OrchestrateInput } from "../../../src/domain/flow-run/orchestrate.ts";
import {
  decided,
  DEPLOYMENT_ID,
  LEASE,
  makeRun,
  NOW,
  OTHER_LEASE,
  propose,
  TRANSITION,
  type RunSketch,
} from "./fixtures.ts";

interface Case {
  it: string;
  run: RunSketch;
  to: StateCreate;
  with?: Partial<Omit<OrchestrateInput, "run" | "proposed">>;
  status: "ACCEPT" | "REJECT" | "WAIT" | "ABORT";
  reason?: string;
  delay_seconds?: number;
  /** The state that the answer carries; omitted: the proposed one. `same`: the one the run already has. */
  state?: { type: string; name?: string; message?: string | null } | "same";
  details?: Record<string, unknown>;
  policy?: Partial<FlowRun["empirical_policy"]>;
  released?: string | null;
  /** Omitted: none. */
  stale_inputs?: readonly string[];
}

const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString().replace("Z", "000Z");
const CANCEL_NEW = {
  collision_strategy: "CANCEL_NEW",
  grace_period_seconds: null,
  slot_wait_seconds: 30,
} as const;
const PERSISTED = { type: "reference", storage_key: "k" };

const RULES: Record<string, Case[]> = {
  "1 keep lease id": [
    {
      it: "copies the lease forward while the run holds the slot",
      run: { state: { type: "RUNNING", state_details: { deployment_concurrency_lease_id: LEASE } } },
      to: { type: "CANCELLING", state_details: { deployment_concurrency_lease_id: null } },
      status: "ACCEPT",
      details: { deployment_concurrency_lease_id: LEASE },
      released: null,
    },
    {
      it: "takes no lease id from a client",
      run: { state: { type: "SCHEDULED" } },
      to: { type: "PENDING", state_details: { deployment_concurrency_lease_id: OTHER_LEASE } },
      status: "ACCEPT",
      details: { deployment_concurrency_lease_id: null },
    },
  ],
  "2 same transition": [
    {
      it: "answers a repeated transition with the state that it made",
      run: { state: { type: "RUNNING", state_details: { transition_id: TRANSITION } } },
      to: { type: "RUNNING", state_details: { transition_id: TRANSITION } },
      status: "REJECT",
      reason: "This run has already made this state transition.",
      state: "same",
    },
    {
      it: "lets another transition id pass",
      run: { state: { type: "RUNNING", state_details: { transition_id: TRANSITION } } },
      to: { type: "COMPLETED", state_details: { transition_id: OTHER_LEASE } },
      status: "ACCEPT",
    },
    {
      it: "does not take two missing ids for the same",
      run: { state: { type: "RUNNING", state_details: { transition_id: null } } },
      to: { type: "COMPLETED", state_details: { transition_id: null } },
      status: "ACCEPT",
    },
  ],
  "3 leaving a terminal state": [
    ...(["CANCELLING", "PAUSED", "CRASHED"] as const).map((type): Case => ({
      it: `aborts ${type}`,
      run: { state: { type: "FAILED" } },
      to: { type },
      status: "ABORT",
      reason: "Run is already in terminal state FAILED.",
      state: "same",
    })),
    {
      it: "keeps a completed run whose result is stored",
      run: { state: { type: "COMPLETED", data: PERSISTED } },
      to: { type: "RUNNING" },
      status: "REJECT",
      reason: "Run is already COMPLETED.",
      state: "same",
    },
    {
      it: "lets a completed run without a stored result start over",
      run: { state: { type: "COMPLETED", data: { type: "unpersisted" } } },
      to: { type: "RUNNING" },
      status: "ACCEPT",
    },
    {
      it: "keeps result data that the proposal has not",
      run: { state: { type: "COMPLETED", data: PERSISTED } },
      to: { type: "COMPLETED", data: null },
      status: "REJECT",
      state: "same",
    },
    {
      it: "lets a result replace a result",
      run: { state: { type: "COMPLETED", data: PERSISTED } },
      to: { type: "COMPLETED", data: { ...PERSISTED, storage_key: "l" } },
      status: "ACCEPT",
    },
    {
      it: "does not reschedule without a deployment",
      run: { state: { type: "FAILED" }, more: { deployment_id: null } },
      to: { type: "SCHEDULED" },
      status: "ABORT",
      reason: "Cannot reschedule a run without an associated deployment.",
      state: "same",
    },
    {
      it: "reschedules and forgets pauses",
      run: { state: { type: "FAILED" }, policy: { resuming: true, pause_keys: ["a"] } },
      to: { type: "SCHEDULED" },
      status: "ACCEPT",
      policy: { resuming: false, pause_keys: [], retry_type: "reschedule" },
    },
    {
      it: "clears the retry type when the run does not go to SCHEDULED",
      run: { state: { type: "FAILED" }, policy: { retry_type: "in_process" } },
      to: { type: "RUNNING" },
      status: "ACCEPT",
      policy: { retry_type: null },
    },
  ],
  "4 CANCELLING": [
    ...(["RUNNING", "COMPLETED", "FAILED", "CRASHED"] as const).flatMap((type): Case[] => {
      const objection: Omit<Case, "it" | "state"> = {
        run: { state: { type: "CANCELLING" } },
        to: { type },
        status: "REJECT",
        reason: "Cannot transition flows that are cancelling to a state other than Cancelled.",
      };
      return [
        { ...objection, it: `has nothing to wait for when ${type} is said`, state: { type: "CANCELLED" } },
        { ...objection, it: `waits for the agent all the same`, with: { is_attended: true }, state: "same" },
      ];
    }),
    ...(["PENDING", "SCHEDULED", "PAUSED"] as const).map((type): Case => ({
      it: `does not lead to ${type}`,
      run: { state: { type: "CANCELLING" } },
      to: { type },
      status: "REJECT",
      state: "same",
    })),
    {
      it: "leads to CANCELLED",
      run: { state: { type: "CANCELLING" } },
      to: { type: "CANCELLED" },
      status: "ACCEPT",
    },
  ],
  "5 CANCELLING with nothing to kill": [
    {
      it: "cancels a scheduled run at once",
      run: { state: { type: "SCHEDULED" } },
      to: { type: "CANCELLING" },
      status: "REJECT",
      reason: "Scheduled flow run has no infrastructure to terminate.",
      state: { type: "CANCELLED", name: "Cancelled" },
    },
    {
      it: "leaves a scheduled run with a process to that process",
      run: { state: { type: "SCHEDULED", name: "AwaitingRetry" }, more: { infrastructure_pid: "4711" } },
      to: { type: "CANCELLING" },
      status: "ACCEPT",
    },
    {
      it: "cancels a resuming run although an old process is noted",
      run: { state: { type: "SCHEDULED", name: "Resuming" }, more: { infrastructure_pid: "4711" } },
      to: { type: "CANCELLING" },
      status: "REJECT",
      state: { type: "CANCELLED" },
    },
    {
      it: "cancels a suspended run at once",
      run: { state: { type: "PAUSED", state_details: { pause_reschedule: true } } },
      to: { type: "CANCELLING" },
      status: "REJECT",
      reason: "Suspended flow run has no infrastructure to terminate.",
      state: { type: "CANCELLED" },
    },
    {
      it: "leaves a paused run to its process",
      run: { state: { type: "PAUSED", state_details: { pause_reschedule: false } } },
      to: { type: "CANCELLING" },
      status: "ACCEPT",
    },
    {
      it: "gives back the slot of a run that was to retry in its process",
      run: {
        state: {
          type: "SCHEDULED",
          name: "AwaitingRetry",
          state_details: { deployment_concurrency_lease_id: LEASE },
        },
      },
      to: { type: "CANCELLING" },
      status: "REJECT",
      state: { type: "CANCELLED" },
      released: LEASE,
    },
  ],
  "6 PENDING guard": [
    ...(["PENDING", "RUNNING", "CANCELLED"] as const).map((type): Case => ({
      it: `aborts from ${type}`,
      run: { state: { type } },
      to: { type: "PENDING" },
      status: "ABORT",
      reason: `This run is in a ${type} state and cannot transition to a PENDING state.`,
      state: "same",
    })),
    {
      it: "lets a pending run take another name and keeps its time and slot",
      run: {
        state: {
          type: "PENDING",
          state_details: { scheduled_time: at(5), deployment_concurrency_lease_id: LEASE },
        },
      },
      to: { type: "PENDING", name: "Submitting" },
      with: { slot: { status: "unknown" } },
      status: "ACCEPT",
      details: { scheduled_time: at(5), deployment_concurrency_lease_id: LEASE },
      released: null,
    },
    {
      it: "does not let a submitting run submit again",
      run: { state: { type: "PENDING", name: "Submitting" } },
      to: { type: "PENDING", name: "Submitting" },
      status: "ABORT",
      state: "same",
    },
    {
      it: "does not let a submitting run become Pending",
      run: { state: { type: "PENDING", name: "Submitting" } },
      to: { type: "PENDING", name: "Pending" },
      status: "ABORT",
      state: "same",
    },
  ],
  "7 PENDING to RUNNING with a lease": [
    {
      it: "goes on with the renewed lease",
      run: { state: { type: "PENDING", state_details: { deployment_concurrency_lease_id: LEASE } } },
      to: { type: "RUNNING" },
      with: { slot: { status: "renewed", lease_id: LEASE } },
      status: "ACCEPT",
      details: { deployment_concurrency_lease_id: LEASE },
      released: null,
    },
    {
      it: "goes on with a new lease when the old one is lost",
      run: { state: { type: "PENDING", state_details: { deployment_concurrency_lease_id: LEASE } } },
      to: { type: "RUNNING" },
      with: { slot: { status: "granted", lease_id: OTHER_LEASE } },
      status: "ACCEPT",
      details: { deployment_concurrency_lease_id: OTHER_LEASE },
      released: LEASE,
    },
    ...(["full", "zero"] as const).map((status): Case => ({
      it: `cancels when the slot is lost and the limit is ${status}`,
      run: { state: { type: "PENDING", state_details: { deployment_concurrency_lease_id: LEASE } } },
      to: { type: "RUNNING" },
      with: { slot: { status } },
      status: "REJECT",
      state: {
        type: "CANCELLED",
        message: "Deployment concurrency slot lost during provisioning - no slot is free any more.",
      },
      released: LEASE,
    })),
    {
      it: "asks nobody when the run holds no lease",
      run: { state: { type: "PENDING" } },
      to: { type: "RUNNING" },
      with: { slot: { status: "unknown" } },
      status: "ACCEPT",
    },
  ],
  "8 deployment concurrency": [
    {
      it: "notes the lease of the slot",
      run: { state: { type: "SCHEDULED" } },
      to: { type: "PENDING" },
      with: { slot: { status: "granted", lease_id: LEASE } },
      status: "ACCEPT",
      details: { deployment_concurrency_lease_id: LEASE },
      released: null,
    },
    {
      it: "aborts at a limit of 0",
      run: { state: { type: "SCHEDULED" } },
      to: { type: "PENDING" },
      with: { slot: { status: "zero" } },
      status: "ABORT",
      state: "same",
    },
    {
      it: "puts the run in line when the limit is full",
      run: { state: { type: "SCHEDULED" } },
      to: { type: "PENDING" },
      with: { slot: { status: "full" } },
      status: "REJECT",
      reason: "Deployment concurrency limit reached.",
      state: { type: "SCHEDULED", name: "AwaitingConcurrencySlot" },
      details: { scheduled_time: at(30) },
    },
    {
      it: "cancels the run when the limit is full and new ones are cancelled",
      run: { state: { type: "SCHEDULED" } },
      to: { type: "PENDING" },
      with: { slot: { status: "full" }, policy: CANCEL_NEW },
      status: "REJECT",
      reason: "Deployment concurrency limit reached.",
      state: { type: "CANCELLED", name: "Cancelled" },
    },
    {
      it: "lets workers see a run again that was to retry in its process",
      run: { state: { type: "SCHEDULED", name: "AwaitingRetry" }, policy: { retry_type: "in_process" } },
      to: { type: "PENDING" },
      with: { slot: { status: "full" } },
      status: "REJECT",
      state: { type: "SCHEDULED", name: "AwaitingConcurrencySlot" },
      policy: { retry_type: "reschedule" },
    },
    {
      it: "asks no limit for a run without a deployment",
      run: { state: { type: "SCHEDULED" }, more: { deployment_id: null } },
      to: { type: "PENDING" },
      with: { slot: { status: "unknown" } },
      status: "ACCEPT",
    },
    {
      it: "gives back a slot that came too late",
      run: { state: { type: "CANCELLED" } },
      to: { type: "PENDING" },
      with: { slot: { status: "granted", lease_id: LEASE } },
      status: "ABORT",
      state: "same",
      released: LEASE,
    },
  ],
  "9 Late": [
    {
      it: "marks a scheduled run",
      run: { state: { type: "SCHEDULED" } },
      to: { type: "SCHEDULED", name: "Late", state_details: { scheduled_time: at(-20) } },
      status: "ACCEPT",
      state: { type: "SCHEDULED", name: "Late" },
    },
    {
      it: "marks it once",
      run: { state: { type: "SCHEDULED", name: "Late" } },
      to: { type: "SCHEDULED", name: "Late" },
      status: "REJECT",
      state: "same",
    },
    {
      it: "marks no other run",
      run: { state: { type: "RUNNING" } },
      to: { type: "SCHEDULED", name: "Late" },
      status: "REJECT",
      state: "same",
    },
    {
      it: "cancels a late run of a full deployment that cancels new ones",
      run: { state: { type: "SCHEDULED" } },
      to: { type: "SCHEDULED", name: "Late" },
      with: { slot: { status: "full" }, policy: CANCEL_NEW },
      status: "REJECT",
      state: { type: "CANCELLED" },
    },
  ],
  "10 to PAUSED": [
    {
      it: "aborts from no state",
      run: { state: null },
      to: { type: "PAUSED" },
      status: "ABORT",
      reason: "Cannot pause flows with no state.",
      state: "same",
    },
    {
      it: "rejects from anything but RUNNING",
      run: { state: { type: "PENDING" } },
      to: { type: "PAUSED" },
      status: "REJECT",
      reason: "Cannot pause flows that are not currently running.",
      state: "same",
    },
    {
      it: "notes the key and gives back the slot",
      run: { state: { type: "RUNNING", state_details: { deployment_concurrency_lease_id: LEASE } } },
      to: { type: "PAUSED", state_details: { pause_key: "1" } },
      status: "ACCEPT",
      policy: { pause_keys: ["1"] },
      details: { deployment_concurrency_lease_id: null },
      released: LEASE,
    },
    {
      it: "forgets the answers to its question that an earlier attempt was given",
      run: { state: { type: "RUNNING" } },
      to: {
        type: "PAUSED",
        state_details: { pause_key: "1", run_input_keyset: { schema: "1-schema", response: "1-response" } },
      },
      status: "ACCEPT",
      stale_inputs: ["1-schema", "1-response"],
    },
    {
      it: "fires each pause once",
      run: { state: { type: "RUNNING" }, policy: { pause_keys: ["1"] } },
      to: { type: "PAUSED", state_details: { pause_key: "1" } },
      status: "REJECT",
      reason: "This pause has already fired.",
      state: "same",
    },
    {
      it: "does not suspend subflows",
      run: { state: { type: "RUNNING" }, more: { parent_task_run_id: DEPLOYMENT_ID } },
      to: { type: "PAUSED", state_details: { pause_reschedule: true } },
      status: "ABORT",
      state: "same",
    },
    {
      it: "does not suspend without a deployment",
      run: { state: { type: "RUNNING" }, more: { deployment_id: null } },
      to: { type: "PAUSED", state_details: { pause_reschedule: true } },
      status: "ABORT",
      reason: "Cannot suspend flows without a deployment.",
      state: "same",
    },
  ],
  "11 leaving PAUSED": [
    {
      it: "resumes in the process",
      run: {
        state: { type: "PAUSED", state_details: { pause_timeout: at(60) } },
        policy: { pause_keys: ["1"] },
      },
      to: { type: "RUNNING" },
      status: "ACCEPT",
      policy: { pause_keys: ["1"] },
    },
    {
      it: "resumes what was suspended, which passes by what it has asked",
      run: {
        state: { type: "PAUSED", state_details: { pause_timeout: at(60), pause_reschedule: true } },
        more: { deployment_id: LEASE },
        policy: { pause_keys: ["1"] },
      },
      to: { type: "SCHEDULED", name: "Resuming" },
      status: "ACCEPT",
      policy: { resuming: true, pause_keys: ["1"] },
    },
    {
      it: "asks again in the attempt that a paused run begins anew",
      run: { state: { type: "PAUSED" }, policy: { pause_keys: ["1"] } },
      to: { type: "SCHEDULED", name: "AwaitingRetry" },
      status: "ACCEPT",
      policy: { resuming: false, pause_keys: [], retry_type: "reschedule" },
    },
    {
      it: "does not lead to PENDING",
      run: { state: { type: "PAUSED" } },
      to: { type: "PENDING" },
      status: "REJECT",
      state: "same",
    },
    {
      it: "fails after its time",
      run: { state: { type: "PAUSED", state_details: { pause_timeout: at(-1) } } },
      to: { type: "RUNNING" },
      status: "REJECT",
      reason: "The flow run pause has timed out and can no longer resume.",
      state: { type: "FAILED", message: "The flow was paused and never resumed." },
    },
    {
      it: "can be cancelled after its time",
      run: { state: { type: "PAUSED", state_details: { pause_timeout: at(-1) } } },
      to: { type: "CANCELLING" },
      status: "ACCEPT",
    },
  ],
  "12 SCHEDULED to PENDING": [
    {
      it: "copies the scheduled time",
      run: { state: { type: "SCHEDULED", state_details: { scheduled_time: at(90) } } },
      to: { type: "PENDING" },
      status: "ACCEPT",
      details: { scheduled_time: at(90) },
    },
    {
      it: "waits no more when the slot is there that it waited for",
      run: {
        state: {
          type: "SCHEDULED",
          name: "AwaitingConcurrencySlot",
          state_details: { scheduled_time: at(30) },
        },
        more: { expected_start_time: at(-5) },
      },
      to: { type: "PENDING" },
      status: "ACCEPT",
      details: { scheduled_time: at(0) },
    },
  ],
  "13 to RUNNING early": [
    ...(["SCHEDULED", "PENDING"] as const).map((type): Case => ({
      it: `waits from ${type}`,
      run: { state: { type, state_details: { scheduled_time: at(2.4) } } },
      to: { type: "RUNNING" },
      status: "WAIT",
      delay_seconds: 2,
      reason: "Scheduled time is in the future",
      state: "same",
    })),
    {
      it: "waits for a second of which little has passed",
      run: { state: { type: "SCHEDULED", state_details: { scheduled_time: at(0.9) } } },
      to: { type: "RUNNING" },
      status: "WAIT",
      delay_seconds: 1,
      state: "same",
    },
    {
      it: "does not wait for less than half a second",
      run: { state: { type: "SCHEDULED", state_details: { scheduled_time: at(0.4) } } },
      to: { type: "RUNNING" },
      status: "ACCEPT",
    },
    {
      it: "gives back a slot that it cannot use yet",
      run: {
        state: {
          type: "PENDING",
          state_details: { scheduled_time: at(60), deployment_concurrency_lease_id: LEASE },
        },
      },
      to: { type: "RUNNING" },
      with: { slot: { status: "granted", lease_id: OTHER_LEASE } },
      status: "WAIT",
      delay_seconds: 60,
      state: "same",
      released: OTHER_LEASE,
    },
  ],
  "14 RUNNING to FAILED with retries left": [
    {
      it: "retries in the process, with slot, message and data",
      run: {
        state: { type: "RUNNING", state_details: { deployment_concurrency_lease_id: LEASE } },
        policy: { retries: 1, retry_delay: 7, pause_keys: ["1"] },
      },
      to: { type: "FAILED", message: "boom", data: PERSISTED },
      status: "REJECT",
      state: { type: "SCHEDULED", name: "AwaitingRetry", message: "boom" },
      details: { scheduled_time: at(7), deployment_concurrency_lease_id: LEASE },
      policy: { retry_type: "in_process", pause_keys: [] },
      released: null,
    },
    {
      it: "fails when the retries are used up",
      run: {
        state: { type: "RUNNING" },
        policy: { retries: 1, retry_type: "in_process" },
        more: { run_count: 2 },
      },
      to: { type: "FAILED" },
      status: "ACCEPT",
      policy: { retry_type: null },
    },
    {
      it: "does not retry a run that nobody gave retries",
      run: { state: { type: "RUNNING" } },
      to: { type: "FAILED" },
      status: "ACCEPT",
    },
    {
      it: "runs on with the slot after the wait",
      run: {
        state: {
          type: "SCHEDULED",
          name: "AwaitingRetry",
          state_details: { scheduled_time: at(-1), deployment_concurrency_lease_id: LEASE },
        },
      },
      to: { type: "RUNNING" },
      status: "ACCEPT",
      details: { deployment_concurrency_lease_id: LEASE },
      released: null,
    },
  ],
  "16 release": (["COMPLETED", "FAILED", "CRASHED", "CANCELLED", "SCHEDULED"] as const).map((type): Case => ({
    it: `gives back the slot on the way to ${type}`,
    run: { state: { type: "RUNNING", state_details: { deployment_concurrency_lease_id: LEASE } } },
    to: { type },
    status: "ACCEPT",
    details: { deployment_concurrency_lease_id: null },
    released: LEASE,
  })),
};

for (const [rule, cases] of Object.entries(RULES)) {
  describe(rule, () => {
    for (const item of cases) {
      test(item.it, () => {
        const run = makeRun(item.run);
        const decision = decided(propose(run, item.to, item.with));
        const { answer } = decision;
        expect(answer.status).toBe(item.status);
        if (item.reason !== undefined) expect(answer.details).toHaveProperty("reason", item.reason);
        if (item.delay_seconds !== undefined)
          expect(answer.details).toHaveProperty("delay_seconds", item.delay_seconds);
        if (item.state === "same") {
          expect(answer.state).toEqual(run.state);
          expect(decision.run).toBeNull();
        } else {
          expect(answer.state).toMatchObject(item.state ?? { type: item.to.type });
          expect(decision.run?.state).toEqual(answer.state);
        }
        if (item.details !== undefined) expect(answer.state?.state_details).toMatchObject(item.details);
        if (item.policy !== undefined) expect(decision.run?.empirical_policy).toMatchObject(item.policy);
        if (item.released !== undefined) expect(decision.released_lease_id).toBe(item.released);
        expect(decision.stale_inputs).toEqual(item.stale_inputs ?? []);
      });
    }
  });
}

describe("what the limit must be asked", () => {
  test("a slot on the way to PENDING", () => {
    const run = makeRun({ state: { type: "SCHEDULED" } });
    expect(propose(run, { type: "PENDING" }, { slot: { status: "unknown" } })).toEqual({
      kind: "needs_slot",
    });
  });

  test("nothing where an earlier rule objects", () => {
    const run = makeRun({ state: { type: "RUNNING" } });
    const decision = propose(run, { type: "PENDING" }, { slot: { status: "unknown" } });
    expect(decided(decision).answer.status).toBe("ABORT");
  });

  test("a renewal on the way to RUNNING, and a new slot when that fails", () => {
    const run = makeRun({
      state: { type: "PENDING", state_details: { deployment_concurrency_lease_id: LEASE } },
    });
    const running = { type: "RUNNING" } as const;
    expect(propose(run, running, { slot: { status: "unknown" } })).toEqual({
      kind: "needs_renewal",
      lease_id: LEASE,
    });
    expect(propose(run, running, { slot: { status: "lost" } })).toEqual({ kind: "needs_slot" });
  });
});

describe("forced", () => {
  test("leaves a terminal state, to PENDING too", () => {
    const run = makeRun({ state: { type: "CANCELLED" } });
    const { answer } = decided(
      propose(run, { type: "PENDING" }, { is_forced: true, slot: { status: "unknown" } }),
    );
    expect(answer.status).toBe("ACCEPT");
  });

  test("does not lose a stored result", () => {
    const run = makeRun({ state: { type: "COMPLETED", data: PERSISTED } });
    const { answer } = decided(propose(run, { type: "COMPLETED" }, { is_forced: true }));
    expect(answer.status).toBe("REJECT");
  });

  test("cancels a scheduled run that has no process", () => {
    const { answer } = decided(propose(makeRun(), { type: "CANCELLING" }, { is_forced: true }));
    expect(answer).toMatchObject({ status: "REJECT", state: { type: "CANCELLED" } });
  });

  test("gives back the slot", () => {
    const run = makeRun({
      state: { type: "CANCELLING", state_details: { deployment_concurrency_lease_id: LEASE } },
    });
    const decision = decided(propose(run, { type: "CRASHED" }, { is_forced: true }));
    expect(decision.released_lease_id).toBe(LEASE);
  });
});
