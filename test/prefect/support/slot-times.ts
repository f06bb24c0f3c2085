/** What flow processes noted of the slots of one machine, judged by their own clocks. */

/** `wants`, `holds` or `frees`; other events are not looked at. `at` in seconds since the epoch. */
interface SlotNote {
  at: number;
  event: string;
}

/** How many held a slot at the same time, by the clocks of the flows' processes. */
export function mostAtOnce(notes: readonly SlotNote[]): number {
  let now = 0;
  let most = 0;
  for (const { event } of notes.toSorted((left, right) => left.at - right.at)) {
    if (event === "holds") now += 1;
    if (event === "frees") now -= 1;
    most = Math.max(most, now);
  }
  return most;
}

/** Seconds from each moment at which a slot was free and somebody wanted it to the next hold, in order of size. */
export function idleWhileWanted(notes: readonly SlotNote[], slots: number): number[] {
  let wanting = 0;
  let holding = 0;
  let since: number | undefined;
  const gaps: number[] = [];
  for (const { event, at } of notes.toSorted((left, right) => left.at - right.at)) {
    if (event === "wants") wanting += 1;
    if (event === "frees") holding -= 1;
    if (event === "holds") {
      wanting -= 1;
      holding += 1;
      if (since !== undefined) gaps.push(at - since);
      since = undefined;
    }
    if (wanting > 0 && holding < slots) since ??= at;
  }
  return gaps.toSorted((left, right) => left - right);
}
