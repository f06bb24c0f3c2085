/** The order of a pool's queues: unique whole numbers from 1 on; a lower number goes first. */

export interface RankedQueue {
  id: string;
  priority: number;
}

/**
 * Gives a queue its place. Without a wish it gets the first free number; a wish that is taken moves the queue that has
 * it, and those directly behind it, by one. Returns only what changes, the placed queue included.
 */
export function placeQueue(queues: readonly RankedQueue[], id: string, wanted: number | null): RankedQueue[] {
  const taken = new Map(
    queues.filter((queue) => queue.id !== id).map((queue) => [queue.priority, queue.id] as const),
  );
  if (wanted === null) {
    let free = 1;
    while (taken.has(free)) free += 1;
    return [{ id, priority: free }];
  }
  const changes: RankedQueue[] = [{ id, priority: wanted }];
  for (let at = wanted, moved = taken.get(at); moved !== undefined; moved = taken.get(at)) {
    at += 1;
    changes.push({ id: moved, priority: at });
  }
  return changes;
}
