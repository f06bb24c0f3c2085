/** `/v2/concurrency_limits/leases`: what somebody holds, by the lease's id (source: wire §3.1, §4.6). */
import { z } from "zod";
import { LEASE_SECONDS_DEFAULT, LEASE_SECONDS_MAX } from "../../contract/bounds.ts";
import { addressOfKey, type AddressOf } from "../../contract/envelope.ts";
import { EXPIRES_IN_HEADER } from "../../contract/headers.ts";
import { isUuid, keyOfId, parseId } from "../../contract/ids.ts";
import { WATCH_HEADER } from "../../objects/limit/sockets.ts";
import { call, factory, fail, isRefusal, orIfAbsent, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { noteSignsOfLife } from "../signs-of-life.ts";
import { passUpgrade, requireUpgrade } from "../upgrade.ts";
import { body } from "../validation.ts";

const describe = describeResource("Global concurrency limits");

const Renewal = z.object({
  /** Leases of our own clients may be shorter than Prefect's. */
  lease_duration: z.number().min(5).max(LEASE_SECONDS_MAX).nullish(),
});

/** Ids of leases in paths are UUIDs of any kind: renewing an unknown one is 410, not 404. */
function leaseParam(c: ApiContext): string {
  const id = c.req.param("lease_id") ?? "";
  return isUuid(id) ? id.toLowerCase() : fail("not_found");
}

/** The object of a lease id; undefined for an id that no limit of ours has written. */
function addressOfLease(c: ApiContext, lease_id: string): AddressOf<"limit"> | undefined {
  const key = keyOfId(lease_id, "lease");
  return key === undefined ? undefined : addressOfKey(c.get("workspace"), "limit", key);
}

export async function release(c: ApiContext, lease_id: string): Promise<Response> {
  const address = addressOfLease(c, lease_id);
  if (address !== undefined) await orIfAbsent(call(c, address, "release", { lease_id }), null);
  return c.body(null, 204);
}

async function renew(c: ApiContext, lease_id: string, lease_seconds: number | null): Promise<Response> {
  if (parseId(lease_id)?.layout === "empty_lease") {
    c.header(EXPIRES_IN_HEADER, String(lease_seconds ?? LEASE_SECONDS_DEFAULT));
    return c.body(null, 204);
  }
  const address = addressOfLease(c, lease_id);
  const gone = "Lease not found - it may have expired or been revoked";
  if (address === undefined) fail("gone", gone);
  try {
    const { expires_in_seconds, flow_run_id } = await call(c, address, "renew", { lease_id, lease_seconds });
    if (flow_run_id !== undefined) noteSignsOfLife(c, [flow_run_id]);
    c.header(EXPIRES_IN_HEADER, String(expires_in_seconds));
  } catch (error) {
    if (isRefusal(error, "not_found")) fail("gone", gone);
    throw error;
  }
  return c.body(null, 204);
}

/** Hands the holder's socket to the limit itself, where it hibernates: nothing of it stays in the Worker. */
function watchLease(c: ApiContext, lease_id: string): Response | Promise<Response> {
  const address = addressOfLease(c, lease_id);
  if (address === undefined) fail("not_found", "No such lease is held.");
  requireUpgrade(c);
  return passUpgrade(c, address, { [WATCH_HEADER]: lease_id });
}

export const leases = factory
  .createApp()
  .post("/:lease_id/renew", describe("Renews a lease.", 204), body(Renewal), (c) =>
    renew(c, leaseParam(c), c.req.valid("json").lease_duration ?? null),
  )
  .post("/:lease_id/release", describe("Releases a lease.", 204), (c) => release(c, leaseParam(c)))
  .get(
    "/:lease_id/watch",
    describe("A socket on which the holder of a lease hears that it was ended by others.", 101),
    (c) => watchLease(c, leaseParam(c)),
  )
  .post(
    "/:lease_id/force_release",
    describe("Ends a lease whoever holds it; its holder's calls lose.", 204),
    async (c) => {
      const lease_id = leaseParam(c);
      const address = addressOfLease(c, lease_id);
      if (address === undefined) fail("not_found", "No such lease is held.");
      await call(c, address, "force_release", { lease_id }, { is_act: true });
      return c.body(null, 204);
    },
  );
