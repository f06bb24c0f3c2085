/** Holds an object to the order of what it has to tell each other object: nothing goes out before what came before it. */
import type { StatementSync } from "node:sqlite";
import { formatAddress, type Envelope } from "../../src/contract/envelope.ts";
import type { SimObject } from "./objects.ts";
import type { World } from "./world.ts";

interface EffectRow {
  seq: number;
  operation: string;
  request_id: string;
  command: string;
}

/** What was refused so often holds back nobody any more, whatever the code has. */
const TRIES_MAX = 12;

export class OutboxWatch {
  readonly #world: World;
  readonly #object: SimObject;
  /** How often each effect was sent: a number is given anew once the outbox has been empty. */
  readonly #tries = new Map<string, number>();

  #select: StatementSync | undefined;

  constructor(world: World, object: SimObject) {
    [this.#world, this.#object] = [world, object];
  }

  /** The object sends an effect now. */
  note({ address, operation, request_id, command }: Envelope): void {
    const text = JSON.stringify(command);
    this.#select ??= this.#object.database.prepare(
      "SELECT seq, operation, request_id, command FROM outbox WHERE target = ? ORDER BY seq",
    );
    const rows = this.#select.all(formatAddress(address)) as unknown as EffectRow[];
    // The same may have to be told twice: which of the two it is cannot be seen.
    const same = rows.filter(
      (row) => row.operation === operation && row.request_id === request_id && row.command === text,
    );
    const [sent] = same;
    if (sent === undefined) return;
    for (const row of same) this.#tries.set(keyOf(row), this.#countTries(row) + 1);
    const overtaken = rows.find((row) => row.seq < sent.seq && this.#countTries(row) < TRIES_MAX);
    if (overtaken !== undefined)
      this.#world.fail("I8", `${this.#object.name} tells ${operation} before ${overtaken.operation}`, {
        sent,
        overtaken,
        tries: this.#countTries(overtaken),
      });
  }

  #countTries(effect: EffectRow): number {
    return this.#tries.get(keyOf(effect)) ?? 0;
  }
}

function keyOf({ seq, operation, request_id }: EffectRow): string {
  return `${seq} ${operation} ${request_id}`;
}
