/** Ids that say nothing. */
import type { ObjectHost } from "./host.ts";

/** A random UUID (version 4) for what lives in the catalog: its ids need not say where they belong. */
export function makeUuid(host: ObjectHost): string {
  const hex = (bits: number) =>
    host
      .randomUint(bits)
      .toString(16)
      .padStart(bits / 4, "0");
  const variant = (host.randomUint(2) + 8).toString(16);
  return `${hex(32)}-${hex(16)}-4${hex(12)}-${variant}${hex(12)}-${hex(48)}`;
}
