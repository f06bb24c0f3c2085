/** Names of our own request headers. No schema is needed to know them, so that a client starts without loading any. */

/** Carries a run's identity, `<flow run id>/<attempt id>/<fence>`; the agent gives it to its children by environment. */
export const RUN_IDENTITY_HEADER = "Sluice-Run";
