/** What callers and ids are called: the key of a waiter and the id of a lease. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { formatId, parseId, type ShardKey } from "../../contract/ids.ts";
import type { Lease } from "./types.ts";

/** Our clients, sockets and runs stand in line by their request id. */
export function keyOfRequest(request_id: string): string {
  return `request:${request_id}`;
}

/** An acquire over several limits stands in a member's line by its id. */
export function keyOfJoint(joint_id: string): string {
  return `joint:${joint_id}`;
}

/**
 * Prefect's clients stand in line by who they are and what they want: the sorted set of names, slots and mode, and for
 * which task run if they say so.
 */
export function keyOfPrefect(
  csrf_client: string,
  names: readonly string[],
  slots: number,
  mode: string,
  holder_id: string | null,
): string {
  const wanted = JSON.stringify([names.toSorted(), slots, mode, holder_id]);
  return `prefect:${csrf_client.slice(0, 64)}:${bytesToHex(sha256(utf8ToBytes(wanted))).slice(0, 16)}`;
}

/** The id of a lease carries its fence, so that the row is found without an index. */
export function leaseIdOf(key: ShardKey, lease: Pick<Lease, "fence" | "tail">): string {
  return formatId({ layout: "lease", key, head: lease.fence, version: 8, tail: lease.tail });
}

/** Fence and tail of a lease id of this object; undefined for any other id. */
export function partsOfLeaseId(key: ShardKey, id: string): { fence: number; tail: number } | undefined {
  const parts = parseId(id);
  return parts?.layout === "lease" && parts.key === key ? { fence: parts.head, tail: parts.tail } : undefined;
}
