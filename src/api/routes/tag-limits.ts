/**
 * `/concurrency_limits`: limits on task tags, Prefect's first kind (source: wire §3.2, §4.7, §9.4). The limit of a tag
 * is the limit named `tag:<tag>`; its holders of type task_run are what this view calls active slots.
 */
import { z } from "zod";
import { LEASE_SECONDS_MAX, LIMIT_NAMES_MAX, PAGE_MAX, SLOTS_MAX } from "../../contract/bounds.ts";
import { addressOfKey, addressOfName, type AddressOf } from "../../contract/envelope.ts";
import { keyOfId } from "../../contract/ids.ts";
import { Id, Name, Page } from "../../contract/wire/common.ts";
import { TagLimit, type LeaseRecord, type Limit } from "../../contract/wire/limits.ts";
import { call, factory, fail, isRefusal, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { increment } from "../increment.ts";
import { listLimits } from "../list-limits.ts";
import { body, uuidParam } from "../validation.ts";

const PREFIX = "tag:";
const NOT_FOUND = "Concurrency limit not found";

const TagLimitCreate = z.strictObject({
  tag: Name,
  concurrency_limit: z.int().min(0).max(SLOTS_MAX),
});
const Increment = z.object({ names: z.array(z.string().min(1)).max(LIMIT_NAMES_MAX), task_run_id: Id });
const Decrement = Increment.extend({ occupancy_seconds: z.number().nullish() });
const Reset = z.object({ slot_override: z.array(Id).max(1000).nullish() });

const describe = describeResource("Concurrency limits on task tags");

function addressOfTag(c: ApiContext, tag: string): AddressOf<"limit"> {
  return addressOfName(c.get("workspace"), "limit", PREFIX + tag);
}

const tagParam = (c: ApiContext): string => c.req.param("tag") ?? "";

/** Says what this view says where there is no such limit. */
async function orNotFound<Value>(answer: Promise<Value>): Promise<Value> {
  try {
    return await answer;
  } catch (error) {
    if (isRefusal(error, "not_found")) fail("not_found", NOT_FOUND);
    throw error;
  }
}

async function listHolders(c: ApiContext, address: AddressOf<"limit">): Promise<LeaseRecord[]> {
  const holders: LeaseRecord[] = [];
  for (let after_fence = 0; ; after_fence = holders.at(-1)?.fence ?? 0) {
    const page = await call(c, address, "list_holders", { after_fence, limit: PAGE_MAX });
    holders.push(...page);
    if (page.length < PAGE_MAX) return holders;
  }
}

async function toTagLimit(c: ApiContext, address: AddressOf<"limit">, limit: Limit): Promise<TagLimit> {
  const holders = await listHolders(c, address);
  return {
    id: limit.id,
    created: limit.created,
    updated: limit.updated,
    tag: limit.name.slice(PREFIX.length),
    concurrency_limit: limit.limit,
    active_slots: holders.flatMap(({ holder }) => (holder?.type === "task_run" ? [holder.id] : [])),
  };
}

/** The tag limit of an id; a limit that is not a tag's is none. */
async function findById(c: ApiContext): Promise<{ address: AddressOf<"limit">; limit: Limit }> {
  const id = uuidParam(c, "id");
  const key = keyOfId(id, "limit");
  if (key === undefined) fail("not_found", NOT_FOUND);
  const address = addressOfKey(c.get("workspace"), "limit", key);
  const limit = await orNotFound(call(c, address, "read", { id }));
  return limit.name.startsWith(PREFIX) ? { address, limit } : fail("not_found", NOT_FOUND);
}

export const tagLimits = factory
  .createApp()
  .post(
    "/",
    describe("Creates or changes the limit of a tag.", 201, TagLimit),
    body(TagLimitCreate),
    async (c) => {
      const { tag, concurrency_limit } = c.req.valid("json");
      const address = addressOfTag(c, tag);
      const { limit, was_created } = await call(
        c,
        address,
        "put",
        { name: PREFIX + tag, limit: concurrency_limit },
        { name: PREFIX + tag, is_act: true },
      );
      return c.json(await toTagLimit(c, address, limit), was_created ? 201 : 200);
    },
  )
  .post(
    "/filter",
    describe("Lists the limits of tags.", 200, z.array(TagLimit)),
    body(z.object(Page)),
    async (c) => {
      const limits = await listLimits(c, c.req.valid("json"), (name) => name.startsWith(PREFIX));
      return c.json(
        await Promise.all(
          limits.map((limit) => toTagLimit(c, addressOfName(c.get("workspace"), "limit", limit.name), limit)),
        ),
      );
    },
  )
  .post(
    "/increment",
    describe("Takes a slot of each tag's limit for a task run.", 200),
    body(Increment),
    async (c) => {
      const { names, task_run_id } = c.req.valid("json");
      const grant = await increment(c, {
        names: names.map((name) => PREFIX + name),
        slots: 1,
        mode: "concurrency",
        lease_seconds: LEASE_SECONDS_MAX,
        holder: { type: "task_run", id: task_run_id },
        is_once_per_holder: true,
      }).catch((error: unknown) => {
        // A limit of 0 lets nobody through; these clients read the detail of a 423 that names no time.
        if (isRefusal(error, "invalid")) fail("locked", error.refusal.detail);
        throw error;
      });
      return c.json(
        grant.limits.map(({ id, name, limit }) => ({ id, name: name.slice(PREFIX.length), limit })),
      );
    },
  )
  .post("/decrement", describe("Gives back the slots of a task run.", 200), body(Decrement), async (c) => {
    const { names, task_run_id } = c.req.valid("json");
    const given = await Promise.all(
      [...new Set(names)].map(async (tag) => {
        const address = addressOfTag(c, tag);
        try {
          await call(c, address, "release_holder", { holder: { type: "task_run", id: task_run_id } });
          const { id, limit } = await call(c, address, "read", {});
          return { id, name: tag, limit };
        } catch (error) {
          if (isRefusal(error, "not_found")) return undefined;
          throw error;
        }
      }),
    );
    return c.json(given.filter((limit) => limit !== undefined));
  })
  .get("/tag/:tag", describe("Reads the limit of a tag.", 200, TagLimit), async (c) => {
    const address = addressOfTag(c, tagParam(c));
    return c.json(await toTagLimit(c, address, await orNotFound(call(c, address, "read", {}))));
  })
  .post(
    "/tag/:tag/reset",
    describe("Ends all leases of a tag's limit, or makes these task runs its holders.", 200),
    body(Reset),
    async (c) => {
      const task_run_ids = c.req.valid("json").slot_override ?? [];
      const address = addressOfTag(c, tagParam(c));
      await orNotFound(call(c, address, "reset_holders", { task_run_ids }, { is_act: true }));
      return c.json(null);
    },
  )
  .delete("/tag/:tag", describe("Deletes the limit of a tag.", 200), async (c) => {
    await orNotFound(call(c, addressOfTag(c, tagParam(c)), "delete", { is_forced: false }, { is_act: true }));
    return c.json(null);
  })
  .get("/:id", describe("Reads the limit of a tag by its id.", 200, TagLimit), async (c) => {
    const { address, limit } = await findById(c);
    return c.json(await toTagLimit(c, address, limit));
  })
  .delete("/:id", describe("Deletes the limit of a tag by its id.", 200), async (c) => {
    const { address, limit } = await findById(c);
    await call(c, address, "delete", { id: limit.id, is_forced: false }, { is_act: true });
    return c.json(null);
  });
