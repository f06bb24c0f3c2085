/** What the hub tells pools of the processes whose events it stores. */
import { expect, test } from "vitest";
import { addressOfHub, ENVELOPE_VERSION, type Envelope } from "../../../src/contract/envelope.ts";
import { accept } from "../../../src/contract/errors.ts";
import { formatId } from "../../../src/contract/ids.ts";
import { HubActor } from "../../../src/objects/hub/actor.ts";
import { createNodeHost } from "../../support/node-host.ts";

const NOW = Date.UTC(2026, 10, 22, 12);
const KEY = "0123456789";
const HOUR_MS = 3_600_000;

/** A run that was expected so long ago. */
const runOf = (ago_ms: number) =>
  formatId({ layout: "flow_run", key: KEY, head: NOW - ago_ms, version: 7, tail: 1 });
const eventOf = (flow_run_id: string, event: string) => ({
  id: crypto.randomUUID(),
  occurred: new Date(NOW).toISOString(),
  event,
  resource: { "prefect.resource.id": `prefect.task-run.${crypto.randomUUID()}` },
  related: [
    {
      "prefect.resource.id": `prefect.flow-run.${flow_run_id}`,
      "prefect.resource.role": "flow-run",
    },
  ],
  payload: {},
  follows: null,
});

test("an old run whose tasks go on lives, and its pool hears it once; a young one is in no danger", async () => {
  const calls: Envelope[] = [];
  const host = createNodeHost({
    address: addressOfHub("default"),
    clock: { now: NOW },
    call: async (envelope) => {
      calls.push(envelope);
      return accept(null);
    },
  });
  const hub = new HubActor(host, { listeners: () => [], taskWorkers: () => [], refuseSenders: () => {} });
  await hub.start();
  const [old, young] = [runOf(20 * HOUR_MS), runOf(HOUR_MS)];
  const events = [
    eventOf(old, "prefect.task-run.Running"),
    eventOf(old, "prefect.task-run.Completed"),
    eventOf(old, "prefect.test.happened"),
    eventOf(young, "prefect.task-run.Running"),
  ];
  await hub.execute({
    v: ENVELOPE_VERSION,
    address: host.address,
    actor: "test",
    request_id: "",
    operation: "write_events",
    command: { events },
  });
  await host.settle();
  expect(calls.map(({ address, operation, command }) => [address.key, operation, command])).toEqual([
    [KEY, "touch_run", { id: old }],
  ]);
});
