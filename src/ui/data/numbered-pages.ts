/** Pages of a list by number, which the URL keeps: which part of the list to ask for, and the ways to the pages beside it. */

export interface NumberedPages {
  /** From 1 on; what is no number is the first. */
  number: number;
  /** Of the question: a page, and one more that tells whether there is a next one. */
  window: { limit: number; offset: number };
  /** Of the answer: what this page shows. */
  cut<Item>(found: readonly Item[]): Item[];
  /** What the pager's buttons do, once the answer is there. */
  turns(found: readonly unknown[]): { onNewer: (() => void) | undefined; onOlder: (() => void) | undefined };
}

export function numberPages(
  size: number,
  page: string,
  set: (change: { page: string }, isStep: boolean) => void,
): NumberedPages {
  const number = Math.max(1, Math.floor(Number(page)) || 1);
  const goTo = (wanted: number) => () => set({ page: String(wanted) }, true);
  return {
    number,
    window: { limit: size + 1, offset: (number - 1) * size },
    cut: (found) => found.slice(0, size),
    turns: (found) => ({
      onNewer: number > 1 ? goTo(number - 1) : undefined,
      onOlder: found.length > size ? goTo(number + 1) : undefined,
    }),
  };
}
