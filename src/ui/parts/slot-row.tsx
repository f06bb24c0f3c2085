/** One limit: its slots as cells, and behind them the line. */
import { CirclePause } from "lucide-preact";
import type { LeaseRecord, LimitOverview, WaiterRecord } from "../../contract/wire/limits.ts";
import { nameLimit } from "../data/limit-names.ts";
import { listCells, type Cell } from "../data/machines.ts";
import { pathOfLimit } from "../data/page-paths.ts";
import { timeLeft } from "../data/time-left.ts";
import { describeWho, runOf, Who, type Names } from "./who.tsx";
import { formatDuration, formatExact, Since, useNow } from "./time.tsx";
import { Timeline } from "./timeline.tsx";
import { Tipped } from "./tipped.tsx";

/** A limit with more slots is a bar. */
const CELLS_MAX = 48;
const WAITERS_SHOWN = 8;

interface Props {
  limit: LimitOverview;
  /** Of the runs that hold slots or wait. */
  names: Names;
  /** Names of deployments by their ids. */
  deployments: ReadonlyMap<string, string>;
}

export function SlotRow({ limit, names, deployments }: Props) {
  const { name, active, active_slots, waiting } = limit;
  const isDecaying = limit.slot_decay_per_second > 0;
  return (
    <li class={active ? "limit" : "limit disabled"} data-limit={name}>
      <div class="limit-name">
        <a href={pathOfLimit(name)}>{nameLimit(name, deployments)}</a>
        <span class="count">
          {Math.round(active_slots * 10) / 10} of {limit.limit}
          {waiting > 0 && `, ${waiting} waiting`}
        </span>
        {!active && (
          <span class="tag">
            <CirclePause aria-hidden="true" /> disabled: lets everybody through
          </span>
        )}
      </div>
      {isDecaying || limit.limit > CELLS_MAX ? (
        <Bar limit={limit} />
      ) : (
        <ul class="cells" aria-label={`Slots of ${name}`}>
          {listCells(limit).map((cell, index) => (
            <SlotCell key={index} cell={cell} names={names} />
          ))}
        </ul>
      )}
      <Line limit={limit} names={names} />
      <Timeline limit={limit} />
    </li>
  );
}

function SlotCell({ cell: { lease, name, isOver, isKept }, names }: { cell: Cell; names: Names }) {
  const classes = [
    "cell",
    lease === undefined ? !isKept && "free" : lease.is_reservation ? "reserved" : "held",
    isOver && "over",
    isKept && "kept",
  ];
  const device = name === undefined ? null : <span class="device">{name}</span>;
  if (lease === undefined)
    return (
      <li class={classes.filter(Boolean).join(" ")}>
        {device}
        <span class="who">{isKept ? "not given out" : "free"}</span>
      </li>
    );
  return (
    <Tipped
      class={classes.filter(Boolean).join(" ")}
      tip={`${describeLease(lease, names)}${isOver ? "; nobody gets this slot after that" : ""}`}
      isPlain={runOf(lease) === undefined}
    >
      {device}
      <span class="who">
        <Who about={lease} names={names} />
      </span>
      <span class="since">
        <Since at={lease.acquired_at} />
      </span>
    </Tipped>
  );
}

function describeLease(lease: LeaseRecord, names: Names): string {
  const who = describeWho(lease, names);
  const until = `by ${formatExact(lease.expires_at)} unless renewed`;
  const what = lease.is_reservation ? "Reserved for an acquire over several limits" : `Held by ${who}`;
  const waited = lease.waited_seconds < 1 ? "" : ` after ${formatDuration(lease.waited_seconds)} in line`;
  return `${what} since ${formatExact(lease.acquired_at)}${waited}; ends ${until}`;
}

function Bar({ limit: { name, active_slots, limit } }: { limit: LimitOverview }) {
  return (
    <meter
      class="bar"
      min={0}
      max={Math.max(1, limit)}
      value={Math.min(active_slots, limit)}
      aria-label={`Slots of ${name}`}
    >
      {active_slots} of {limit}
    </meter>
  );
}

function Line({ limit, names }: { limit: LimitOverview; names: Names }) {
  const { name, waiters, waiting } = limit;
  if (waiting === 0) return <p class="line none">nobody waits</p>;
  return (
    <ol class="line" aria-label={`Line of ${name}`}>
      {waiters.slice(0, WAITERS_SHOWN).map((waiter) => (
        <Waiter key={waiter.waiter_id} waiter={waiter} names={names} />
      ))}
      {waiting > WAITERS_SHOWN && (
        <li class="more">
          <a href={pathOfLimit(name)}>and {waiting - WAITERS_SHOWN} more</a>
        </li>
      )}
      {describeError(limit) !== undefined && <li class="more since">{describeError(limit)}</li>}
    </ol>
  );
}

/** How far what is said of starts may be off, where anything is said and enough is known. */
export function describeError({ waiters, estimate_error_seconds: error }: LimitOverview): string | undefined {
  if (error === null || waiters.every(({ estimated_seconds }) => estimated_seconds === null))
    return undefined;
  return `estimates lately off by ${formatDuration(error)}`;
}

const REASONS: Record<WaiterRecord["reason"], string> = {
  full: "full",
  behind_others: "behind others",
  disabled: "limit disabled",
  offered: "its turn",
  other_limit: "waits for another limit",
};

function Waiter({ waiter, names }: { waiter: WaiterRecord; names: Names }) {
  const now = useNow();
  const waited = formatDuration((now - Date.parse(waiter.arrived_at)) / 1000);
  const left = timeLeft(waiter, now);
  const estimate = left === undefined ? "" : `, about ${formatDuration(left)} to go`;
  const isInLine = waiter.reason === "full" || waiter.reason === "behind_others";
  const absent = waiter.is_present ? "" : ", not heard of just now";
  return (
    <Tipped
      class={waiter.is_present ? "waiter" : "waiter absent"}
      isPlain={runOf(waiter) === undefined}
      tip={`${describeWho(waiter, names)}: number ${waiter.position}, ${REASONS[waiter.reason]}, waits for ${waited}${estimate}${absent}`}
    >
      <span class="position">{waiter.position}</span> <Who about={waiter} names={names} />{" "}
      <span class="since">
        {waited}
        {isInLine && left !== undefined && ` · ~${formatDuration(left)} to go`}
      </span>
      {!isInLine && <span class="tag">{REASONS[waiter.reason]}</span>}
      {waiter.slots > 1 && <span class="tag">{waiter.slots} slots</span>}
    </Tipped>
  );
}
