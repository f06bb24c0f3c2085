/**
 * I9: what a limit has reserved for an acquire over several ends soon where its home does not count it, or where nobody
 * waits for the rest.
 */
import { type Joint, mayHave } from "../../src/domain/limit/joint.ts";
import { FirstSeen } from "./first-seen.ts";
import { markOf } from "./holdings.ts";
import type { SimLimit } from "./limits.ts";
import type { World } from "./world.ts";

/** A reservation ends by itself after a minute, unless its home puts that off; where nothing is cut off home is soon asked. */
const SHARES_MS = 300_000;
/** Who waits on a socket and has not run for so long is silent to its home, which looks at it each half minute. */
const SILENT_MS = 50_000;
const KEPT_MS = 60_000;
const LOOK_MS = 15_000;

interface Reservation {
  mark: string;
  /** Of which waiter at which limit it is: it may be given back and reserved anew again and again. */
  waiter: string;
  isCounted: boolean;
  /** When whoever waits for the rest on a socket was alive last, never when that is closed; undefined for other waiters. */
  heard_at: number | undefined;
}

export function watchShares(world: World, limits: readonly SimLimit[]): void {
  const orphans = new FirstSeen();
  const kept = new FirstSeen();
  const { isLate, isLossy } = world.faults;
  const kept_ms = isLate || isLossy ? SHARES_MS : KEPT_MS;
  const look = (seen: FirstSeen, found: string[], max_ms: number, what: string): void => {
    seen.look(found, world.now);
    for (const [mark, from] of seen.before(world.now - max_ms))
      world.fail("I9", `${mark} is ${what}`, { from });
  };
  world.spawn("shares", async () => {
    for (;;) {
      await world.timeline.sleep(LOOK_MS);
      const reservations = limits.flatMap((limit) => listReservations(limit, limits));
      const orphaned = reservations.filter(({ isCounted }) => !isCounted).map(({ mark }) => mark);
      look(orphans, orphaned, SHARES_MS, "reserved for an acquire whose home does not count it");
      const silent_since = world.now - SILENT_MS;
      const silent = reservations.filter(({ heard_at = world.now }) => heard_at < silent_since);
      look(
        kept,
        silent.map(({ waiter }) => waiter),
        kept_ms,
        "reserved for a waiter that is silent",
      );
      if (world.faults.isOver) return;
    }
  });
}

function listReservations({ key, name, object }: SimLimit, limits: readonly SimLimit[]): Reservation[] {
  return object.database
    .prepare("SELECT fence, joint_id, home_key FROM lease WHERE kind = 'reserved'")
    .all()
    .map(({ fence, joint_id, home_key }) => {
      const home = limits.find((limit) => limit.key === home_key);
      const row = home?.object.database
        .prepare("SELECT record FROM joint WHERE joint_id = ?")
        .get(String(joint_id));
      const joint = row && (JSON.parse(String(row["record"])) as Joint);
      return {
        mark: markOf(name, Number(fence)),
        waiter: `${name} for ${String(joint_id)}`,
        isCounted: joint !== undefined && mayHave(joint, { key, fence: Number(fence) }),
        heard_at:
          joint === undefined || joint.phase === "held" || joint.caller !== "socket"
            ? undefined
            : (home?.heardAt(joint.waiter_key) ?? Number.NEGATIVE_INFINITY),
      };
    });
}
