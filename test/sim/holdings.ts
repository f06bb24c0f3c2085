/** Who believes to hold slots, each by its own clock: together never more than a limit has. */
import type { SimLimit } from "./limits.ts";
import type { SimProcess } from "./process.ts";
import type { World } from "./world.ts";

export interface Holding {
  readonly owner: SimProcess;
  readonly lease_id: string;
  /** Its fence at each limit; none where the limit decayed. */
  readonly fences: ReadonlyMap<SimLimit, number>;
  /** The attempt of a flow run that holds it. */
  readonly attempt_id: string | undefined;
  /** Its fence at home and at each limit, as {@link markOf} writes it. */
  readonly marks: readonly string[];
  readonly slots: number;
  /** When it was granted, in true time. */
  readonly since: number;
  /** Until when its holder works, by the holder's clock. */
  until: number;
  isOver: boolean;
}

export class Holdings {
  readonly #world: World;
  readonly #all = new Set<Holding>();
  /** Marks of what an operator took away: its holder may not have heard of it yet. */
  readonly taken = new Set<string>();
  /** Attempts that have ended: what they held is taken away, too. */
  readonly ended = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Somebody begins to work. */
  begin(holding: Holding): void {
    this.#all.add(holding);
    for (const limit of holding.fences.keys()) {
      const holders = [...this.#all].filter((other) => this.#isHeld(other) && this.#isHeldAt(limit, other));
      const slots = holders.reduce((sum, other) => sum + other.slots, 0);
      const bound = limit.watch.sizeSince(Math.min(...holders.map(({ since }) => since)));
      if (slots > bound)
        this.#world.fail(
          "I10",
          `${slots} of ${bound} slots of ${limit.name} are held, by the holders' own clocks`,
          {
            holders: holders.map(({ owner, lease_id, since, until }) => ({
              owner: owner.name,
              rate: owner.rate,
              lease_id,
              since,
              left_ms: until - owner.now,
            })),
          },
        );
    }
  }

  end(holding: Holding): void {
    holding.isOver = true;
    this.#all.delete(holding);
  }

  /** Whether an operator, or the end of its attempt, took any of it away. */
  isTaken({ marks, attempt_id }: Pick<Holding, "marks" | "attempt_id">): boolean {
    return (
      marks.some((mark) => this.taken.has(mark)) || (attempt_id !== undefined && this.ended.has(attempt_id))
    );
  }

  #isHeldAt(limit: SimLimit, { fences }: Holding): boolean {
    const fence = fences.get(limit);
    return fence !== undefined && limit.watch.isHeld(fence);
  }

  #isHeld(holding: Holding): boolean {
    if (holding.owner.isDead) this.#all.delete(holding);
    const { owner } = holding;
    return !holding.isOver && owner.isRunning && owner.now < holding.until && !this.isTaken(holding);
  }
}

/** Names what is held at one limit. */
export function markOf(limit: string, fence: number | null): string {
  return `${limit}#${fence}`;
}
