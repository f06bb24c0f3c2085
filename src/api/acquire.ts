/** Acquires on their way to the limits: which objects they concern, and what is known of who asks. */
import { addressOfKey, addressOfWorkspace } from "../contract/envelope.ts";
import { deriveShardKey, formatId, keyOfId } from "../contract/ids.ts";
import { parseRunIdentity, RUN_IDENTITY_HEADER } from "../contract/wire/agents.ts";
import type { Grant, RunIdentity, Waiting } from "../contract/wire/limits.ts";
import type { AcquireCommand } from "../objects/limit/operations.ts";
import { call, isRefusal, type ApiContext } from "./context.ts";

type Member = AcquireCommand["members"][number];

/** The run on whose behalf a request is made, as the agent told its process. */
export function readRun(c: ApiContext): RunIdentity | null {
  return parseRunIdentity(c.req.header(RUN_IDENTITY_HEADER)) ?? null;
}

/**
 * The limits of these names, the home of the acquire first. One plain name goes straight to its object, which tells
 * itself whether it exists; tags, which mostly have no limit, and several names are looked up first.
 */
export async function findMembers(c: ApiContext, names: readonly string[]): Promise<Member[]> {
  const workspace = c.get("workspace");
  const unique = [...new Set(names)];
  const [only, ...others] = unique;
  if (only === undefined) return [];
  if (others.length === 0 && !only.startsWith("tag:"))
    return [{ name: only, key: deriveShardKey("limit", workspace, only) }];
  const entries = await call(c, addressOfWorkspace(workspace), "find_directory", {
    kind: "limit",
    names: unique,
  });
  return entries
    .map(({ name, key }) => ({ name, key }))
    .toSorted((left, right) => (left.key < right.key ? -1 : 1));
}

/** The grant of nothing: no limit of these names exists, so nothing holds the caller back. */
export function grantNothing(lease_seconds: number): Grant {
  const random = crypto.getRandomValues(new Uint32Array(3));
  return {
    status: "granted",
    lease_id: formatId({
      layout: "empty_lease",
      key: "0000000000",
      head: (random[0] ?? 0) * 2 ** 16 + ((random[1] ?? 0) % 2 ** 16),
      version: 8,
      tail: (random[2] ?? 0) % 2 ** 22,
    }),
    limits: [],
    fence: null,
    expires_in_seconds: lease_seconds,
  };
}

/** Asks the home of an acquire. A limit that has gone since it was looked up holds nobody back. */
export async function acquire(c: ApiContext, command: AcquireCommand): Promise<Grant | Waiting> {
  noteRun(c, command);
  let { members } = command;
  for (;;) {
    const [home] = members;
    if (home === undefined) return grantNothing(command.lease_seconds);
    try {
      return await call(
        c,
        addressOfKey(c.get("workspace"), "limit", home.key),
        "acquire",
        { ...command, members },
        { name: home.name, request_id: command.request_id },
      );
    } catch (error) {
      if (!isRefusal(error, "not_found")) throw error;
      members = members.slice(1);
    }
  }
}

/** Leaves a note in the run's pool, so that the end of the attempt visits these limits. A lost one costs a lease time. */
export function noteRun(c: ApiContext, { run, members }: Pick<AcquireCommand, "run" | "members">): void {
  if (run === null) return;
  const key = keyOfId(run.flow_run_id, "flow_run");
  if (key === undefined) return;
  const pool = addressOfKey(c.get("workspace"), "pool", key);
  const notes = members.map((member) =>
    call(c, pool, "note_limit", { run, limit_key: member.key }).catch(() => null),
  );
  c.executionCtx.waitUntil(Promise.all(notes));
}
