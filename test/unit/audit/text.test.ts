import { expect, test } from "vitest";
import { formatActor, formatChanges, formatTarget } from "../../../src/contract/audit-text.ts";

test("changes read as sentences do", () => {
  const say = (changes: Parameters<typeof formatChanges>[0]["changes"]) => formatChanges({ changes });
  expect(say({ limit: { from: 2, to: 1 }, is_paused: { from: false, to: true } })).toBe(
    "limit 2 → 1, is paused no → yes",
  );
  expect(say({ concurrency_limit: { from: null, to: 3 }, base_job_template: {} })).toBe(
    "concurrency limit none → 3, base job template",
  );
  expect(say({ lease: { from: { holder: { type: "flow_run", id: "x" }, slots: 1 } } })).toBe(
    "lease holder type flow_run id x slots 1",
  );
  const who = { note: "eval.py" };
  expect(say({ waiter: { from: who, to: who }, priority: { from: 0, to: -1 } })).toBe(
    "waiter note eval.py, priority 0 → -1",
  );
  expect(say({ slot_names: { to: ["a", "b"] } })).toBe("slot names a b");
  expect(say({})).toBe("");
  expect(say(null)).toBe("");
});

test("a browser is called so, and what has no name goes by its id", () => {
  expect(formatActor({ actor: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0" })).toBe("a browser");
  expect(formatActor({ actor: "prefect/3.9.1 (API 0.8.4)" })).toBe("prefect/3.9.1 (API 0.8.4)");
  expect(formatTarget({ kind: "work_queue", id: "1", name: "ml-pool/default" })).toBe(
    "work queue ml-pool/default",
  );
  expect(formatTarget({ kind: "schedule", id: "1", name: "" })).toBe("schedule 1");
});
