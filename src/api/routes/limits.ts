/** `/v2/concurrency_limits`: global concurrency limits, Prefect's operations and ours (source: wire §3.1, §3.10, §4.6). */
import { z } from "zod";
import {
  HOLD_SECONDS_MAX,
  LEASE_SECONDS_DEFAULT,
  LEASE_SECONDS_MAX,
  LIMIT_NAMES_MAX,
  OFFSET_MAX,
  PAGE_MAX,
  SLOTS_MAX,
} from "../../contract/bounds.ts";
import { addressOfKey, addressOfName, addressOfWorkspace, type AddressOf } from "../../contract/envelope.ts";
import { EXPIRES_IN_HEADER } from "../../contract/headers.ts";
import { isUuid, keyOfId, parseId } from "../../contract/ids.ts";
import { Page } from "../../contract/wire/common.ts";
import {
  Acquire,
  Grant,
  IncrementWithLease,
  LeaseRecord,
  Limit,
  LimitCreate,
  LimitUpdate,
  Waiting,
  WaiterRecord,
  Withdraw,
} from "../../contract/wire/limits.ts";
import type { AcquireCommand, Caller } from "../../objects/limit/operations.ts";
import { acquire, findMembers, grantNothing, isRefusal, readRun, toCommand } from "../acquire.ts";
import { call, factory, fail, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { limitBody } from "../middleware.ts";
import { noteSignsOfLife } from "../signs-of-life.ts";
import { body, query } from "../validation.ts";
import { acceptWaiter } from "../wait-socket.ts";

/** How long a client of Prefect's sleeps after its first refusal; then it is held. */
const FIRST_RETRY_AFTER_SECONDS = 0.2;
const DIRECTORY_PAGE = 500;

const describe = describeResource("Global concurrency limits");

const PrefectGrant = z.object({
  lease_id: z.string(),
  limits: z.array(z.object({ id: z.string(), name: z.string(), limit: z.int() })),
});
const Increment = z.object({
  names: z.array(z.string().min(1).max(255)).max(LIMIT_NAMES_MAX),
  slots: z.int().min(1).max(SLOTS_MAX),
  mode: z.enum(["concurrency", "rate_limit"]).nullish(),
});
const Decrement = z.object({
  names: z.array(z.string().min(1).max(255)).max(LIMIT_NAMES_MAX),
  slots: z.int().min(1).max(SLOTS_MAX),
  occupancy_seconds: z.number().nullish(),
});
const Renewal = z.object({
  /** Leases of our own clients may be shorter than Prefect's. */
  lease_duration: z.number().min(5).max(LEASE_SECONDS_MAX).nullish(),
});
const HoldersQuery = z.object({
  after_fence: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_MAX),
});
const WaitersQuery = z.object({
  offset: z.coerce.number().int().min(0).max(OFFSET_MAX).default(0),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_MAX),
});

/** A limit as an object and, where it was named by its id, the id that it must have. */
interface Target {
  address: AddressOf<"limit">;
  id?: string;
  name?: string;
}

/** `{id_or_name}`: what parses as one of our ids is tried as an id first. */
async function onLimit<Value>(c: ApiContext, act: (target: Target) => Promise<Value>): Promise<Value> {
  const name = c.req.param("id_or_name") ?? "";
  const key = isUuid(name) ? keyOfId(name, "limit") : undefined;
  if (key !== undefined) {
    try {
      return await act({ address: addressOfKey(c.get("workspace"), "limit", key), id: name.toLowerCase() });
    } catch (error) {
      if (!isRefusal(error, "not_found")) throw error;
    }
  }
  return act({ address: addressOfName(c.get("workspace"), "limit", name), name });
}

const withId = (target: Target): { id?: string } => (target.id === undefined ? {} : { id: target.id });
const withName = (target: Target): { name?: string } =>
  target.name === undefined ? {} : { name: target.name };

/** The object of a lease id; undefined for an id that no limit of ours has written. */
function addressOfLease(c: ApiContext, lease_id: string): AddressOf<"limit"> | undefined {
  const key = keyOfId(lease_id, "lease");
  return key === undefined ? undefined : addressOfKey(c.get("workspace"), "limit", key);
}

async function release(c: ApiContext, lease_id: string): Promise<Response> {
  const address = addressOfLease(c, lease_id);
  if (address !== undefined) {
    try {
      await call(c, address, "release", { lease_id });
    } catch (error) {
      if (!isRefusal(error, "not_found")) throw error;
    }
  }
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
    const { expires_in_seconds, holder } = await call(c, address, "renew", { lease_id, lease_seconds });
    if (holder?.type === "flow_run") noteSignsOfLife(c, [holder.id]);
    c.header(EXPIRES_IN_HEADER, String(expires_in_seconds));
  } catch (error) {
    if (isRefusal(error, "not_found")) fail("gone", gone);
    throw error;
  }
  return c.body(null, 204);
}

