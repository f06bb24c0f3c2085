/** What an operator says of a limit: how many of its slots are in use, and who has those of a tag. */
import { expect, test } from "vitest";
import { granted, LimitWorld, waiting } from "../../support/limit-world.ts";

const idOf = (index: number) => `0f9a1c52-0000-4000-8000-00000000000${index}`;
const THREE = [1, 2, 3].map(idOf);

test("a tag's reset may count more holders than the limit has names for", async () => {
  const limit = new LimitWorld("tag:scarce");
  await limit.must("create", { name: limit.name, limit: 2, slot_names: ["x", "y"] });
  expect(await limit.must("reset_holders", { task_run_ids: THREE })).toMatchObject({ active_slots: 3 });
  waiting(await limit.acquire({ request_id: "late" }));
  await limit.must("withdraw", { request_id: "late" });
  for (const id of THREE) await limit.must("release_holder", { holder: { type: "task_run", id } });
  const { limits } = granted(await limit.acquire({ request_id: "both", slots: 2 }));
  expect(limits[0]?.slot_names).toEqual(["x", "y"]);
});

test("a tag's reset counts each holder in the level of a limit that decays", async () => {
  const limit = new LimitWorld("tag:scarce");
  await limit.must("create", { name: limit.name, limit: 5, slot_decay_per_second: 0.001 });
  expect(await limit.must("reset_holders", { task_run_ids: THREE })).toMatchObject({ active_slots: 3 });
  expect(await limit.must("read", {})).toMatchObject({ active_slots: 3 });
});

test("a tag's reset ends all leases, also where they are many more than the limit has slots by now", async () => {
  const limit = new LimitWorld("tag:scarce");
  await limit.must("create", { name: limit.name, limit: 1500 });
  for (let index = 0; index < 1500; index += 1) await limit.acquire({ request_id: String(index) });
  await limit.must("update", { limit: 1 });
  await limit.must("reset_holders", { task_run_ids: [] });
  expect(await limit.must("read", {})).toMatchObject({ active_slots: 0 });
}, 60_000);

test("fewer slots in use are taken first from what has no lease", async () => {
  const limit = new LimitWorld();
  await limit.must("create", { name: limit.name, limit: 2 });
  const { lease_id } = granted(await limit.acquire({ request_id: "held" }));
  granted(await limit.acquire({ is_anonymous: true }));
  await limit.must("update", { active_slots: 1 });
  await limit.must("renew", { lease_id, lease_seconds: null });
});
