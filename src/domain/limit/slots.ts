/** Named slots: which ones a grant gets. */

/**
 * Picks the first `count` names that no live lease holds; null when the slots of the limit have no names. A lease that
 * was taken before the slots were named uses up capacity but no name, so there are always enough.
 */
export function pickSlots(
  names: readonly string[] | null,
  held: Iterable<string>,
  count: number,
): string[] | null {
  if (names === null) return null;
  const taken = new Set(held);
  return names.filter((name) => !taken.has(name)).slice(0, count);
}