/** Who asks, as far as a client of Prefect's lets it be known. */
function prefectCaller(c: ApiContext): Caller {
  const csrf_client = c.req.header("prefect-csrf-client");
  return csrf_client === undefined || csrf_client === ""
    ? { type: "anonymous" }
    : { type: "prefect", csrf_client, first_retry_after_seconds: FIRST_RETRY_AFTER_SECONDS };
}

/** Prefect's acquires: a grant, or 423 with the seconds to sleep. */
export async function increment(
  c: ApiContext,
  wanted: Pick<
    AcquireCommand,
    "names" | "slots" | "mode" | "lease_seconds" | "is_anonymous" | "is_once_per_holder" | "holder"
  >,
): Promise<Grant> {
  const names = [...new Set(wanted.names)].toSorted();
  const members = await findMembers(c, names);
  if (members.length === 0) return grantNothing(wanted.lease_seconds);
  const answer = await acquire(c, {
    ...wanted,
    names,
    members,
    request_id: crypto.randomUUID(),
    wait_seconds: HOLD_SECONDS_MAX,
    priority: 0,
    caller: prefectCaller(c),
    run: readRun(c),
  });
  return answer.status === "granted"
    ? answer
    : fail("locked", undefined, { retry_after_seconds: answer.retry_after_seconds });
}

const prefectLimits = (grant: Grant) => grant.limits.map(({ id, name, limit }) => ({ id, name, limit }));

/** Asks several limits how they stand; one that has gone meanwhile is left out. */
async function readMany(c: ApiContext, keys: string[]): Promise<Limit[]> {
  const limits = await Promise.all(
    keys.map((key) =>
      call(c, addressOfKey(c.get("workspace"), "limit", key), "read", {}).catch((error: unknown) => {
        if (isRefusal(error, "not_found")) return undefined;
        throw error;
      }),
    ),
  );
  return limits.filter((limit) => limit !== undefined);
}

/** A page of limits in the order of their names: the directory says which there are, their objects how they stand. */
export async function listLimits(
  c: ApiContext,
  page: { limit: number; offset: number },
  isWanted: (name: string) => boolean = () => true,
): Promise<Limit[]> {
  const wanted: string[] = [];
  let after_name = "";
  while (wanted.length < page.offset + page.limit) {
    const entries = await call(c, addressOfWorkspace(c.get("workspace")), "list_directory", {
      kind: "limit",
      after_name,
      limit: DIRECTORY_PAGE,
    });
    wanted.push(...entries.filter(({ name }) => isWanted(name)).map(({ key }) => key));
    after_name = entries.at(-1)?.name ?? "";
    if (entries.length < DIRECTORY_PAGE) break;
  }
  return readMany(c, wanted.slice(page.offset, page.offset + page.limit));
}

