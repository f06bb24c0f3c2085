/** The same as `slots.py` with our own client. */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { concurrency, createClient, type Client } from "sluice/client";
import type { SlotsPlan } from "../slots.ts";

const trace = process.env["TRACE"] ?? "";

function note(facts: object): void {
  appendFileSync(trace, `${JSON.stringify({ at: Date.now() / 1000, ...facts })}\n`);
}

async function hold(client: Client, index: number, plan: SlotsPlan, allCame: Promise<void>): Promise<void> {
  note({ event: "wants", index });
  try {
    await using lease = await concurrency(plan.limit, {
      client,
      leaseSeconds: plan.lease_seconds,
      ...(plan.timeout_seconds !== null && { timeoutSeconds: plan.timeout_seconds }),
      strict: true,
    });
    note({ event: "holds", index });
    if (index === 0) await allCame;
    await sleep(plan.seconds * 1000, undefined, { signal: lease.signal });
    note({ event: "frees", index });
  } catch (error) {
    note({ event: "fails", index, error: String(error).slice(0, 200) });
  }
}

const plan = JSON.parse(process.argv[2] ?? "") as SlotsPlan;
const client = createClient();
const allCame = Promise.withResolvers<void>();
const holders: Promise<void>[] = [];
for (let index = 0; index < plan.count; index += 1) {
  holders.push(hold(client, index, plan, allCame.promise));
  await sleep(plan.stagger_seconds * 1000);
}
allCame.resolve();
await Promise.all(holders);
await client.close();
