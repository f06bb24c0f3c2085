import { expect, test } from "vitest";
import { parseInstant } from "../../src/contract/instants.ts";

test.each([
  ["2028-02-29T23:59:59+01:00", "2028-02-29T22:59:59.000000Z"],
  ["2026-03-01", "2026-03-01T00:00:00.000000Z"],
])("%s is an instant", (text, instant) => expect(parseInstant(text)).toBe(instant));

test.each(["2026-02-30T10:00:00Z", "2027-02-29", "2026-04-31 08:00", "2026-00-10", "0000-13-45"])(
  "%s, which no calendar has, is none",
  (text) => expect(parseInstant(text)).toBeUndefined(),
);
