import fc from "fast-check";
import { expect, test } from "vitest";
import { isTerminal, STATE_TYPES, type StateCreate } from "../../../src/contract/wire/states.ts";
import type { SlotKnowledge } from "../../../src/domain/flow-run/orchestrate.ts";
import { LEASE, makeRun, nextStateId, NOW, OTHER_LEASE, propose } from "./fixtures.ts";

const slot = fc.constantFrom<SlotKnowledge>(
  { status: "none" },
  { status: "zero" },
  { status: "full" },
  { status: "granted", lease_id: LEASE },
  { status: "renewed", lease_id: LEASE },
  { status: "granted", lease_id: OTHER_LEASE },
);
const step = fc.record({
  type: fc.constantFrom(...STATE_TYPES),
  name: fc.constantFrom(null, "Late", "Submitting", "Resuming", "AwaitingRetry"),
  data: fc.constantFrom(null, { type: "reference" }, { type: "unpersisted" }),
  is_forced: fc.boolean(),
  is_rescheduling: fc.boolean(),
  slot,
  /** The clock may stand still and go back. */
  elapsed: fc.integer({ min: -5000, max: 100_000 }),
});
const start = fc.record({
  retries: fc.integer({ min: 0, max: 3 }),
  has_deployment: fc.boolean(),
  has_process: fc.boolean(),
});

test("whatever is proposed, a run stays consistent", () => {
  fc.assert(
    fc.property(start, fc.array(step, { minLength: 1, maxLength: 20 }), (from, steps) => {
      let run = makeRun({
        policy: { retries: from.retries },
        more: {
          ...(!from.has_deployment && { deployment_id: null }),
          infrastructure_pid: from.has_process ? "1" : null,
        },
      });
      let now = NOW;
      for (const item of steps) {
        now += item.elapsed;
        const transition_id = nextStateId();
        const proposed: StateCreate = {
          type: item.type,
          name: item.name,
          data: item.data,
          state_details: { transition_id, pause_reschedule: item.is_rescheduling },
        };
        const input = { now, slot: item.slot, is_forced: item.is_forced };
        const decision = propose(run, proposed, input);
        if (decision.kind !== "decided") throw new Error(`The slot is known, yet: ${decision.kind}`);
        const { answer, run: written } = decision;
        expect(answer.state).toEqual((written ?? run).state);
        expect(answer.status === "ACCEPT" ? written : true).toBeTruthy();
        if (answer.status === "ABORT" || answer.status === "WAIT") expect(written).toBeNull();
        if (item.is_forced) {
          const isProtected =
            (item.type === "COMPLETED" && run.state_type === "COMPLETED") || item.type === "CANCELLING";
          if (!isProtected) expect(answer.status).toBe("ACCEPT");
        }
        if (written !== null) {
          expect(written.state!.timestamp > run.state!.timestamp).toBe(true);
          expect(written.end_time !== null).toBe(isTerminal(written.state!.type));
          expect(written.total_run_time).toBeGreaterThanOrEqual(run.total_run_time);
          expect(written.run_count).toBeGreaterThanOrEqual(run.run_count);
          expect(written.next_scheduled_start_time !== null).toBe(written.state_type === "SCHEDULED");
          // The lease is held or given back, never both and never neither.
          const held = run.state!.state_details.deployment_concurrency_lease_id ?? null;
          const kept = written.state!.state_details.deployment_concurrency_lease_id ?? null;
          if (kept !== null) expect(decision.released_lease_id).not.toBe(kept);
          if (held !== null && held !== kept) expect(decision.released_lease_id).not.toBeNull();
          if (isTerminal(written.state!.type)) expect(kept).toBeNull();
          if (written.state_id !== run.state_id) {
            const again = propose(written, proposed, { ...input, is_forced: false });
            expect(again).toMatchObject({
              kind: "decided",
              run: null,
              answer: { status: "REJECT", state: written.state },
            });
          }
          run = written;
        } else if (item.slot.status === "granted") {
          const held = run.state!.state_details.deployment_concurrency_lease_id ?? null;
          expect(decision.released_lease_id).toBe(held === item.slot.lease_id ? null : item.slot.lease_id);
        }
      }
    }),
    { numRuns: 500 },
  );
});
