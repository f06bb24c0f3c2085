/** Makes requests out of an OpenAPI file: fitting ones, slightly wrong ones and hostile ones, all from one seed. */

export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  format?: string;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
}

export interface Parameter {
  name: string;
  in: string;
  schema?: Schema;
}

export interface Operation {
  method: string;
  path: string;
  parameters: Parameter[];
  body: Schema | undefined;
}

export interface OpenApi {
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: Parameter[];
        requestBody?: { content?: Record<string, { schema?: Schema }> };
      }
    >
  >;
  components?: { schemas?: Record<string, Schema> };
}

/** A source of random numbers that gives the same ones for the same seed. */
export type Random = () => number;

/** The generator `mulberry32`. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Lists the operations of an OpenAPI file. */
export function listOperations(document: OpenApi): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { parameters = [], requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      body: requestBody?.content?.["application/json"]?.schema,
    })),
  );
}

/** What an operation is about, such as `flow_run`: the first part of its path. */
export function kindOf({ path }: Operation): string {
  return path
    .replace(/^\/api\/(v2\/)?/, "")
    .replace(/\/.*$/, "")
    .replace(/s$/, "");
}

const LONG = "x".repeat(70_000);
/** Values that have broken servers before. */
const HOSTILE: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  0.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e18,
  1e308,
  "",
  " ",
  "\u0000",
  "\ud800",
  "null",
  "NaN",
  "-0",
  "../../etc/passwd",
  "'; DROP TABLE lease; --",
  "%00",
  "😀".repeat(300),
  LONG,
  "0000-00-00T00:00:00Z",
  "2026-02-30T00:00:00Z",
  "9999-12-31T23:59:59.999999Z",
  "+275760-09-13T00:00:00Z",
  "00000000-0000-0000-0000-000000000000",
  [],
  {},
  [[]],
  Array.from({ length: 1500 }, () => "a"),
  JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{}},"toString":1}'),
];
/** Bodies that are no JSON, or hardly. */
const RAW_BODIES: readonly (string | Uint8Array)[] = [
  "",
  "null",
  "{",
  "[]",
  "0",
  '"text"',
  "[1e400]",
  '{"limit":1e400}',
  '{"a":1,"a":2}',
  "{}{}",
  "\ufeff{}",
  `${"[".repeat(50_000)}${"]".repeat(50_000)}`,
  `${'{"a":'.repeat(90)}1${"}".repeat(90)}`,
  new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]),
  " ".repeat(1_100_000),
];
const HOSTILE_SEGMENTS: readonly string[] = [
  "%00",
  "%ED%A0%80",
  "%",
  "%zz",
  "..%2f..",
  "%F0%9F%98%80",
  "-1",
  "null",
  "a".repeat(3000),
  "00000000-0000-0000-0000-000000000000",
  "__proto__",
];
/** Headers that routes look at, with what they may carry. */
const HEADERS: readonly (readonly [name: string, values: readonly string[]])[] = [
  [
    "content-type",
    [
      "application/json",
      "text/plain",
      "multipart/form-data; boundary=x",
      "",
      "application/json; charset=utf-16",
    ],
  ],
  [
    "sluice-run",
    [
      "",
      "a/b/c",
      "/",
      "8c21e7ae-9e99-4a1f-905d-e370dddf3a7b/8c21e7ae-9e99-4a1f-905d-e370dddf3a7b/1",
      "x/".repeat(2000),
    ],
  ],
  ["prefect-csrf-client", ["", "8c21e7ae-9e99-4a1f-905d-e370dddf3a7b", "x".repeat(5000)]],
  ["x-prefect-api-version", ["0.8.4", "0.1.0", "x", ""]],
  ["upgrade", ["websocket", "h2c"]],
  ["user-agent", ["", "x".repeat(5000)]],
  ["if-match", ["*", "1"]],
];
const NAMES: readonly string[] = ["alpha", "beta", "gpu:a", "tag:red", "default", "/runs/0"];

/** Makes values for the schemas of one document. */
export class Generator {
  readonly #random: Random;
  readonly #schemas: Record<string, Schema>;
  /** Ids and names that answers have said, by what they name: requests that use them reach what exists. */
  readonly #known = new Map<string, string[]>();

  constructor(document: OpenApi, random: Random) {
    this.#random = random;
    this.#schemas = document.components?.schemas ?? {};
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined && items.length === 0) throw new Error("Nothing to pick from.");
    return item as Item;
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  /** Remembers the ids and names in an answer about things of a kind, such as `flow`. */
  learn(answer: unknown, kind: string): void {
    if (Array.isArray(answer)) for (const item of answer.slice(0, 20)) this.learn(item, kind);
    else if (typeof answer === "object" && answer !== null) {
      const own = "state_type" in answer ? "flow_run" : "schedule" in answer ? "schedule" : kind;
      for (const [key, value] of Object.entries(answer)) {
        if (typeof value !== "string") this.learn(value, key.replace(/s$/, ""));
        else if (key === "id") this.#remember(own, value);
        else if (key === "name" && value.length < 100) this.#remember(`${own}_name`, value);
        else if (key.endsWith("_id")) this.#remember(key.slice(0, -3), value);
      }
    }
  }

