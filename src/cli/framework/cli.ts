/** What a command sees of the world: its terminal, the server and how results are wanted. */
import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";
import type { Client } from "../../client/index.ts";
import type { Connection } from "../config/connection.ts";
import type { Column, Detail, Screen } from "../output/table.ts";
import { CommandError } from "./errors.ts";

/** What the process gives; tests give their own. */
export interface System {
  env: Readonly<Record<string, string | undefined>>;
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean; columns?: number };
  stderr: Writable & { isTTY?: boolean };
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Options that every command takes. */
export interface CommonOptions {
  output?: "text" | "json";
  json?: boolean;
  apiUrl?: string;
  profile?: string;
  prompt?: boolean;
  yes?: boolean;
  color?: boolean;
}

export class Cli {
  readonly system: System;
  readonly common: CommonOptions;
  #api: Promise<Client> | undefined;
  #connection: Promise<Connection> | undefined;

  constructor(system: System, common: CommonOptions) {
    this.system = system;
    this.common = common;
  }

  get env(): System["env"] {
    return this.system.env;
  }

  /** True when results are wanted as JSON. */
  get isJson(): boolean {
    return this.common.json === true || this.common.output === "json";
  }

  get isTerminal(): boolean {
    return this.system.stdout.isTTY === true;
  }

  /** True when there is somebody who can answer a question. */
  get isInteractive(): boolean {
    return this.isTerminal && this.system.stdin.isTTY === true && this.common.prompt !== false;
  }

  get hasColor(): boolean {
    const { env } = this.system;
    if (this.common.color === false || (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb") return false;
    return this.isTerminal || (env["FORCE_COLOR"] ?? "0") !== "0";
  }

  /** Columns of the terminal, undefined where output is no terminal and may be as wide as it likes. */
  get width(): number | undefined {
    if (!this.isTerminal) return undefined;
    const columns = Number(this.system.stdout.columns ?? this.system.env["COLUMNS"] ?? 80);
    return Number.isInteger(columns) && columns > 0 ? columns : 80;
  }

  /** Writes one line of the result. */
  print(line: string): void {
    this.system.stdout.write(`${line}\n`);
  }

  /** Writes one line for the person that is no part of the result. */
  note(line: string): void {
    this.system.stderr.write(`${line}\n`);
  }

  /** Shows a result: the API's record as JSON, or what `text` makes of it. */
  async show(record: unknown, text: () => string | Promise<string>): Promise<void> {
    this.print(this.isJson ? JSON.stringify(record, null, 2) : (await text()).trimEnd());
  }

  /** What tables and colours must fit. */
  get screen(): Screen {
    return { width: this.width, hasColor: this.hasColor };
  }

  /** Shows a list, as JSON or as a table; `empty` is said where there is nothing. */
  async showTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty: string): Promise<void> {
    if (!this.isJson && rows.length === 0) {
      this.note(empty);
      return;
    }
    await this.show(rows, async () => {
      const { formatTable } = await import("../output/table.ts");
      return formatTable(columns, rows, this.screen);
    });
  }

  /** Shows one record, as JSON or as titles and values. */
  async showDetails(record: unknown, pairs: () => readonly Detail[]): Promise<void> {
    await this.show(record, async () => {
      const { formatDetails } = await import("../output/table.ts");
      return formatDetails(pairs(), this.screen);
    });
  }

  /** Says that something was done: the sentence, or as JSON what it is now. */
  async showDone(sentence: string, record: () => Promise<unknown>): Promise<void> {
    if (this.isJson) this.print(JSON.stringify(await record(), null, 2));
    else this.print(sentence);
  }

  /** Where the server is. */
  connection(): Promise<Connection> {
    this.#connection ??= (async () => {
      const { findConnection } = await import("../config/connection.ts");
      return findConnection(this.system.env, this.common);
    })();
    return this.#connection;
  }

  /** The server, ready to be asked; loaded when first wanted. */
  api(): Promise<Client> {
    this.#api ??= (async () => {
      const [{ connect }, connection] = await Promise.all([import("../api.ts"), this.connection()]);
      return connect(connection, this.system.env);
    })();
    return this.#api;
  }

  /** One sentence for a failed call; undefined when the error is of another kind. */
  async explain(error: unknown): Promise<string | undefined> {
    if (this.#api === undefined) return undefined;
    const { explainApiError } = await import("../api.ts");
    return explainApiError(error, await this.connection());
  }

  /** Ends what would keep the process waiting. */
  async close(): Promise<void> {
    const api = await this.#api?.catch(() => undefined);
    await api?.close();
  }

  /**
   * Asks before something is lost. In a terminal the person must say yes (or have given `--yes`); without one it goes
   * ahead, as Prefect's commands do.
   */
  async confirm(question: string): Promise<void> {
    if (this.common.yes === true || !this.isInteractive) return;
    const line = createInterface({ input: this.system.stdin, output: this.system.stderr });
    let isAnswered = false;
    try {
      // Ctrl-D and Ctrl-C close the line, and then the question is never answered.
      const closed = new Promise<string>((resolve) => {
        line.once("close", () => {
          if (!isAnswered) this.system.stderr.write("\n");
          resolve("");
        });
      });
      const answer = await Promise.race([line.question(`${question} [y/N] `), closed]);
      isAnswered = true;
      if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError("Nothing was changed.");
    } finally {
      line.close();
    }
  }
}
