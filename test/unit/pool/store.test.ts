import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { migrations } from "../../../src/objects/pool/migrations.ts";
import type { ActiveRow } from "../../../src/objects/pool/rows.ts";
import { PoolStore } from "../../../src/objects/pool/store.ts";
import { migrate } from "../../../src/objects/shared/sql.ts";
import { createNodeSql } from "../../support/node-host.ts";

const ATTEMPT: ActiveRow = {
  run_id: "run",
  queue_id: "queue",
  attempt_id: "attempt",
  session_id: "session",
  worker_name: "gpu-1",
  fence: 2,
  is_started: false,
  deadline_at: 60_000,
};

test("the statements that write and end an attempt refuse another fence and another attempt", () => {
  const sql = createNodeSql(new DatabaseSync(":memory:"));
  migrate(sql, migrations);
  const { attempts } = new PoolStore(sql);
  attempts.writeActive(ATTEMPT);
  for (const stale of [{ fence: 1 }, { fence: 3 }, { attempt_id: "other" }]) {
    const { run_id, attempt_id, fence } = { ...ATTEMPT, ...stale };
    attempts.writeActive({ ...ATTEMPT, ...stale, is_started: true });
    expect(attempts.deleteAttempt(run_id, attempt_id ?? "", fence ?? 0)).toBe(false);
    expect(attempts.readActive("run")).toEqual(ATTEMPT);
  }
  attempts.writeActive({ ...ATTEMPT, is_started: true, deadline_at: null });
  expect(attempts.readActive("run")).toMatchObject({ is_started: true, deadline_at: null });
  expect(attempts.deleteAttempt("run", "attempt", 2)).toBe(true);
  expect(attempts.readActive("run")).toBeUndefined();
});
