/** Virtual time: one queue of events, and everything that each sets in motion runs before the next one. */

interface Event {
  at: number;
  order: number;
  body: (() => void) | undefined;
}

export class Timeline {
  /** Milliseconds since the epoch. */
  now: number;
  /** How many events have run. */
  steps = 0;
  /** Nothing runs any more. */
  isStopped = false;
  #order = 0;
  readonly #heap: Event[] = [];

  constructor(start: number) {
    this.now = start;
  }

  /** Runs `body` after `ms`; returns what cancels it. */
  after(ms: number, body: () => void): () => void {
    return this.at(this.now + ms, body);
  }

  at(at: number, body: () => void): () => void {
    const event: Event = { at: Math.max(Math.ceil(at), this.now), order: (this.#order += 1), body };
    this.#push(event);
    return () => {
      event.body = undefined;
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  stop(): void {
    this.isStopped = true;
  }

  /** Runs everything that is due up to an instant; when more than `steps_max` events have run by then, it ends before. */
  async run(until: number, steps_max = Number.POSITIVE_INFINITY): Promise<void> {
    while (!this.isStopped) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) break;
      if (this.steps >= steps_max) return;
      this.#pop();
      if (next.body === undefined) continue;
      this.now = next.at;
      this.steps += 1;
      next.body();
      // Nothing here waits for the real world, so one pass of the event loop runs all that follows.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (!this.isStopped) this.now = Math.max(this.now, until);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (isBefore(last, child)) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}
