/** What the list of runs asks for, as its URL says it. */
import { expect, test } from "vitest";
import type { FlowRun } from "../../../src/contract/wire/flow-runs.ts";
import { FlowRunsFilterBody } from "../../../src/contract/wire/filters.ts";
import {
  askForNext,
  askForRuns,
  findNextPage,
  RUN_LIST_NAMES,
  type RunListQuery,
} from "../../../src/ui/data/run-list.ts";

const NOW = Date.parse("2026-11-29T12:34:56Z");
const ID = "018f0000-0000-7000-8000-000000000000";
const NOTHING = Object.fromEntries(RUN_LIST_NAMES.map((name) => [name, ""])) as RunListQuery;
const ask = (query: Partial<RunListQuery>) => FlowRunsFilterBody.parse(bodyOf(query));
const bodyOf = (query: Partial<RunListQuery>) =>
  askForRuns({ ...NOTHING, ...query }, NOW).body as { flow_runs: Record<string, unknown> };
const times = (query: Partial<RunListQuery>) => bodyOf(query).flow_runs["expected_start_time"];

test("without anything it is the latest runs until now, a page and one more", () => {
  expect(bodyOf({})).toEqual({
    flow_runs: { expected_start_time: { before_: "2026-11-29T12:35:00.000Z" } },
    sort: "EXPECTED_START_TIME_DESC",
    limit: 51,
  });
});

test("the first of those that are to come is asked for where these are left out", () => {
  expect(askForNext({ ...NOTHING, name: "otter" }, NOW)?.body).toEqual({
    flow_runs: { name: { like_: "otter" }, expected_start_time: { after_: "2026-11-29T12:35:00.000Z" } },
    sort: "EXPECTED_START_TIME_ASC",
    limit: 1,
  });
  for (const query of [{ when: "any" }, { when: "24h" }, { start: "2026-11-29T12:00:00.000Z" }])
    expect(askForNext({ ...NOTHING, ...query }, NOW)).toBeNull();
});

test("what is no state in an address is not asked for", () => {
  expect(bodyOf({ when: "any", state: "NONSENSE" }).flow_runs).toEqual({});
  expect(bodyOf({ when: "any", state: "NONSENSE,FAILED" }).flow_runs).toEqual({
    state: { type: { any_: ["FAILED"] } },
  });
});

test("every filter is one that the API takes; ids are meant as ids, all else as parts of names", () => {
  const query = {
    state: "FAILED,CRASHED",
    name: "otter",
    pool: "ml-pool",
    queue: "high",
    tag: "gpu",
    made: "schedule",
    worker: "gpu-1",
  };
  expect(ask({ ...query, flow: "pipe", deployment: ID })).toMatchObject({
    flow_runs: {
      state: { type: { any_: ["FAILED", "CRASHED"] } },
      name: { like_: "otter" },
      tags: { all_: ["gpu"] },
      work_queue_name: { any_: ["high"] },
      created_by: { type_: ["SCHEDULE"] },
      worker_name: { any_: ["gpu-1"] },
      deployment_id: { any_: [ID] },
    },
    flows: { name: { like_: "pipe" } },
    work_pools: { name: { any_: ["ml-pool"] } },
  });
  expect(ask({ flow: ID, deployment: "infer", made: "other" })).toMatchObject({
    flow_runs: { created_by: { is_null_: true } },
    flows: { id: { any_: [ID] } },
    deployments: { name: { like_: "infer" } },
  });
});

test("blanks around what is typed do not count", () => {
  expect(ask({ name: "run ", deployment: ` ${ID}`, tag: " " })).toEqual(ask({ name: "run", deployment: ID }));
});

test("times are relative to the minute, or between two, and what is to come begins with the next", () => {
  expect(times({ when: "1h" })).toEqual({
    after_: "2026-11-29T11:34:00.000Z",
    before_: "2026-11-29T12:35:00.000Z",
  });
  expect(times({ when: "between", from: "2026-01-02T03:04" })).toEqual({
    after_: new Date("2026-01-02T03:04").toISOString(),
  });
  expect(times({ when: "between", from: "nonsense" })).toBeUndefined();
  expect(bodyOf({ when: "next" })).toMatchObject({
    sort: "EXPECTED_START_TIME_ASC",
    flow_runs: { expected_start_time: { after_: "2026-11-29T12:34:00.000Z" } },
  });
});

test("the next page begins where this one ends, also where many runs start in one moment", () => {
  const at = (id: string, expected_start_time: string) => ({ id, expected_start_time }) as FlowRun;
  const first = findNextPage([at("a", "3"), at("b", "2"), at("c", "2")], NOTHING);
  expect(first).toEqual({ start: "2", seen: "b,c" });
  // A page on which that moment does not end.
  const second = findNextPage([at("d", "2"), at("e", "2")], first ?? NOTHING);
  expect(second).toEqual({ start: "2", seen: "b,c,d,e" });
  expect(bodyOf({ ...second })).toMatchObject({
    flow_runs: { expected_start_time: { before_: "2" }, id: { not_any_: ["b", "c", "d", "e"] } },
  });
  expect(times({ ...second, when: "next" })).toEqual({ after_: "2" });
  expect(findNextPage([at("f", "1")], second ?? NOTHING)).toEqual({ start: "1", seen: "f" });
  expect(findNextPage([], NOTHING)).toBeUndefined();
});
