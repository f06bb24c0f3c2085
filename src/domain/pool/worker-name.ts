/** Whose a worker's name is: two agents that take each other's session would both lose their runs. */
import { isOnline, onlineUntil, type WorkerLife } from "./status.ts";

/** What is known of the agent that has the name. */
export interface NameOwner extends WorkerLife {
  name: string;
  session_id: string | null;
  advertised: { process?: { host: string; pid: number; started_at: string } | undefined };
}

/**
 * Whether the name belongs to another agent than the one that speaks. An agent that does not say where it runs is of an
 * older release, which cannot prove that it is the same one after a restart, so it is believed.
 */
export function isNameTaken(
  owner: NameOwner,
  speaker: { session_id: string; process?: unknown },
  now: number,
): boolean {
  if (owner.session_id === null || owner.session_id === speaker.session_id || owner.is_gone) return false;
  return speaker.process !== undefined && isOnline(owner, now);
}

/** Says who has the name and what to do. */
export function describeOwner(owner: NameOwner, pool: string, now: number): string {
  const { process } = owner.advertised;
  const who =
    process === undefined
      ? "another agent"
      : `the agent on host ${process.host} (process ${process.pid}, since ${process.started_at})`;
  const seconds = Math.max(1, Math.ceil((onlineUntil(owner) - now) / 1000));
  return `The name "${owner.name}" in work pool "${pool}" belongs to ${who}; stop that one, or start this one with another --name. If that one is dead, the name is free in ${seconds} s.`;
}
