/** What becomes of a worker's stored attempts when its agent speaks in a session, perhaps a new one. */

/** What is stored of an attempt, as far as its session matters. */
export interface SessionAttempt {
  attempt_id: string | null;
  session_id: string | null;
  is_started: boolean;
  /** Milliseconds since the epoch at which the attempt is given up; null: the session's deadline stands. */
  deadline_at: number | null;
}

/** The session in which the agent speaks now. */
export interface SpeakingSession {
  id: string;
  /** The attempts that the agent has; null when it does not say. */
  named: ReadonlySet<string> | null;
  /** Until when a started attempt that is not named may be named again. */
  missing_until: number;
  /** Until when a process of the session before may live. */
  older_until: number;
}

/**
 * Decides what changes for one attempt; undefined: nothing. The agent has what it names, whether or not the report of
 * its start has arrived. A started one that it does not name has the length of a session to be named again, because the
 * report of its end may still be on its way. What an older session left is adopted when it is named, else it is given up
 * when the older session and the grace are over: its process may live that long.
 */
export function decideAdoption<Attempt extends SessionAttempt>(
  attempt: Attempt,
  session: SpeakingSession,
): Attempt | undefined {
  const isNamed = attempt.attempt_id !== null && session.named?.has(attempt.attempt_id) === true;
  const isOlder = attempt.session_id !== session.id;
  if (isNamed)
    return isOlder || attempt.deadline_at !== null
      ? { ...attempt, session_id: session.id, is_started: true, deadline_at: null }
      : undefined;
  if (!attempt.is_started || attempt.deadline_at !== null) return undefined;
  if (isOlder) return { ...attempt, deadline_at: session.older_until };
  return session.named === null ? undefined : { ...attempt, deadline_at: session.missing_until };
}
