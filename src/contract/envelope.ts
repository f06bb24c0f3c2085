/** How the Worker and the objects talk: one envelope, addressed by a name that can be computed. */
import { deriveShardKey, type NamedKind, type ShardKey } from "./ids.ts";

/** The kinds of objects; `hub` is the EventHub. */
export type ObjectKind = "workspace" | "pool" | "limit" | "journal" | "hub";

/** Where an object lives: its platform name is `<workspace>/<kind>/<key>`. */
export interface ObjectAddress {
  workspace: string;
  kind: ObjectKind;
  /** A shard key for pools and limits, `<shard key>-<YYYYMMDD>` for journals, `0` where there is one per workspace. */
  key: string;
}

/** An address of one kind of object: it says which operations the object has. */
export type AddressOf<Kind extends ObjectKind> = ObjectAddress & { kind: Kind };

export const ENVELOPE_VERSION = 1;

/** One call of an object. `command` and the answer are typed by the operation, see each object's `operations.ts`. */
export interface Envelope<Operation extends string = string, Command = unknown> {
  /** A receiver that does not know the version answers `unavailable`: Worker and objects differ for minutes at a deploy. */
  v: number;
  address: ObjectAddress;
  /** The full name where the caller knows it; the object refuses a name that is not its own. */
  name?: string;
  /** Who asks, for the audit list: what a client calls itself, or the object that sent an effect. */
  actor: string;
  /** The same request id gets the same answer. */
  request_id: string;
  operation: Operation;
  command: Command;
  /** A person's act, by the route that it came on: the object that carries it out tells the audit list. */
  is_act?: true;
  /** Whoever asked shows the answer: for so long the object tells the hub when it changes. */
  watch_seconds?: number;
}

/** Writes an address as the platform's object name. */
export function formatAddress({ workspace, kind, key }: ObjectAddress): string {
  return `${workspace}/${kind}/${key}`;
}

/** Reads an object's platform name; undefined when it is none of ours. */
export function parseAddress(name: string): ObjectAddress | undefined {
  const match = /^([^/]+)\/(workspace|pool|limit|journal|hub)\/([^/]+)$/.exec(name);
  if (match === null) return undefined;
  const [, workspace, kind, key] = match;
  return workspace === undefined || key === undefined
    ? undefined
    : { workspace, kind: kind as ObjectKind, key };
}

/** The object of a named pool or limit. */
export function addressOfName<Kind extends NamedKind>(
  workspace: string,
  kind: Kind,
  name: string,
): AddressOf<Kind> {
  return { workspace, kind, key: deriveShardKey(kind, workspace, name) };
}

/** The object that owns an id whose shard key is known. */
export function addressOfKey<Kind extends NamedKind>(
  workspace: string,
  kind: Kind,
  key: ShardKey,
): AddressOf<Kind> {
  return { workspace, kind, key };
}

/** The catalog of a workspace. */
export function addressOfWorkspace(workspace: string): AddressOf<"workspace"> {
  return { workspace, kind: "workspace", key: "0" };
}

/** The hub of a workspace's events. */
export function addressOfHub(workspace: string): AddressOf<"hub"> {
  return { workspace, kind: "hub", key: "0" };
}

/** The journal of one pool and one UTC day (`YYYYMMDD`). */
export function addressOfJournal(workspace: string, poolKey: ShardKey, day: string): AddressOf<"journal"> {
  return { workspace, kind: "journal", key: `${poolKey}-${day}` };
}
