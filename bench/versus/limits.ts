/** Slots under load and under faults: handing on, order, a control plane that is killed, an answer that is lost. */
import { setTimeout as sleep } from "node:timers/promises";
import { until, type Experiment, type Figure } from "./experiment.ts";
import type { Scene } from "./scene.ts";
import { judgePassing, percentile, startHolders, type SlotsPlan } from "./slots.ts";

/** The shortest that Prefect's client may ask for. */
const LEASE_SECONDS = 60;
const PASSING_SECONDS_MAX = 600;
const HOLD_SECONDS = 0.1;
const SLOTS = 4;
/** Prefect's client sends one acquire of a process at a time, so there is no order to lose within one. */
const ORDER_PROCESSES = 8;

let limits = 0;

async function createLimit(scene: Scene, limit: number): Promise<string> {
  limits += 1;
  const name = `versus-${limits}`;
  await scene.api.limits.create({ name, limit });
  return name;
}

async function countTaken({ api }: Scene, name: string): Promise<number> {
  return (await api.limits.read(name)).active_slots;
}

/** One slot for so many, one after the other. */
async function pass(scene: Scene, plan: Omit<SlotsPlan, "limit" | "lease_seconds" | "timeout_seconds">) {
  const limit = await createLimit(scene, 1);
  const holders = await startHolders(scene, {
    ...plan,
    limit,
    lease_seconds: LEASE_SECONDS,
    timeout_seconds: null,
  });
  const isOver = await until(
    () =>
      holders.readNotes().filter(({ event }) => event === "frees" || event === "fails").length >= plan.count
        ? true
        : undefined,
    PASSING_SECONDS_MAX,
  );
  const notes = holders.readNotes();
  await holders.kill();
  return { ...judgePassing(notes), isOver: isOver === true };
}

const served = (count: number, of: number): Pick<Figure, "said"> =>
  count < of ? { said: `only ${count} of ${of} were served in ${PASSING_SECONDS_MAX} s` } : {};

export const handingOn: Experiment = {
  key: "a",
  title: "One slot, many holders",
  method: `A limit of 1 and holders of ${HOLD_SECONDS} s that all come at once; by their own clocks, how long the slot stays free between two of them, and the time for all over the time of the work.`,
  async run(scene, { holders }) {
    const passing = await pass(scene, { count: holders, seconds: HOLD_SECONDS, stagger_seconds: 0 });
    return [
      { name: "slot free between two holders, p50", unit: "ms", value: percentile(passing.gaps, 0.5) * 1000 },
      {
        name: "slot free between two holders, p99",
        unit: "ms",
        value: percentile(passing.gaps, 0.99) * 1000,
        isHeadline: true,
      },
      {
        name: "time for all over the ideal",
        unit: "x",
        value: passing.total_over_ideal,
        ...served(passing.served, holders),
      },
    ];
  },
};

export const order: Experiment = {
  key: "b",
  title: "Order",
  method: `Numbered waiters of ${ORDER_PROCESSES} processes come 50 ms apart, each from the next process, for one slot that is held until the last has come; who starts after somebody who came later was overtaken.`,
  async run(scene, { waiters }) {
    const passing = await pass(scene, {
      count: waiters,
      seconds: 0.02,
      stagger_seconds: 0.05,
      processes: ORDER_PROCESSES,
    });
    return [
      {
        name: `overtaken waiters of ${waiters - 1}`,
        unit: "",
        value: passing.out_of_turn,
        isHeadline: true,
        ...served(passing.served, waiters),
      },
      { name: "most that went before one of them", unit: "", value: passing.largest_bypass },
    ];
  },
};

export const restart: Experiment = {
  key: "g",
  title: "The control plane is killed with 4 slots held",
  method: `\`kill -9\` of the whole control plane and a restart while 4 holders have all 4 slots (leases of ${LEASE_SECONDS} s); after ${LEASE_SECONDS + 15} s 4 newcomers that wait 10 s at most; then the holders are killed, too.`,
  async run(scene) {
    const limit = await createLimit(scene, SLOTS);
    const plan = { limit, count: SLOTS, stagger_seconds: 0.05, lease_seconds: LEASE_SECONDS };
    const holders = await startHolders(scene, { ...plan, seconds: 3600, timeout_seconds: null });
    const hold = () => holders.readNotes().filter(({ event }) => event === "holds").length;
    if ((await until(() => (hold() === SLOTS ? true : undefined), 60)) === null)
      throw new Error(`Only ${hold()} of ${SLOTS} holders got a slot.`);
    await scene.system.kill9();
    await scene.system.restart();
    const after = await countTaken(scene, limit);
    await sleep((LEASE_SECONDS + 15) * 1000);
    const lost = holders.readNotes().filter(({ event }) => event === "fails").length;
    const later = await countTaken(scene, limit);
    const newcomers = await startHolders(scene, { ...plan, seconds: 1, timeout_seconds: 10 });
    await newcomers.ended;
    const admitted = newcomers.readNotes().filter(({ event }) => event === "holds").length;
    await holders.kill();
    const killedAt = performance.now();
    const free = await until(async () => ((await countTaken(scene, limit)) === 0 ? true : undefined), 150);
    return [
      { name: "slots counted as held right after the restart (true: 4)", unit: "", value: after },
      {
        name: "the same when the leases' time has passed, and what is held in truth",
        unit: "",
        value: later,
        said: `true: ${SLOTS - lost}`,
      },
      { name: "holders of 4 that were told that they have lost their slot", unit: "", value: lost },
      { name: "newcomers let in beside the 4 holders", unit: "", value: Math.max(0, admitted - lost) },
      {
        name: "from the holders' death until all slots are free",
        unit: "s",
        isHeadline: true,
        value: free === null ? null : (performance.now() - killedAt) / 1000,
        ...(free === null && { said: `${await countTaken(scene, limit)} of 4 still counted after 150 s` }),
      },
    ];
  },
};

export const lostAnswer: Experiment = {
  key: "h",
  title: "The answer to an acquire is lost",
  method: `A proxy cuts the connection after the control plane has granted the slot and before the client has read it. One client, a limit of 2, a lease of ${LEASE_SECONDS} s, 0.2 s of work.`,
  async run(scene) {
    const limit = await createLimit(scene, 2);
    let cuts = 0;
    scene.prefect.proxy.fault = ({ method, path }) => {
      if (method !== "POST" || !/\/(increment-with-lease|acquire)$/u.test(path) || cuts > 0) return undefined;
      cuts += 1;
      return { kind: "cut_after" };
    };
    const holders = await startHolders(scene, {
      limit,
      count: 1,
      seconds: 0.2,
      stagger_seconds: 0,
      lease_seconds: LEASE_SECONDS,
      timeout_seconds: null,
    });
    await holders.ended;
    scene.prefect.proxy.fault = () => undefined;
    const endedAt = performance.now();
    const leaked = await countTaken(scene, limit);
    const free = await until(async () => ((await countTaken(scene, limit)) === 0 ? true : undefined), 150);
    return [
      { name: "slots held when the client has ended (lost answer)", unit: "", value: leaked },
      {
        name: "until the slot of the lost answer is free",
        unit: "s",
        isHeadline: true,
        value: free === null ? null : (performance.now() - endedAt) / 1000,
        ...(free === null && { said: "not within 150 s" }),
      },
    ];
  },
};
