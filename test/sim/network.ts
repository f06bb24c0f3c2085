/** The network between everybody: each message takes its time, and may be late, lost, doubled or cut off one way. */
import { refuse, type Result } from "../../src/contract/errors.ts";
import type { World } from "./world.ts";

const LATENCY_MS = [1, 15] as const;
const CUT_MS = [1000, 240_000] as const;

export class Network {
  readonly #world: World;
  readonly #random;
  readonly #lateMs: number;
  /** One-way links that carry nothing until an instant. */
  readonly #cuts = new Map<string, number>();

  /** `late_ms`: the most that a message is late. */
  constructor(world: World, late_ms: number) {
    [this.#world, this.#lateMs] = [world, late_ms];
    this.#random = world.random("network");
  }

  /** Sends one message; what arrives, arrives by `deliver`, once, twice or never. */
  send(from: string, to: string, what: string, deliver: () => void): void {
    const { faults, timeline } = this.#world;
    const link = `${from}>${to}`;
    const cut = faults.strike("cut");
    if (cut !== undefined)
      this.#cuts.set(link, this.#world.now + cut.magnitude(...this.#world.stretch(CUT_MS)));
    const latency = this.#random.int(...LATENCY_MS);
    if ((this.#cuts.get(link) ?? 0) > this.#world.now && !faults.isOver) {
      this.#world.say(link, `cut off: ${what}`);
      return;
    }
    if (faults.strike("lose") !== undefined) {
      this.#world.say(link, `lost: ${what}`);
      return;
    }
    const late = faults.strike("delay")?.magnitude(20, this.#lateMs) ?? 0;
    if (late > 0) this.#world.say(link, `late by ${Math.round(late)} ms: ${what}`);
    timeline.after(latency + late, deliver);
    const again = faults.strike("double");
    if (again !== undefined) {
      const gap = again.magnitude(1, 30_000);
      this.#world.say(link, `doubled after ${Math.round(gap)} ms: ${what}`);
      timeline.after(latency + late + gap, deliver);
    }
  }

  /** One call and its answer. The first answer counts; `undefined` when none has come after `timeout_ms`. */
  call(
    from: string,
    to: string,
    what: string,
    timeout_ms: number,
    carry: () => Promise<Result<unknown>>,
  ): Promise<Result<unknown> | undefined> {
    return new Promise((resolve) => {
      const giveUp = this.#world.timeline.after(timeout_ms, () => resolve(undefined));
      this.send(from, to, what, () => {
        void carry().then((result) =>
          this.send(to, from, `answer to ${what}`, () => {
            giveUp();
            resolve(result);
          }),
        );
      });
    });
  }

  /** A call between objects: an answer that does not come is a failure of the way there. */
  async callObject(
    from: string,
    to: string,
    what: string,
    carry: () => Promise<Result<unknown>>,
  ): Promise<Result<unknown>> {
    return (await this.call(from, to, what, 10_000, carry)) ?? refuse("unavailable");
  }
}
