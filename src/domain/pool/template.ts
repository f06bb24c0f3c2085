/** Base job templates: what a pool lets its deployments set. */
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The `{{ names }}` in a template, blocks and variables of Prefect (`prefect.…`, `$…`) left out. */
function findPlaceholders(value: JsonValue, found: Set<string>): void {
  if (typeof value === "string") {
    for (const [, name = ""] of value.matchAll(/\{\{\s*([^}]+?)\s*\}\}/g))
      if (!/^(prefect\.|\$)/.test(name)) found.add(name);
  } else if (Array.isArray(value)) {
    for (const item of value) findPlaceholders(item, found);
  } else if (isObject(value)) {
    for (const item of Object.values(value)) findPlaceholders(item, found);
  }
}

/** Says what is wrong with a base job template; undefined when nothing is. An empty one is right. */
export function findTemplateFault(template: JsonObject): string | undefined {
  if (Object.keys(template).length === 0) return undefined;
  const { job_configuration, variables } = template;
  if (job_configuration === undefined || variables === undefined)
    return "The `base_job_template` must contain both a `job_configuration` key and a `variables` key.";
  if (!isObject(job_configuration) || !isObject(variables))
    return "`job_configuration` and `variables` of the `base_job_template` must be objects.";
  const properties = variables["properties"];
  const declared = isObject(properties) ? properties : {};
  const used = new Set<string>();
  findPlaceholders(job_configuration, used);
  const missing = [...used].filter((name) => !Object.hasOwn(declared, name.split(".")[0] ?? name));
  if (missing.length === 0) return undefined;
  return `The variables specified in the job configuration template must be present as properties in the variables schema. Your job configuration uses the following undeclared variable(s): ${missing.join(" ,")}.`;
}
