/** Global concurrency limits as people see them. */
import { writeCommand } from "../../contract/commands.ts";
import type { Client } from "../../client/index.ts";
import type {
  HeldSlots,
  Holder,
  LeaseRecord,
  Limit,
  RunIdentity,
  RunLease,
  WaiterRecord,
} from "../../contract/wire/limits.ts";
import { rephrase } from "../api.ts";
import { shortenId } from "../output/ids.ts";
import { formatDuration, formatRelative } from "../output/time.ts";
import type { Column } from "../output/table.ts";
import { explainMissing } from "./missing.ts";

/** Reads a limit by name or id; missing ones are explained. */
export function readLimit(api: Client, name: string): Promise<Limit> {
  return orMissingLimit(api, name, api.limits.read(name));
}

/** Explains a 404 of a call about a limit. */
export function orMissingLimit<Value>(api: Client, name: string, promise: Promise<Value>): Promise<Value> {
  return rephrase(promise, 404, () =>
    explainMissing(
      "concurrency limit",
      name,
      async () => (await api.limits.list({ limit: 200 })).map((limit) => limit.name),
      `create it with \`${writeCommand("gcl", "create", name, "--limit", "1")}\``,
    ),
  );
}

export const LIMIT_COLUMNS: readonly Column<Limit>[] = [
  { title: "Name", value: ({ name }) => name },
  { title: "Used", value: ({ active_slots }) => active_slots, align: "right", color: colorUsed },
  { title: "Limit", value: ({ limit }) => limit, align: "right" },
  { title: "Waiting", value: ({ waiting }) => waiting, align: "right" },
  { title: "Active", value: ({ active }) => (active ? "yes" : "no"), rank: 1 },
  { title: "Decay/s", value: (limit) => limit.slot_decay_per_second || null, align: "right", rank: 2 },
];

function colorUsed({ active_slots, limit }: Limit): "red" | "green" | undefined {
  if (active_slots >= limit) return "red";
  return active_slots > 0 ? "green" : undefined;
}

/** Everything about one limit. */
export function describeLimit(limit: Limit, now: number): [string, string | number | null][] {
  return [
    ["Name", limit.name],
    ["Used", `${limit.active_slots} of ${limit.limit}`],
    ["Waiting", limit.waiting],
    ["Active", limit.active ? "yes" : "no"],
    ["Slot names", limit.slot_names?.join(", ") ?? null],
    ["Decay per second", limit.slot_decay_per_second || null],
    ["Average holding", `${limit.avg_slot_occupancy_seconds.toFixed(1)}s`],
    ["Bypass at most", limit.bypass_max],
    ["Created", formatRelative(limit.created, now)],
    ["Updated", formatRelative(limit.updated, now)],
    ["Id", limit.id],
  ];
}

/** `run 01a20431-cc6c-77a9…` and what fits of the rest. */
const WHO_COLUMN: Column<LeaseRecord | WaiterRecord | HeldSlots> = {
  title: "Who",
  value: describeWho,
  short: (record) =>
    (describeWho(record) ?? "-").replace(/^flow (?=run)/, "").replaceAll(UUIDS, (id) => shortenId(id)),
  least: 23,
};
const UUIDS = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** Columns of those who hold slots of a limit. */
export function holderColumns(now: number): Column<LeaseRecord>[] {
  return [
    WHO_COLUMN,
    { title: "Slots", value: ({ slots, slot_names }) => slot_names?.join(", ") ?? slots, rank: 1 },
    { title: "Since", value: ({ acquired_at }) => formatRelative(acquired_at, now) },
    { title: "Until", value: ({ expires_at }) => formatRelative(expires_at, now), rank: 2 },
    { title: "Fence", value: ({ fence }) => fence, align: "right", rank: 3 },
    // Whole at any width: a lease is ended by its id and nothing else.
    { title: "Lease", value: ({ lease_id }) => lease_id, short: ({ lease_id }) => lease_id },
  ];
}

/** Columns of those who hold slots or have held some lately. */
export function historyColumns(now: number): Column<HeldSlots>[] {
  return [
    WHO_COLUMN,
    { title: "Slots", value: ({ slots, slot_names }) => slot_names?.join(", ") ?? slots, rank: 1 },
    { title: "From", value: ({ acquired_at }) => formatRelative(acquired_at, now) },
    {
      title: "For",
      value: ({ acquired_at, ended_at }) =>
        formatDuration(((ended_at === null ? now : Date.parse(ended_at)) - Date.parse(acquired_at)) / 1000),
    },
    { title: "Ended by", value: ({ ended_by }) => ended_by?.replaceAll("_", " ") ?? "still held" },
    { title: "Lease", value: ({ lease_id }) => lease_id, rank: 2 },
  ];
}

/** Columns of the slots that a run has held. */
export const RUN_LEASE_COLUMNS: readonly Column<RunLease>[] = [
  { title: "Limit", value: ({ limit_name }) => limit_name },
  { title: "Slots", value: ({ slots, slot_names }) => slot_names?.join(", ") ?? slots },
  { title: "Waited", value: ({ waited_seconds }) => formatDuration(waited_seconds), align: "right" },
  {
    title: "Held for",
    value: ({ acquired_at, ended_at }) =>
      formatDuration((Date.parse(ended_at) - Date.parse(acquired_at)) / 1000),
    align: "right",
  },
  { title: "Ended by", value: ({ ended_by }) => ended_by.replaceAll("_", " "), rank: 1 },
];

/** Columns of those who stand in line. */
export function waiterColumns(now: number): Column<WaiterRecord>[] {
  return [
    { title: "#", value: ({ position }) => position, align: "right" },
    WHO_COLUMN,
    { title: "Slots", value: ({ slots }) => slots, align: "right", rank: 2 },
    { title: "Since", value: ({ arrived_at }) => formatRelative(arrived_at, now) },
    { title: "Priority", value: ({ priority }) => priority, align: "right", rank: 1 },
    { title: "Why", value: ({ reason }) => reason.replaceAll("_", " ") },
    { title: "Present", value: ({ is_present }) => (is_present ? "yes" : "no"), rank: 3 },
  ];
}

function describeWho(record: {
  holder: Holder | null;
  run?: Pick<RunIdentity, "flow_run_id"> | null;
  flow_run_id?: string | null;
  note: string | null;
  is_reservation?: boolean;
}): string | null {
  const parts: string[] = [];
  const run_id = record.run?.flow_run_id ?? record.flow_run_id ?? null;
  if (run_id !== null) parts.push(`flow run ${run_id}`);
  else if (record.holder !== null) parts.push(`${record.holder.type.replace("_", " ")} ${record.holder.id}`);
  if (record.note !== null && record.note !== "") parts.push(record.note);
  if (record.is_reservation === true) parts.push("reserved for several limits at once");
  return parts.length === 0 ? null : parts.join(" · ");
}
