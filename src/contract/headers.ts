/** Names of our own headers. No schema is needed to know them, so that a client starts without loading any. */

/** Carries a run's identity, `<flow run id>/<attempt id>/<fence>`; the agent gives it to its children by environment. */
export const RUN_IDENTITY_HEADER = "Sluice-Run";

/** On the 204 of a renewal: the lease ends so many seconds after the request was sent, as a decimal number. */
export const EXPIRES_IN_HEADER = "Sluice-Expires-In-Seconds";

/** On answers to requests with `Sluice-Watch`: the server's clock when it answered, in milliseconds since the epoch. */
export const NOW_HEADER = "Sluice-Now";
