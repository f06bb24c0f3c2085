/** A grant that holds nothing (of a limit that is disabled, say) is known to nobody but its holder. */
import { expect, test } from "vitest";
import { EXPIRES_IN_HEADER } from "../../../src/contract/headers.ts";
import { LeaseClock } from "../../../src/client/lease-clock.ts";
import { monotonicMs } from "../../../src/client/monotonic.ts";
import { renewUntilLost } from "../../../src/client/renewal.ts";
import { marginOfLease } from "../../../src/contract/margins.ts";
import { startScriptedServer } from "./scripted-server.ts";

test("it is renewed at its half, once, for as long as it was asked for, and is not lost", async () => {
  // As the server answers: by what the renewal asks for, else by the default.
  await using server = await startScriptedServer(({ body }) => {
    const { lease_duration = 300 } = body as { lease_duration?: number };
    return { status: 204, headers: { [EXPIRES_IN_HEADER]: String(lease_duration) } };
  });
  for (const lease_seconds of [3600, 86_400]) {
    server.requests.length = 0;
    const clock = new LeaseClock();
    const half = monotonicMs() + lease_seconds * 500;
    clock.deadlineMs = half + 100;
    const stop = new AbortController();
    const ended = renewUntilLost(
      {
        lease_id: "lease",
        url: `${server.apiUrl}/renew`,
        headers: {},
        watch_url: null,
        lease_seconds,
        margin_ms: marginOfLease(lease_seconds) * 1000,
        memory: clock.memory,
      },
      stop.signal,
    );
    await expect.poll(() => clock.deadlineMs - half, { timeout: 5000 }).toBeGreaterThan(lease_seconds * 499);
    stop.abort();
    expect(await ended).toBeUndefined();
    expect(server.requests).toHaveLength(1);
  }
});
