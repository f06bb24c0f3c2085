/** What every route knows: the bindings, who asks, and how to reach the objects. */
import type { Context } from "hono";
import { createFactory } from "hono/factory";
import { ENVELOPE_VERSION, type ObjectAddress } from "../contract/envelope.ts";
import { refuse, type Refusal } from "../contract/errors.ts";
import type { Operations } from "../objects/shared/actor.ts";
import { callObject, type ObjectBindings } from "../objects/shared/stub.ts";
import type { JournalOperations } from "../objects/journal/operations.ts";
import type { HubOperations } from "../objects/hub/operations.ts";
import type { LimitOperations } from "../objects/limit/operations.ts";
import type { PoolOperations } from "../objects/pool/operations.ts";
import type { WorkspaceOperations } from "../objects/workspace/operations.ts";

export interface Bindings extends ObjectBindings {
  /** Comma-separated `Host` values that are answered; set by the embedded server against DNS rebinding. */
  SLUICE_ALLOWED_HOSTS?: string;
  /** The key that secrets in blocks are kept under; without one none can be saved. */
  SLUICE_SECRETS_KEY?: string;
  /** Earlier keys, separated by commas: what was saved with them can still be read. */
  SLUICE_SECRETS_OLD_KEYS?: string;
  /** Static files of the dashboard. */
  ASSETS?: Fetcher;
}

export interface Variables {
  workspace: string;
  /** Who asks, for the audit log. */
  actor: string;
  /** For how long whoever asks wants to hear of changes of what was asked, see {@link Watched}. */
  watched?: Watched;
}

/** A request whose answer is shown somewhere, and the objects that have had a say in it. */
export interface Watched {
  seconds: number;
  objects: Set<string>;
}

export type Env = { Bindings: Bindings; Variables: Variables };
export type ApiContext = Context<Env>;

/** Makes routers that share the environment's types. */
export const factory = createFactory<Env>();

/** A refusal on its way to the one error handler. */
export class ApiError extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.name = "ApiError";
    this.refusal = refusal;
  }
}

/** Ends the request with a refusal. */
export function fail(...refusal: Parameters<typeof refuse>): never {
  throw new ApiError(refuse(...refusal).error);
}

type OperationsOf = {
  workspace: WorkspaceOperations;
  pool: PoolOperations;
  limit: LimitOperations;
  journal: JournalOperations;
  hub: HubOperations;
};

interface CallOptions {
  /** The full name of a named object: the object refuses a name that is not its own. */
  name?: string;
  /** Makes a repeated call the same call; a fresh one otherwise. */
  request_id?: string;
  /** A person's act: it lands in the audit list. Not what programs do again and again, each entry costs rows. */
  is_act?: boolean;
}

/** Calls an object and returns its answer; a refusal ends the request. */
export async function call<
  Kind extends keyof OperationsOf,
  Operation extends keyof OperationsOf[Kind] & string,
>(
  c: ApiContext,
  address: ObjectAddress & { kind: Kind },
  operation: Operation,
  command: OperationsOf[Kind][Operation] extends { command: infer Command } ? Command : never,
  options: CallOptions = {},
): Promise<OperationsOf[Kind][Operation] extends { answer: infer Answer } ? Answer : never> {
  const watched = c.get("watched");
  watched?.objects.add(`${address.kind}/${address.key}`);
  const result = await callObject(c.env, {
    v: ENVELOPE_VERSION,
    address,
    actor: c.get("actor"),
    request_id: options.request_id ?? crypto.randomUUID(),
    operation,
    command,
    ...(options.name !== undefined && { name: options.name }),
    ...(options.is_act === true && { is_act: true as const }),
    ...(watched !== undefined && { watch_seconds: watched.seconds }),
  });
  if (!result.ok) throw new ApiError(result.error);
  return result.value as OperationsOf[Kind][Operation] extends { answer: infer Answer } ? Answer : never;
}

/** Tells whether an error is a refusal with this code. */
export function isRefusal(error: unknown, code: Refusal["code"]): error is ApiError {
  return error instanceof ApiError && error.refusal.code === code;
}

/** What a call answers, or `fallback` where its object does not exist. */
export async function orIfAbsent<Value, Fallback>(
  answer: Promise<Value>,
  fallback: Fallback,
): Promise<Value | Fallback> {
  try {
    return await answer;
  } catch (error) {
    if (isRefusal(error, "not_found")) return fallback;
    throw error;
  }
}

export type { Operations };
