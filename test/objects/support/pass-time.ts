/** The clock of the objects, moved on by a test: each alarm comes when it is due. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, vi } from "vitest";
import { waitFor } from "../../support/wait-for.ts";

/** Lets `ms` pass for these objects. The test must end with `vi.useRealTimers()`. */
export async function passTime(stubs: readonly DurableObjectStub[], ms: number): Promise<void> {
  const end = Date.now() + ms;
  for (;;) {
    const alarms = await Promise.all(
      stubs.map(async (stub) => ({
        stub,
        at: await runInDurableObject(stub, (_, { storage }) => storage.getAlarm()),
      })),
    );
    const [next] = alarms
      .flatMap(({ stub, at }) => (at === null || at > end ? [] : [{ stub, at }]))
      .toSorted((left, right) => left.at - right.at);
    vi.useFakeTimers({ toFake: ["Date"], now: Math.max(Date.now(), next?.at ?? end) });
    if (next === undefined) return;
    await runDurableObjectAlarm(next.stub);
  }
}

/** Waits until everything that these objects had to tell others has arrived. */
export async function settle(stubs: readonly DurableObjectStub[]): Promise<void> {
  for (const stub of stubs)
    await waitFor(() =>
      runInDurableObject(stub, (_, { storage }) => {
        expect(storage.sql.exec("SELECT count(*) AS untold FROM outbox").one()).toEqual({ untold: 0 });
      }),
    );
}
