/** What an object asks of another one, or tells it, without an outbox: it may be lost with the instance, and costs no row. */
import { ENVELOPE_VERSION, formatAddress, type ObjectAddress } from "../../contract/envelope.ts";
import type { Result } from "../../contract/errors.ts";
import type { ObjectHost } from "./host.ts";

export function callUnstored(
  host: ObjectHost,
  address: ObjectAddress,
  operation: string,
  command: unknown,
): Promise<Result<unknown>> {
  return host.call({
    v: ENVELOPE_VERSION,
    address,
    actor: formatAddress(host.address),
    request_id: "",
    operation,
    command,
  });
}
