/** Variables: small JSON values by name. */
import type { z } from "zod";
import type { Variable, VariableCreate, VariableUpdate } from "../../contract/wire/logs.ts";
import { segment, type Http } from "../http.ts";
import type { Filter } from "./page.ts";

/** `/variables` */
export class Variables {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  create(variable: z.input<typeof VariableCreate>): Promise<Variable> {
    return this.#http.post("/variables/", variable);
  }

  read(name: string): Promise<Variable> {
    return this.#http.get(`/variables/name/${segment(name)}`);
  }

  list(filter: Filter = {}): Promise<Variable[]> {
    return this.#http.query("/variables/filter", filter);
  }

  async update(name: string, changes: z.input<typeof VariableUpdate>): Promise<void> {
    await this.#http.patch(`/variables/name/${segment(name)}`, changes);
  }

  async delete(name: string): Promise<void> {
    await this.#http.delete(`/variables/name/${segment(name)}`);
  }
}
