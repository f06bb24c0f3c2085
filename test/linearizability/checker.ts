/**
 * Tells whether a history of calls that overlap could have happened one after the other: the search of Wing and Gong,
 * with Lowe's memory of what was tried. A call takes effect in one moment between its start and its answer; one whose
 * answer never came takes effect at any later moment, or never.
 */

/** A call, and what its caller saw of it. Times are of one clock. */
export interface Call<Operation> {
  operation: Operation;
  startedAt: number;
  /** Infinity where no answer came. */
  answeredAt: number;
}

/** What the thing under test does when calls come one at a time. */
export interface Specification<State, Operation> {
  initial: State;
  /**
   * The states that a call may lead to, none where its answer cannot be given in this state. A call without an answer
   * must also allow for having changed nothing.
   */
  step(state: State, operation: Operation): State[];
  /** The same text for the same state. */
  keyOf(state: State): string;
}

export type Verdict<State, Operation> =
  | { isLinearizable: true; order: Operation[] }
  /** The longest beginning that fits, the state after it, and the calls of which one would have to come next. */
  | { isLinearizable: false; order: Operation[]; state: State; stuckBefore: Operation[] };

interface Node<State> {
  state: State;
  /** Everything before this index has taken effect. */
  first: number;
  /** What has taken effect behind it, ascending. */
  beyond: readonly number[];
  /** The call that led here, and from where. */
  index: number;
  parent: Node<State> | undefined;
  depth: number;
}

const NODES_MAX = 2_000_000;

/** Checks a history. Throws when the search becomes too large to finish. */
export function checkHistory<State, Operation>(
  specification: Specification<State, Operation>,
  history: readonly Call<Operation>[],
): Verdict<State, Operation> {
  const calls = history.toSorted((left, right) => left.startedAt - right.startedAt);
  const tried = new Set<string>();
  const root: Node<State> = {
    state: specification.initial,
    first: 0,
    beyond: [],
    index: -1,
    parent: undefined,
    depth: 0,
  };
  const stack = [root];
  let deepest = root;
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.depth > deepest.depth) deepest = node;
    const next = listNext(calls, node);
    if (!next.some((index) => calls[index]?.answeredAt !== Number.POSITIVE_INFINITY) && isOver(calls, node))
      return { isLinearizable: true, order: orderOf(calls, node) };
    for (const index of next.toReversed()) {
      const call = calls[index];
      if (call === undefined) continue;
      const place = advance(node, index);
      for (const state of specification.step(node.state, call.operation)) {
        const key = `${place.first}|${place.beyond.join()}|${specification.keyOf(state)}`;
        if (tried.has(key)) continue;
        tried.add(key);
        if (tried.size > NODES_MAX)
          throw new Error("This history is too tangled to be judged; make it shorter.");
        stack.push({ ...place, state, index, parent: node, depth: node.depth + 1 });
      }
    }
  }
  return {
    isLinearizable: false,
    order: orderOf(calls, deepest),
    state: deepest.state,
    stuckBefore: listNext(calls, deepest).flatMap((index) => calls[index]?.operation ?? []),
  };
}

/** The calls that may take effect next: those that began before any that is left was answered. */
function listNext<State>(
  calls: readonly Call<unknown>[],
  { first, beyond }: Pick<Node<State>, "first" | "beyond">,
): number[] {
  const done = new Set(beyond);
  const next: number[] = [];
  let firstAnswer = Number.POSITIVE_INFINITY;
  for (let index = first; index < calls.length; index += 1) {
    const call = calls[index];
    if (call === undefined || call.startedAt > firstAnswer) break;
    if (done.has(index)) continue;
    next.push(index);
    firstAnswer = Math.min(firstAnswer, call.answeredAt);
  }
  return next.filter((index) => (calls[index]?.startedAt ?? 0) <= firstAnswer);
}

/** Nothing that was answered is left. */
function isOver<State>(calls: readonly Call<unknown>[], { first, beyond }: Node<State>): boolean {
  const done = new Set(beyond);
  return calls.every(
    (call, index) => index < first || done.has(index) || call.answeredAt === Number.POSITIVE_INFINITY,
  );
}

function advance<State>(node: Node<State>, index: number): Pick<Node<State>, "first" | "beyond"> {
  const beyond = [...node.beyond, index].toSorted((left, right) => left - right);
  let { first } = node;
  while (beyond[0] === first) {
    beyond.shift();
    first += 1;
  }
  return { first, beyond };
}

function orderOf<State, Operation>(calls: readonly Call<Operation>[], node: Node<State>): Operation[] {
  const order: Operation[] = [];
  for (let at: Node<State> | undefined = node; at !== undefined; at = at.parent) {
    const call = calls[at.index];
    if (call !== undefined) order.push(call.operation);
  }
  return order.toReversed();
}
