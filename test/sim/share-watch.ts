/** I9: what a limit has reserved for an acquire over several, and its home does not count, ends soon. */
import { type Joint, mayHave } from "../../src/domain/limit/joint.ts";
import { FirstSeen } from "./first-seen.ts";
import { markOf } from "./holdings.ts";
import type { SimLimit } from "./limits.ts";
import type { World } from "./world.ts";

/** A reservation ends by itself after a minute, unless its home puts that off; where nothing is cut off home is soon asked. */
const SHARES_MS = 300_000;
const LOOK_MS = 30_000;

export function watchShares(world: World, limits: readonly SimLimit[]): void {
  const orphans = new FirstSeen();
  world.spawn("shares", async () => {
    for (;;) {
      await world.timeline.sleep(LOOK_MS);
      orphans.look(
        limits.flatMap((limit) => listOrphans(limit, limits)),
        world.now,
      );
      for (const [mark, from] of orphans.before(world.now - SHARES_MS))
        world.fail("I9", `${mark} is reserved for an acquire whose home does not count it`, { from });
      if (world.faults.isOver) return;
    }
  });
}

function listOrphans({ key, name, object }: SimLimit, limits: readonly SimLimit[]): string[] {
  return object.database
    .prepare("SELECT fence, joint_id, home_key FROM lease WHERE kind = 'reserved'")
    .all()
    .filter(({ fence, joint_id, home_key }) => {
      const row = limits
        .find((limit) => limit.key === home_key)
        ?.object.database.prepare("SELECT record FROM joint WHERE joint_id = ?")
        .get(String(joint_id));
      const joint = row && (JSON.parse(String(row["record"])) as Joint);
      return joint === undefined || !mayHave(joint, { key, fence: Number(fence) });
    })
    .map(({ fence }) => markOf(name, Number(fence)));
}
