/** `/metrics`: how limits, pools and workers stand, and which promises were broken, for Prometheus to scrape. */
import { z } from "zod";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import type { Limit } from "../../contract/wire/limits.ts";
import type { PoolOperations } from "../../objects/pool/operations.ts";
import type { ViolationRecord } from "../../objects/workspace/operations.ts";
import { call, factory, orIfAbsent, type ApiContext } from "../context.ts";
import { listLimits } from "../list-limits.ts";
import { describe } from "../documents.ts";
import { listPools, poolOfName } from "../pools.ts";
import { formatMetrics, PROMETHEUS_CONTENT_TYPE, type Metric } from "../prometheus.ts";

/** A scrape asks each limit and each pool: more of either than these are left out, which `sluice_metrics_cut` tells. */
const OBJECTS_MAX = 400;
const WORKERS_MAX = 1000;
const VIOLATIONS_MAX = 1000;

interface PoolFacts {
  name: string;
  slots: PoolOperations["concurrency_status"]["answer"];
  workers: PoolOperations["filter_workers"]["answer"];
}

export const metrics = factory.createApp().get(
  "/",
  describe({
    tag: "Admin",
    summary: "Limits, pools, workers and broken promises in Prometheus' text format",
    answers: { 200: z.string() },
    media: "text/plain",
  }),
  async (c) => {
    const [limits, pools, violations] = await Promise.all([
      listLimits(c, { limit: OBJECTS_MAX + 1, offset: 0 }),
      readPools(c),
      call(c, addressOfWorkspace(c.get("workspace")), "list_violations", { limit: VIOLATIONS_MAX }),
    ]);
    c.header("Content-Type", PROMETHEUS_CONTENT_TYPE);
    return c.body(
      formatMetrics([
        ...describeLimits(limits.slice(0, OBJECTS_MAX)),
        ...describePools(pools.facts),
        describeViolations(violations),
        {
          name: "sluice_metrics_cut",
          type: "gauge",
          help: "1 where limits or pools are left out because there are too many",
          samples: [{ labels: {}, value: limits.length > OBJECTS_MAX || pools.isCut ? 1 : 0 }],
        },
      ]),
    );
  },
);

async function readPools(c: ApiContext): Promise<{ facts: PoolFacts[]; isCut: boolean }> {
  const listed = await listPools(c);
  const read = async (named: string): Promise<PoolFacts> => {
    const { address, name } = poolOfName(c, named);
    const [slots, workers] = await Promise.all([
      call(c, address, "concurrency_status", { limit: 0 }, { name }),
      call(c, address, "filter_workers", { limit: WORKERS_MAX, offset: 0 }, { name }),
    ]);
    return { name, slots, workers };
  };
  const facts = await Promise.all(
    listed.slice(0, OBJECTS_MAX).map(({ name }) => orIfAbsent(read(name), undefined)),
  );
  return { facts: facts.filter((found) => found !== undefined), isCut: listed.length > OBJECTS_MAX };
}

function describeLimits(limits: readonly Limit[]): Metric[] {
  const gauge = (name: string, help: string, valueOf: (limit: Limit) => number): Metric => ({
    name,
    type: "gauge",
    help,
    samples: limits.map((limit) => ({ labels: { limit: limit.name }, value: valueOf(limit) })),
  });
  return [
    gauge("sluice_limit_slots", "Slots of a concurrency limit", ({ limit }) => limit),
    gauge("sluice_limit_slots_used", "Slots that are held", ({ active_slots }) => active_slots),
    gauge("sluice_limit_waiting", "Callers in line for slots", ({ waiting }) => waiting),
    gauge("sluice_limit_active", "0 where the limit is disabled and holds nobody back", ({ active }) =>
      active ? 1 : 0,
    ),
  ];
}

function describePools(pools: readonly PoolFacts[]): Metric[] {
  const statuses = ["ONLINE", "OFFLINE"] as const;
  return [
    {
      name: "sluice_work_pool_slots",
      type: "gauge",
      help: "Runs that a work pool may have at once; absent without a limit",
      samples: pools.flatMap(({ name, slots }) =>
        slots.limit === null ? [] : [{ labels: { work_pool: name }, value: slots.limit }],
      ),
    },
    {
      name: "sluice_work_pool_slots_used",
      type: "gauge",
      help: "Runs that are pending, running or being cancelled",
      samples: pools.flatMap(({ name, slots }) =>
        slots.queues.map((queue) => ({
          labels: { work_pool: name, work_queue: queue.queue_name },
          value: queue.active_slots,
        })),
      ),
    },
    {
      name: "sluice_workers",
      type: "gauge",
      help: "Workers of a work pool",
      samples: pools.flatMap(({ name, workers }) =>
        statuses.map((status) => ({
          labels: { work_pool: name, status: status.toLowerCase() },
          value: workers.filter((worker) => worker.status === status).length,
        })),
      ),
    },
  ];
}

function describeViolations(violations: readonly ViolationRecord[]): Metric {
  return {
    name: "sluice_invariant_violations_total",
    type: "counter",
    help: "Operations that were refused because a promise would not have held; the server's log has their state",
    samples: violations.map(({ object, invariant, count }) => ({
      labels: { object, invariant },
      value: count,
    })),
  };
}
