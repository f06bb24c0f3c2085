/** Callers who wait until the limit of a deployment has heard of a change, so that what they read next is right. */
import { addressOfName, formatAddress, type ObjectAddress } from "../../contract/envelope.ts";
import { accept, type Result } from "../../contract/errors.ts";
import { limitNameOfDeployment } from "../../domain/catalog/deployments.ts";
import type { Answer } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { first } from "../shared/sql.ts";

/** A limit that does not answer keeps nobody longer; the change arrives nevertheless. */
const WAIT_MS = 2000;

interface Ear {
  target: string;
  deadline: number;
  resolve: (result: Result<null>) => void;
}

export class LimitEars {
  readonly #host: ObjectHost;
  readonly #wakeAt: (at: number) => void;
  readonly #ears = new Set<Ear>();

  constructor(host: ObjectHost, wakeAt: (at: number) => void) {
    this.#host = host;
    this.#wakeAt = wakeAt;
  }

  /** Answers at once where nothing is on its way to the limit. */
  wait(deployment_id: string): Answer<null> {
    const { sql, address } = this.#host;
    const target = formatAddress(
      addressOfName(address.workspace, "limit", limitNameOfDeployment(deployment_id)),
    );
    if (first(sql, "SELECT 1 FROM outbox WHERE target = ? LIMIT 1", target) === undefined)
      return accept(null);
    const deadline = this.#host.now() + WAIT_MS;
    this.#wakeAt(deadline);
    return new Promise((resolve) => this.#ears.add({ target, deadline, resolve }));
  }

  /** The limit has taken in what it was sent. */
  settle(target: ObjectAddress): void {
    this.#dismiss((ear) => ear.target === formatAddress(target));
  }

  sweep(now: number): void {
    this.#dismiss(({ deadline }) => deadline <= now);
  }

  earliestDeadline(): number | undefined {
    const deadlines = [...this.#ears].map(({ deadline }) => deadline);
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  #dismiss(isMeant: (ear: Ear) => boolean): void {
    for (const ear of [...this.#ears].filter(isMeant)) {
      this.#ears.delete(ear);
      ear.resolve(accept(null));
    }
  }
}
