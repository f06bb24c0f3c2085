/** When each mark was first seen, of those that have been there at every look since. */
export class FirstSeen {
  #marks: ReadonlyMap<string, number> = new Map();

  /** Takes in what is there now; answers what is not there any more, with when that was first seen. */
  look(marks: Iterable<string>, now: number): [string, number][] {
    const before = this.#marks;
    this.#marks = new Map([...marks].map((mark) => [mark, before.get(mark) ?? now]));
    return [...before].filter(([mark]) => !this.#marks.has(mark));
  }

  /** What has been there since before an instant. */
  before(at: number): [string, number][] {
    return [...this.#marks].filter(([, since]) => since < at);
  }
}
