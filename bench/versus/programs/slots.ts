/** The same as `slots.py` with our own client. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
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

const plan = JSON.parse(process.argv[2] ?? "") as SlotsPlan & { processes: number; first: number };
const client = createClient();
note({ event: "ready", index: plan.first });
while (!existsSync(`${trace}.go`)) await sleep(20);
const start = Number(readFileSync(`${trace}.go`, "utf8"));
const until = (seconds: number) => sleep(Math.max(0, (start + seconds) * 1000 - Date.now()));
const allCame = until(plan.count * plan.stagger_seconds);
const holders: Promise<void>[] = [];
for (let index = plan.first; index < plan.count; index += plan.processes) {
  await until(index * plan.stagger_seconds);
  holders.push(hold(client, index, plan, allCame));
}
await Promise.all(holders);
await client.close();
