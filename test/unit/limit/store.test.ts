import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { REPLAY_SECONDS } from "../../../src/contract/bounds.ts";
import type { Lease } from "../../../src/domain/limit/types.ts";
import { migrations } from "../../../src/objects/limit/migrations.ts";
import { LimitStore } from "../../../src/objects/limit/store.ts";
import { migrate } from "../../../src/objects/shared/sql.ts";
import { createNodeSql } from "../../support/node-host.ts";

const REPLAY_MS = REPLAY_SECONDS * 1000;

function openStore(): LimitStore {
  const sql = createNodeSql(new DatabaseSync(":memory:"));
  migrate(sql, migrations);
  return new LimitStore(sql);
}

const leaseOf = (fence: number, slots: number): Lease => ({
  fence,
  tail: 0,
  kind: "lease",
  request_id: `request ${fence}`,
  slots,
  slot_names: null,
  lease_seconds: 60,
  arrived_at: null,
  estimated_ms: null,
  acquired_at: 0,
  expires_at: 60_000,
  joint_id: null,
  home_key: null,
  holder: null,
  run: null,
  note: null,
});

test("the statement that writes a lease refuses what the limit cannot hold, what was counted wrongly, and an old fence", () => {
  const store = openStore();
  expect(store.leases.insert(leaseOf(1, 2), { limit: 3, occupied: 0 })).toBe(true);
  expect(store.leases.insert(leaseOf(2, 2), { limit: 3, occupied: 2 })).toBe(false);
  expect(store.leases.insert(leaseOf(3, 1), { limit: 3, occupied: 1 })).toBe(false);
  expect(store.leases.insert(leaseOf(3, 1), { limit: 3, occupied: 2 })).toBe(true);
  expect(store.leases.insert(leaseOf(2, 1), null)).toBe(false);
  expect(store.leases.insert(leaseOf(4, 5), null)).toBe(true);
  expect(store.leases.countOccupied()).toBe(8);
});

test("who knows a fence but not the tail of a lease's id neither renews nor ends it", () => {
  const store = openStore();
  store.leases.insert({ ...leaseOf(1, 2), tail: 7 }, null);
  expect(store.leases.renew(1, 8, null, 120_000)).toBe(false);
  expect(store.leases.delete(1, 8)).toBeUndefined();
  expect(store.leases.find(1, 7)?.expires_at).toBe(60_000);
  expect(store.leases.renew(1, 7, null, 120_000)).toBe(true);
  expect(store.leases.delete(1, 7)?.request_id).toBe("request 1");
});

test("a request id is recalled while its lease lives and for as long as its end is remembered", () => {
  const store = openStore();
  store.leases.insert(leaseOf(1, 2), null);
  store.ended.remember("request", "request 2", 0);
  expect(store.leases.recall("request 1", 0)).toEqual({ is_held: true, has_ended: false, occupied: 2 });
  expect(store.leases.recall("request 2", REPLAY_MS - 1)).toEqual({
    is_held: false,
    has_ended: true,
    occupied: 2,
  });
  expect(store.leases.recall("request 2", REPLAY_MS)).toEqual({
    is_held: false,
    has_ended: false,
    occupied: 2,
  });
});

test("what has ended is remembered for as long as it must be, and forgotten without reading the rest", () => {
  const { ended } = openStore();
  const at = 7 * REPLAY_MS - 1;
  const until = at + REPLAY_MS;
  const forgettable_at = ended.remember("attempt", "attempt", at);
  ended.remember("request", "later", at + 2 * REPLAY_MS);
  expect(ended.has("attempt", "attempt", until - 1)).toBe(true);
  expect(ended.has("attempt", "attempt", until)).toBe(false);
  expect(ended.has("request", "attempt", at)).toBe(false);
  expect(ended.earliestForgetting()).toBe(forgettable_at);
  expect(forgettable_at).toBeGreaterThanOrEqual(until);
  expect(ended.forget(forgettable_at - 1)).toBe(true);
  expect(ended.earliestForgetting()).toBe(forgettable_at);
  expect(ended.forget(forgettable_at)).toBe(true);
  expect(ended.earliestForgetting()).toBeGreaterThan(forgettable_at);
});