export const limits = factory
  .createApp()
  .use(limitBody())
  .post("/", describe("Creates a limit.", 201, Limit), body(LimitCreate), async (c) => {
    const command = c.req.valid("json");
    const address = addressOfName(c.get("workspace"), "limit", command.name);
    return c.json(await call(c, address, "create", command, { name: command.name }), 201);
  })
  .post("/filter", describe("Lists limits by name.", 200, z.array(Limit)), body(z.object(Page)), async (c) =>
    c.json(await listLimits(c, c.req.valid("json"))),
  )
  .post(
    "/increment-with-lease",
    describe("Takes slots under a lease, or says when to ask again (423).", 200, PrefectGrant),
    body(IncrementWithLease),
    async (c) => {
      const { lease_duration, names, slots, mode, holder } = c.req.valid("json");
      const grant = await increment(c, {
        names,
        slots,
        mode,
        lease_seconds: lease_duration ?? LEASE_SECONDS_DEFAULT,
        holder: holder ?? null,
      });
      return c.json({ lease_id: grant.lease_id, limits: prefectLimits(grant) });
    },
  )
  .post(
    "/increment",
    describe("Takes slots without a lease: rate limits, and clients before leases.", 200),
    body(Increment),
    async (c) => {
      const { names, slots, mode } = c.req.valid("json");
      const grant = await increment(c, {
        names,
        slots,
        mode: mode ?? "concurrency",
        lease_seconds: LEASE_SECONDS_MAX,
        is_anonymous: true,
      });
      return c.json(prefectLimits(grant));
    },
  )
  .post(
    "/decrement",
    describe("Gives back slots that were taken without a lease.", 200),
    body(Decrement),
    async (c) => {
      const { names, slots } = c.req.valid("json");
      const members = await findMembers(c, names);
      const given = await Promise.all(
        members.map(async ({ name }) => {
          const address = addressOfName(c.get("workspace"), "limit", name);
          try {
            await call(c, address, "decrement", { slots }, { name });
            const { id, limit } = await call(c, address, "read", {}, { name });
            return { id, name, limit };
          } catch (error) {
            if (isRefusal(error, "not_found")) return undefined;
            throw error;
          }
        }),
      );
      return c.json(given.filter((limit) => limit !== undefined));
    },
  )
  .post(
    "/decrement-with-lease",
    describe("Releases a lease.", 204),
    body(z.object({ lease_id: z.uuid() })),
    (c) => release(c, c.req.valid("json").lease_id),
  )
  .post("/leases/:lease_id/renew", describe("Renews a lease.", 204), body(Renewal), (c) =>
    renew(c, leaseParam(c), c.req.valid("json").lease_duration ?? null),
  )
  .post("/leases/:lease_id/release", describe("Releases a lease.", 204), (c) => release(c, leaseParam(c)))
  .post(
    "/leases/:lease_id/force_release",
    describe("Ends a lease whoever holds it; its holder's calls lose.", 204),
    async (c) => {
      const lease_id = leaseParam(c);
      const address = addressOfLease(c, lease_id);
      if (address === undefined) fail("not_found", "No such lease is held.");
      await call(c, address, "force_release", { lease_id });
      return c.body(null, 204);
    },
  )
  .post(
    "/acquire",
    describe("Takes slots, or stands in line for them.", 200, z.union([Grant, Waiting])),
    body(Acquire),
    async (c) => {
      const wanted = c.req.valid("json");
      const members = await findMembers(c, wanted.names);
      return c.json(await acquire(c, toCommand(wanted, members, { type: "request" }, readRun(c))));
    },
  )
  .post(
    "/withdraw",
    describe("Leaves the line; a grant that is on its way is released.", 204),
    body(Withdraw),
    async (c) => {
      const { names, request_id } = c.req.valid("json");
      const members = await findMembers(c, names);
      await Promise.all(
        members.map(({ name }) =>
          call(c, addressOfName(c.get("workspace"), "limit", name), "withdraw", { request_id }).catch(
            (error: unknown) => {
              if (!isRefusal(error, "not_found")) throw error;
            },
          ),
        ),
      );
      return c.body(null, 204);
    },
  )
  .get("/wait", describe("A socket on which one acquire waits.", 101), async (c, next) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") return next();
    return acceptWaiter(c);
  })
  .get("/:id_or_name", describe("Reads a limit by name or id.", 200, Limit), async (c) =>
    c.json(await onLimit(c, (target) => call(c, target.address, "read", withId(target), withName(target)))),
  )
  .patch("/:id_or_name", describe("Changes a limit.", 204), body(LimitUpdate), async (c) => {
    const update = c.req.valid("json");
    await onLimit(c, (target) =>
      call(c, target.address, "update", { ...update, ...withId(target) }, withName(target)),
    );
    return c.body(null, 204);
  })
  .delete(
    "/:id_or_name",
    describe("Deletes a limit; one with waiters only with `force`.", 204),
    query(z.object({ force: z.enum(["true", "false"]).optional() })),
    async (c) => {
      const is_forced = c.req.valid("query").force === "true";
      await onLimit(c, (target) =>
        call(c, target.address, "delete", { ...withId(target), is_forced }, withName(target)),
      );
      return c.body(null, 204);
    },
  )
  .get(
    "/:id_or_name/holders",
    describe("Lists the live leases.", 200, z.array(LeaseRecord)),
    query(HoldersQuery),
    async (c) => {
      const page = c.req.valid("query");
      return c.json(
        await onLimit(c, (target) => call(c, target.address, "list_holders", page, withName(target))),
      );
    },
  )
  .get(
    "/:id_or_name/waiters",
    describe("Lists who stands in line, in order.", 200, z.array(WaiterRecord)),
    query(WaitersQuery),
    async (c) => {
      const page = c.req.valid("query");
      return c.json(
        await onLimit(c, (target) => call(c, target.address, "list_waiters", page, withName(target))),
      );
    },
  )
  .patch(
    "/:id_or_name/waiters/:waiter_id",
    describe("Moves a waiter in line; lower priorities go first.", 204),
    body(z.strictObject({ priority: z.int().min(-1000).max(1000) })),
    async (c) => {
      const { priority } = c.req.valid("json");
      const waiter_id = c.req.param("waiter_id");
      await onLimit(c, (target) =>
        call(c, target.address, "set_priority", { waiter_id, priority }, withName(target)),
      );
      return c.body(null, 204);
    },
  );

/** Ids of leases in paths are UUIDs of any kind: renewing an unknown one is 410, not 404. */
function leaseParam(c: ApiContext): string {
  const id = c.req.param("lease_id") ?? "";
  return isUuid(id) ? id.toLowerCase() : fail("not_found");
}
