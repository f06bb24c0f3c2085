import { expect, test, vi } from "vitest";
import { isUuid } from "../../../src/contract/ids.ts";
import { makeRequestId } from "../../../src/client/request-id.ts";

test("a request id is a UUID of version 7, its own, and larger than those of milliseconds before", () => {
  vi.useFakeTimers();
  try {
    const ids = Array.from({ length: 1000 }, (_, index) => {
      vi.setSystemTime(1_800_000_000_000 + index * 37_000);
      return makeRequestId();
    });
    expect(ids.every((id) => isUuid(id) && /^.{14}7.{4}[89ab]/.test(id))).toBe(true);
    expect(ids).toEqual([...new Set(ids)].toSorted());
    expect(Number.parseInt(ids[0]?.replace("-", "").slice(0, 12) ?? "", 16)).toBe(1_800_000_000_000);
    expect(new Set(Array.from({ length: 1000 }, makeRequestId)).size).toBe(1000);
  } finally {
    vi.useRealTimers();
  }
});