  #remember(kind: string, value: string): void {
    const known = this.#known.get(kind) ?? [];
    known.push(value);
    if (known.length > 8) known.shift();
    this.#known.set(kind, known);
  }

  /** A known id or name of a kind; undefined when there is none. */
  #recall(kind: string): string | undefined {
    const known = this.#known.get(kind);
    return known === undefined ? undefined : this.pick(known);
  }

  /** One request of an operation. */
  request(operation: Operation): { url: string; body: string | Uint8Array | undefined } {
    const { path, parameters, body } = operation;
    const kind = kindOf(operation);
    let url = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => this.#segment(name, kind));
    const search = new URLSearchParams();
    for (const { name, in: place, schema = {} } of parameters) {
      if (place !== "query" || this.chance(0.3)) continue;
      const value = this.chance(0.3) ? this.pick(HOSTILE) : this.value(schema, name);
      if (value !== undefined) search.append(name, typeof value === "string" ? value : JSON.stringify(value));
    }
    if (search.size > 0) url += `?${search.toString()}`;
    if (operation.method === "GET" || body === undefined) return { url, body: undefined };
    if (this.chance(0.05)) return { url, body: this.pick(RAW_BODIES) };
    const value = this.value(body);
    return { url, body: JSON.stringify(this.chance(0.4) ? this.#spoil(value) : value) ?? "" };
  }

  /** Headers of a request; the plain ones in most. */
  headers(): Record<string, string> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (this.chance(0.25))
      for (const [name, values] of HEADERS) if (this.chance(0.3)) headers[name] = this.pick(values);
    return headers;
  }

  #segment(name: string, kind: string): string {
    if (this.chance(0.1)) return this.pick(HOSTILE_SEGMENTS);
    const wanted =
      name === "id"
        ? kind
        : name === "name" || name === "id_or_name"
          ? `${kind}_name`
          : name.replace(/_id$/, "");
    const known = this.#recall(wanted);
    if (known !== undefined && this.chance(0.9)) return encodeURIComponent(known.toWellFormed());
    return /id/.test(name) ? this.uuid() : encodeURIComponent(this.pick(NAMES));
  }

  uuid(): string {
    const digits = Array.from({ length: 32 }, () => Math.floor(this.#random() * 16).toString(16));
    digits[12] = "4";
    digits[16] = "8";
    return digits.join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  /** A value that fits a schema, mostly. `name` is the field's. */
  value(schema: Schema, name = "", depth = 0): unknown {
    if (schema.$ref !== undefined)
      return this.value(this.#schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {}, name, depth + 1);
    if ("const" in schema) return schema.const;
    if (schema.enum !== undefined) return this.pick(schema.enum);
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices !== undefined && choices.length > 0) return this.value(this.pick(choices), name, depth + 1);
    if (schema.allOf !== undefined)
      return Object.assign({}, ...schema.allOf.map((part) => this.value(part, name, depth + 1) as object));
    const types = Array.isArray(schema.type) ? schema.type : [schema.type];
    switch (this.pick(types)) {
      case "null":
        return null;
      case "boolean":
        return this.chance(0.5);
      case "integer":
        return this.#number(schema, name, true);
      case "number":
        return this.#number(schema, name, false);
      case "string":
        return this.#text(schema, name);
      case "array": {
        const length = Math.max(schema.minItems ?? 0, Math.floor(this.#random() * 3));
        if (depth > 6) return [];
        return Array.from({ length }, () => this.value(schema.items ?? {}, name, depth + 1));
      }
      case "object":
        return this.#object(schema, depth);
      default:
        return this.pick([null, 1, "text", { a: [1] }, []]);
    }
  }

  #object(schema: Schema, depth: number): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(schema.properties ?? {}))
      if (schema.required?.includes(key) === true || (depth < 6 && this.chance(0.4)))
        value[key] = this.value(field, key, depth + 1);
    const { additionalProperties } = schema;
    if (typeof additionalProperties === "object" && depth < 6 && this.chance(0.5))
      value[this.pick(["key", "a.b", "ünï"])] = this.value(additionalProperties, "", depth + 1);
    return value;
  }

  #number({ minimum = 0, maximum = 1000 }: Schema, name: string, isWhole: boolean): number {
    // What is held would only make the search slow.
    if (name === "wait_seconds") return this.pick([0, 0.02]);
    const low = Math.max(minimum, -1000);
    const high = Math.min(maximum, Math.max(low, 1000));
    const value = this.chance(0.5)
      ? this.pick([low, Math.min(high, low + 1), high])
      : low + this.#random() * (high - low);
    return isWhole ? Math.round(value) : value;
  }

  #text({ format }: Schema, name: string): string {
    if (format === "uuid" || name.endsWith("_id")) {
      const known = this.#recall(name.replace(/_id$/, ""));
      return known !== undefined && this.chance(0.9) ? known : this.uuid();
    }
    const known = this.#recall(name);
    if (known !== undefined && this.chance(0.6)) return known;
    if (format === "date-time")
      return this.pick([
        "2026-11-22T04:08:34.807049Z",
        "2026-11-22 04:08:44.594665+00:00",
        "2036-01-01T00:00:00Z",
      ]);
    if (name === "cron") return this.pick(["* * * * *", "0 9 * * 1-5", "@daily", "61 * * * *"]);
    if (name === "rrule")
      return this.pick(["FREQ=DAILY;COUNT=5", "FREQ=SECONDLY", "FREQ=YEARLY;BYDAY=MO", "no rule"]);
    if (name === "timezone") return this.pick(["UTC", "Europe/Berlin", "America/New_York", "Mars/Olympus"]);
    return this.pick([...NAMES, "text", "ünï"]);
  }

  /** Puts something hostile somewhere into a value. */
  #spoil(value: unknown): unknown {
    if (Array.isArray(value) && value.length > 0 && this.chance(0.8)) {
      const index = Math.floor(this.#random() * value.length);
      return value.map((item: unknown, at) => (at === index ? this.#spoil(item) : item));
    }
    if (typeof value === "object" && value !== null && !Array.isArray(value) && this.chance(0.9)) {
      const keys = [...Object.keys(value), "unknown_field"];
      const key = this.pick(keys);
      return { ...value, [key]: this.#spoil((value as Record<string, unknown>)[key]) };
    }
    return this.pick(HOSTILE);
  }
}
