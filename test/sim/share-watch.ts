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
  isCounted: boolean;
  /** Whoever waits for the rest was seen last; undefined where home is just asking for more, or knows otherwise. */
  heard_at: number | undefined;
}

export function watchShares(world: World, limits: readonly SimLimit[]): void {
  const orphans = new FirstSeen();
  const kept = new FirstSeen();
  const { isLate, isLossy } = world.faults;
  const kept_ms = isLate || isLossy ? SHARES_MS : KEPT_MS;
  world.spawn("shares", async () => {
    for (;;) {
      await world.timeline.sleep(LOOK_MS);
      const reservations = limits.flatMap((limit) => listReservations(limit, limits));
      const look = (seen: FirstSeen, found: Reservation[], max_ms: number, what: string): void => {
        seen.look(
          found.map(({ mark }) => mark),
          world.now,
        );
        for (const [mark, from] of seen.before(world.now - max_ms))
          world.fail("I9", `${mark} is reserved for ${what}`, { from });
      };
      const isOrphan = ({ isCounted }: Reservation): boolean => !isCounted;
      look(orphans, reservations.filter(isOrphan), SHARES_MS, "an acquire whose home does not count it");
      const isSilent = ({ heard_at = world.now }: Reservation): boolean => heard_at < world.now - SILENT_MS;
      look(kept, reservations.filter(isSilent), kept_ms, "a waiter that is silent");
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
        isCounted: joint !== undefined && mayHave(joint, { key, fence: Number(fence) }),
        // While a member is asked that cannot be reached, the others wait for its answer.
        heard_at: joint?.phase === "waiting" ? home?.heardAt(joint.waiter_key) : undefined,
      };
    });
}
