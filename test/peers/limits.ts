/** One limit in which the bugs of others are played. */
import { granted, LimitWorld } from "../support/limit-world.ts";

/** Makes a limit with so many slots. */
export async function open(limit: number, more: object = {}): Promise<LimitWorld> {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit, ...more });
  return world;
}

/** How many slots are taken. */
export const inUse = async (limit: LimitWorld) => (await limit.must("read", {})).active_slots;

/** Asks, and tells whether it got a slot. */
export async function isGranted(limit: LimitWorld, request_id: string): Promise<boolean> {
  const answer = await limit.acquire({ request_id });
  return answer.ok && answer.value.status === "granted";
}

/** Takes a slot, which must be free. */
export const take = async (limit: LimitWorld, request_id?: string) =>
  granted(await limit.acquire(request_id === undefined ? {} : { request_id }));

/** Gives a slot back. */
export const release = (limit: LimitWorld, { lease_id }: { lease_id: string }) =>
  limit.must("release", { lease_id });

/** One of Prefect's clients, as the API presents it. */
export const prefect = (csrf_client: string) =>
  ({ type: "prefect", csrf_client, first_retry_after_seconds: 0.2 }) as const;
