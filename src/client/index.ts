/** What `sluice/client` exports. */
export { createClient, type Client } from "./client.ts";
export { isStatus, SluiceApiError } from "./errors.ts";
export type { CallOptions, HttpOptions } from "./http.ts";
export { DEFAULT_API_URL, resolveApiKey, resolveApiUrl, resolveAuthorization } from "./settings.ts";
export {
  concurrency,
  ConcurrencyTimeoutError,
  LimitMissingError,
  rateLimit,
  type ConcurrencyOptions,
  type RateLimitOptions,
} from "./concurrency.ts";
export { LeaseLostError, type Lease } from "./lease.ts";
export { flow, task, type FlowOptions, type TaskOptions } from "./flow.ts";
export { log } from "./log.ts";
export { RunEndedError } from "./run-reporter.ts";
