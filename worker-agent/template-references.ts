/**
 * What a rendered job template says of blocks and variables on the server, with the semantics of Prefect's workers
 * (source: its `utilities/templating`). Which values came from blocks is kept, so that no message repeats them.
 */
import { writeCommand } from "../src/contract/commands.ts";
import type { JsonObject, JsonValue } from "../src/contract/wire/common.ts";
import {
  PLACEHOLDER,
  TemplateError,
  asObject,
  kindOf,
  lookUp,
  mapTexts,
  wholePlaceholder,
  writeText,
} from "./job-template.ts";

const BLOCKS = "prefect.blocks.";
const VARIABLES = "prefect.variables.";

/** A block document: by the slug of its type and its name, or by its id. */
export type BlockReference = { slug: string; name: string } | { id: string };

/** What is asked of the server; undefined when there is none. */
export interface Lookups {
  readVariable: (name: string) => Promise<JsonValue | undefined>;
  /** The data of a block document, secrets included. */
  readBlock: (reference: BlockReference) => Promise<JsonObject | undefined>;
}

/** Puts the values of blocks and variables in, for one run: each is asked for once. */
export class References {
  readonly #lookups: Lookups;
  readonly #asked = new Map<string, Promise<JsonValue | undefined>>();
  readonly #secrets = new Set<string>();

  constructor(lookups: Lookups) {
    this.#lookups = lookups;
  }

  /** Throws {@link TemplateError} where a block does not exist or gives nothing; a variable that does not is empty. */
  async resolve(template: JsonValue): Promise<JsonValue> {
    const withBlocks = await this.#resolveBlocks(template);
    return mapTexts(withBlocks, (text) => this.#resolveVariables(text));
  }

  /** Takes out of a message what came from blocks. */
  redact(message: string): string {
    // A longer one may contain a shorter one.
    const secrets = [...this.#secrets].toSorted((a, b) => b.length - a.length);
    return secrets.reduce((text, secret) => text.replaceAll(secret, "********"), message);
  }

  async #resolveBlocks(template: JsonValue): Promise<JsonValue> {
    if (Array.isArray(template)) return Promise.all(template.map((item) => this.#resolveBlocks(item)));
    if (typeof template === "string") return this.#resolveBlocksOfText(template);
    const object = asObject(template);
    if (object === undefined) return template;
    const id = asObject(object["$ref"])?.["block_document_id"];
    if (typeof id === "string" && id !== "")
      return this.#keepSecret(await this.#readBlock({ id }, `the id ${id}`));
    const entries = Object.entries(object).map(
      async ([key, value]) => [key, await this.#resolveBlocks(value)] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  }

  async #resolveBlocksOfText(template: string): Promise<JsonValue> {
    const whole = wholePlaceholder(template);
    if (whole !== undefined && kindOf(whole) === "block") return this.#readBlockValue(whole);
    let text = template;
    for (const [placeholder, name = ""] of template.matchAll(PLACEHOLDER)) {
      if (kindOf(name) !== "block") continue;
      const value = await this.#readBlockValue(name);
      if (typeof value === "object" && value !== null)
        throw new TemplateError(
          `The placeholder ${placeholder} stands within a text, but the block gives an object or a list there; name one value of it, as in {{ ${name}.FIELD }}`,
        );
      text = text.replaceAll(placeholder, () => writeText(value));
    }
    return text;
  }

  /** The value that `prefect.blocks.TYPE.NAME[.FIELD]` stands for; a block of a single `value` is that value. */
  async #readBlockValue(placeholder: string): Promise<JsonValue> {
    const [slug = "", name = "", ...rest] = placeholder.slice(BLOCKS.length).split(".");
    if (slug === "" || name === "")
      throw new TemplateError(
        `The placeholder {{ ${placeholder} }} names no block; the form is {{ prefect.blocks.TYPE.NAME }}, or {{ prefect.blocks.TYPE.NAME.FIELD }} for a part of it`,
      );
    const data = await this.#readBlock({ slug, name }, `the name ${name} and the type ${slug}`);
    const path = rest.join(".");
    const isValue = Object.keys(data).length === 1 && data["value"] !== undefined;
    const base = isValue && !/^value($|[.[])/.test(path) ? data["value"] : data;
    const value = path === "" ? base : lookUp(base, path);
    if (value === undefined)
      throw new TemplateError(
        `The block ${slug}/${name} has no ${path}, which the placeholder {{ ${placeholder} }} names; \`${writeCommand("block", "inspect", `${slug}/${name}`)}\` shows its fields`,
      );
    return this.#keepSecret(value);
  }

  async #readBlock(reference: BlockReference, how: string): Promise<JsonObject> {
    const data = await this.#ask(JSON.stringify(reference), () => this.#lookups.readBlock(reference));
    const object = asObject(data);
    if (object === undefined)
      throw new TemplateError(
        `There is no block with ${how}, to which the work pool's job template or the job variables refer; save it, or change them`,
      );
    return object;
  }

  async #resolveVariables(template: string): Promise<JsonValue> {
    const whole = wholePlaceholder(template);
    if (whole !== undefined && kindOf(whole) === "variable") return (await this.#readVariable(whole)) ?? "";
    let text = template;
    for (const [placeholder, name = ""] of template.matchAll(PLACEHOLDER)) {
      if (kindOf(name) !== "variable") continue;
      const value = await this.#readVariable(name);
      text = text.replaceAll(placeholder, () => (value === undefined ? "" : writeText(value)));
    }
    return text;
  }

  #readVariable(placeholder: string): Promise<JsonValue | undefined> {
    const name = placeholder.slice(VARIABLES.length);
    return this.#ask(placeholder, () => this.#lookups.readVariable(name));
  }

  #ask(key: string, read: () => Promise<JsonValue | undefined>): Promise<JsonValue | undefined> {
    const asked = this.#asked.get(key) ?? read();
    this.#asked.set(key, asked);
    return asked;
  }

  /** Notes the texts in a value, also as they stand in a JSON text. Numbers and the like say nothing. */
  #keepSecret<Value extends JsonValue>(value: Value): Value {
    if (typeof value === "string" && value !== "") {
      this.#secrets.add(value);
      this.#secrets.add(JSON.stringify(value).slice(1, -1));
    } else if (typeof value === "object" && value !== null)
      for (const item of Object.values(value)) this.#keepSecret(item);
    return value;
  }
}
