/** Everything has a limit. Units stand last. */

/** A JSON body larger than this is refused with 413. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** Batches of logs may be larger: Prefect's clients send up to 4 MB (source: wire §3.8). */
export const LOG_BODY_BYTES_MAX = 8 * 1024 * 1024;
/** A JSON text that nests deeper is refused: whatever walks it does so on a stack. */
export const JSON_DEPTH_MAX = 100;
export const NAME_CHARACTERS_MAX = 255;
/** A run's parameters, also with those of its deployment; a run is one row, and a row holds 2 MB on the edge. */
export const PARAMETERS_BYTES_MAX = 512 * 1024;
/** A run's context, and its job variables. */
export const RUN_VALUES_BYTES_MAX = 256 * 1024;
/** The data of a state. */
export const STATE_DATA_BYTES_MAX = 512 * 1024;
/** A state's message is cut behind this: the state counts more than the end of a long traceback. */
export const STATE_MESSAGE_CHARACTERS_MAX = 64 * 1024;
/** A deployment is one row, too. */
export const DEPLOYMENT_BYTES_MAX = 1536 * 1024;
export const TAGS_MAX = 100;
export const PAGE_MAX = 200;
/** `offset + limit` of a list may not pass this; our own lists page by key instead. */
export const OFFSET_MAX = 10_000;

/** Names of limits that one acquire may carry. */
export const LIMIT_NAMES_MAX = 20;
/** Calls that one frame on the socket of a limit may carry. */
export const LIMIT_CALLS_MAX = 100;
export const SLOTS_MAX = 1_000_000;
export const NAMED_SLOTS_MAX = 1000;
/**
 * Waiters that are looked at for whose turn it is. Nobody passes larger ones from behind these (`bypass_max`), and more
 * dead callers than these cost two seconds instead of one.
 */
export const WAITERS_SEEN_MAX = 256;
/** Waiters that are looked at for what a change would do: this many have had their turn within a moment. */
export const WAITERS_PREVIEWED_MAX = 16 * WAITERS_SEEN_MAX;
/** Waiters that one limit keeps; more are answered 429. */
export const WAITERS_MAX = 50_000;
/** Prefect's bounds of `lease_duration` (source: wire §3.10). */
export const LEASE_SECONDS_MIN = 60;
export const LEASE_SECONDS_MAX = 86_400;
/** The shortest lease that our own acquire gives. */
export const LEASE_SECONDS_LEAST = 5;
export const LEASE_SECONDS_DEFAULT = 300;
/** One request is held for this long at most; the place in line outlives it. */
export const HOLD_SECONDS_MAX = 25;
/**
 * A run of Prefect's workers, or of no worker, that says nothing for this long is given up. Only calls of the run itself
 * are seen here, so this is the longest silence that the design allows; a run that reports anything begins it anew.
 */
export const RUN_SILENCE_MAX_SECONDS = 86_400;
/** Attempt ids that one claim may carry. */
export const CLAIM_ATTEMPTS_MAX = 100;
export const LOG_MESSAGE_BYTES_MAX = 1024 * 1024;

/** After the deadline of a lease its slots are free within this long (promise I10). */
export const GRACE_SECONDS = 10;
/** How long the answer to a request id is kept (promise I5). */
export const REPLAY_SECONDS = 600;
/** How long it is known who held which slots of a limit; no shorter than {@link REPLAY_SECONDS}. */
export const HISTORY_SECONDS = 900;
/** Leases that one answer about them lists. */
export const HISTORY_LEASES_MAX = 1000;
/** Leases that are kept of one run, those that ended first. */
export const RUN_LEASES_MAX = 100;
/** How long a waiter that is not present keeps its place. */
export const ABSENT_SECONDS = 60;
/** An offer that nobody took for this long is also made to the next in line … */
export const OFFER_SHARED_MS = 250;
/** … and when that one does not come either, to ever more of them, each this much later … */
export const OFFER_SPREAD_MS = 100;
/** … so many at once at most … */
export const OFFERS_AT_ONCE_MAX = 64;
/** … and lapses after this long. */
export const OFFER_LAPSES_MS = 2000;
/** A caller is expected back within its Retry-After and this long. */
export const EXPECTED_BACK_SECONDS = 5;
/** Slots that were taken without a lease (`active_slots`, plain `increment`) are given back after this long. */
export const ANONYMOUS_LEASE_SECONDS = 86_400;

/** A run that stays CANCELLING for this long is set to CANCELLED by the server (source: wire §4.4). */
export const CANCELLING_SECONDS = 300;
/** A run that is paused or suspended without a timeout of its own, and is not resumed within so long, has failed. */
export const PAUSED_SECONDS_MAX = 30 * 86_400;
/** Runs before another one in the line of its queue are counted up to this. */
export const PLACES_COUNTED_MAX = 10_000;
/** Runs that are due are counted up to this in what a change of their pool would do. */
export const DUE_COUNTED_MAX = 10_000;
