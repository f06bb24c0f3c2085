/** `/v2/concurrency_limits`: global concurrency limits, Prefect's operations and ours (source: wire §3.1, §3.10, §4.6). */
import { z } from "zod";
import {
  LEASE_SECONDS_DEFAULT,
  LEASE_SECONDS_MAX,
  OFFSET_MAX,
  PAGE_MAX,
  SLOTS_MAX,
} from "../../contract/bounds.ts";
import { addressOfKey, addressOfName, addressOfWorkspace, type AddressOf } from "../../contract/envelope.ts";
import { isUuid, keyOfId } from "../../contract/ids.ts";
import { Page } from "../../contract/wire/common.ts";
import {
  Acquire,
  Grant,
  HistoryQuery,
  IncrementWithLease,
  LeaseRecord,
  Limit,
  LimitCounts,
  LimitCreate,
  LimitFilter,
  LimitHistory,
  LimitNames,
  LimitOverview,
  LimitPreview,
  LimitUpdate,
  OverviewPage,
  PreviewedLimit,
  Waiting,
  WaiterRecord,
  Withdraw,
  WaiterMove,
} from "../../contract/wire/limits.ts";
import { toCommand } from "../../objects/limit/operations.ts";
import { acquire, findMembers, readRun } from "../acquire.ts";
import { acceptCaller } from "../call-socket.ts";
import { call, factory, isRefusal, orIfAbsent, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { increment, prefectCaller } from "../increment.ts";
import { listLimits, listOverviews } from "../list-limits.ts";
import { body, query } from "../validation.ts";
import { acceptWaiter } from "../wait-socket.ts";
import { release } from "./leases.ts";

const describe = describeResource("Global concurrency limits");

const PrefectGrant = z.object({
  lease_id: z.string(),
  limits: z.array(z.object({ id: z.string(), name: z.string(), limit: z.int() })),
});
const Increment = z.object({
  names: LimitNames,
  slots: z.int().min(1).max(SLOTS_MAX),
  mode: z.enum(["concurrency", "rate_limit"]).nullish(),
});
const Decrement = z.object({
  names: LimitNames,
  slots: z.int().min(1).max(SLOTS_MAX),
  occupancy_seconds: z.number().nullish(),
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
const asAct = (target: Target): { name?: string; is_act: true } => ({ ...withName(target), is_act: true });

const prefectLimits = (grant: Grant) => grant.limits.map(({ id, name, limit }) => ({ id, name, limit }));

/**
 * Prefect's clients use the id of a limit only in the events by which they say for which run they have acquired it
 * (source: wire §3.10). The lease's id in its place tells the hub which lease that is.
 */
function markLease(
  { lease_id }: Grant,
  limits: z.infer<typeof PrefectGrant>["limits"],
): z.infer<typeof PrefectGrant>["limits"] {
  const home = keyOfId(lease_id, "lease");
  return limits.map((limit) =>
    home !== undefined && keyOfId(limit.id, "limit") === home ? { ...limit, id: lease_id } : limit,
  );
}

export const limits = factory
  .createApp()
  .post("/", describe("Creates a limit.", 201, Limit), body(LimitCreate), async (c) => {
    const command = c.req.valid("json");
    const address = addressOfName(c.get("workspace"), "limit", command.name);
    return c.json(await call(c, address, "create", command, { name: command.name, is_act: true }), 201);
  })
  .post("/filter", describe("Lists limits by name.", 200, z.array(Limit)), body(z.object(Page)), async (c) =>
    c.json(await listLimits(c, c.req.valid("json"))),
  )
  .post(
    "/overview",
    describe(
      "Lists limits by name or by machine, each with its holders and the head of its line.",
      200,
      z.array(LimitOverview),
    ),
    body(OverviewPage),
    async (c) => c.json(await listOverviews(c, c.req.valid("json"))),
  )
  .post(
    "/count-by-family",
    describe(
      "Counts limits by what their names say they are of: a machine (`{resource}:{worker}`), a deployment, a tag of task runs, or none of these.",
      200,
      LimitCounts,
    ),
    body(z.strictObject({ limits: LimitFilter.nullish() })),
    async (c) => {
      const command = { filter: c.req.valid("json").limits ?? {} };
      return c.json(await call(c, addressOfWorkspace(c.get("workspace")), "count_limits", command));
    },
  )
  .post(
    "/increment-with-lease",
    describe(
      "Takes slots under a lease, or says when to ask again (423). A client of Prefect's finds the lease's id in place of one limit's: it sends that back in its events.",
      200,
      PrefectGrant,
    ),
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
      const limits = prefectLimits(grant);
      return c.json({
        lease_id: grant.lease_id,
        limits:
          prefectCaller(c).type === "prefect" && readRun(c) === null ? markLease(grant, limits) : limits,
      });
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
        members.map(({ key }) =>
          orIfAbsent(
            call(c, addressOfKey(c.get("workspace"), "limit", key), "withdraw", { request_id }),
            null,
          ),
        ),
      );
      return c.body(null, 204);
    },
  )
  .get(
    "/wait",
    describe(
      "A socket on which one acquire waits: its first frame is `{type: acquire}` with the fields of an acquire. `{type: take}` takes what is offered there (a request with the same request id does too), `{type: withdraw}` leaves the line.",
      101,
    ),
    async (c, next) => {
      if (c.req.header("upgrade")?.toLowerCase() !== "websocket") return next();
      return acceptWaiter(c);
    },
  )
  .get(
    "/:id_or_name/calls",
    describe(
      "A socket for who acquires and releases this limit often. Frames are `{calls: [{id, acquire}, {id, release}]}` with the fields of an acquire or a `lease_id`, and `{answers: [{id, ok, value} or {id, ok, error}]}`; nothing is held.",
      101,
    ),
    (c) => acceptCaller(c, c.req.param("id_or_name")),
  )
  .get("/:id_or_name", describe("Reads a limit by name or id.", 200, Limit), async (c) =>
    c.json(await onLimit(c, (target) => call(c, target.address, "read", withId(target), withName(target)))),
  )
  .patch("/:id_or_name", describe("Changes a limit.", 204), body(LimitUpdate), async (c) => {
    const update = c.req.valid("json");
    await onLimit(c, (target) =>
      call(c, target.address, "update", { ...update, ...withId(target) }, asAct(target)),
    );
    return c.body(null, 204);
  })
  .post(
    "/:id_or_name/preview_change",
    describe(
      "What a change of this limit, or taking a lease away, would do at once to its line; changes nothing.",
      200,
      LimitPreview,
    ),
    body(PreviewedLimit),
    async (c) => {
      const change = c.req.valid("json");
      return c.json(
        await onLimit(c, (target) =>
          call(c, target.address, "preview_change", { ...change, ...withId(target) }, withName(target)),
        ),
      );
    },
  )
  .delete(
    "/:id_or_name",
    describe("Deletes a limit; one with waiters only with `force`.", 204),
    query(z.object({ force: z.enum(["true", "false"]).optional() })),
    async (c) => {
      const is_forced = c.req.valid("query").force === "true";
      await onLimit(c, (target) =>
        call(c, target.address, "delete", { ...withId(target), is_forced }, asAct(target)),
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
    "/:id_or_name/history",
    describe(
      "Tells who has held the slots lately. Of leases without a request id only since somebody has asked this, at least once a week: see `known_since`. Not of a limit with slot decay.",
      200,
      LimitHistory,
    ),
    query(HistoryQuery),
    async (c) => {
      const page = c.req.valid("query");
      return c.json(
        await onLimit(c, (target) => call(c, target.address, "read_history", page, withName(target))),
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
    describe(
      "Moves a waiter in line: to a priority, of which lower ones go first, or before all others.",
      204,
    ),
    body(WaiterMove),
    async (c) => {
      const move = c.req.valid("json");
      const to = "to_front" in move ? { priority: 0, is_to_front: true } : move;
      const waiter_id = c.req.param("waiter_id");
      await onLimit(c, (target) =>
        call(c, target.address, "set_priority", { waiter_id, ...to }, asAct(target)),
      );
      return c.body(null, 204);
    },
  );
