/** What is wrong with the values of a form, in the tree that Prefect's dashboard reads (source: its `build_error_obj`). */
import type { OutputUnit } from "@cfworker/json-schema";
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { listFaults, readFlowSchema } from "../pool/schemas.ts";
import type { PlaceholderFault } from "./placeholders.ts";

export type FormFault =
  | string
  | { property: string; errors: FormFault[] }
  | { index: number; errors: FormFault[] };
type Path = readonly (string | number)[];

/** These say only that a part of the value does not fit; what is wrong with the part is said beside them. */
const CONTAINERS: ReadonlySet<string> = new Set(["properties", "items", "prefixItems", "$ref", "allOf"]);
/** What is said below these is one way among several of being right. */
const CHOICES = /\/(?:anyOf|oneOf|not)\//;

/**
 * Lists what is wrong with values; undefined when the schema cannot be used. What could not be had (`unread`) counts
 * more than what the schema says of the `null` in its place.
 */
export function listFormFaults(
  schema: JsonObject,
  values: JsonObject,
  unread: readonly PlaceholderFault[],
): FormFault[] | undefined {
  const found = listFaults(readFlowSchema(schema), values);
  if (found === undefined) return undefined;
  const faults: FormFault[] = [];
  for (const { path, reason } of unread) if (reason !== undefined) put(faults, path, reason);
  for (const unit of found) {
    if (CONTAINERS.has(unit.keyword) || CHOICES.test(unit.keywordLocation)) continue;
    const path = pathOf(unit, values);
    if (!unread.some((fault) => fault.path.every((part, index) => path[index] === part)))
      put(faults, path, unit.error);
  }
  return faults;
}

/** Where a fault belongs: what is required and missing belongs to its own place. */
function pathOf({ instanceLocation, keyword, error }: OutputUnit, values: JsonObject): Path {
  const path: (string | number)[] = [];
  let at: JsonValue | undefined = values;
  for (const part of instanceLocation.split("/").slice(1)) {
    const name = decodeURI(part).replaceAll("~1", "/").replaceAll("~0", "~");
    path.push(Array.isArray(at) ? Number(name) : name);
    at = Array.isArray(at) ? at[Number(name)] : (at as JsonObject | undefined)?.[name];
  }
  const missing = keyword === "required" ? /"(?<name>.*)"/su.exec(error)?.groups?.["name"] : undefined;
  return missing === undefined ? path : [...path, missing];
}

function put(faults: FormFault[], [part, ...rest]: Path, message: string): void {
  if (part === undefined) {
    faults.push(message);
    return;
  }
  const key = typeof part === "number" ? "index" : "property";
  const known = faults.find((fault) => typeof fault === "object" && (fault as JsonObject)[key] === part);
  const entry = typeof known === "object" ? known : { [key]: part, errors: [] as FormFault[] };
  if (known === undefined) faults.push(entry as FormFault);
  put(entry.errors, rest, message);
}
