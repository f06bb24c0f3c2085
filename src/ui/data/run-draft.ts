/** What a run of a deployment is to be besides its parameters, as it is typed. */
import type { JsonValue } from "../../contract/wire/common.ts";
import { isObject } from "./json-schema.ts";

export interface RunDraft {
  name?: string;
  /** In the viewer's zone, as fields for dates and times have it. */
  at?: string;
  /** Separated by commas. */
  tags?: string;
  queue?: string;
  /** As JSON. */
  variables?: string;
}

/** The fields of the request; those that nothing is said of are the deployment's. */
export function readRunDraft({ name = "", at = "", tags = "", queue = "", variables = "" }: RunDraft): {
  body: Record<string, JsonValue>;
  faults: Map<string, string>;
} {
  const faults = new Map<string, string>();
  const job_variables = readObject(variables);
  if (job_variables === undefined)
    faults.set("run.job_variables", 'This must be a JSON object, such as {"env": {}}.');
  return {
    body: {
      ...(name.trim() !== "" && { name: name.trim() }),
      ...(at !== "" && { state: startAt(at) }),
      ...(tags.trim() !== "" && { tags: splitTags(tags) }),
      ...(queue !== "" && { work_queue_name: queue }),
      ...(job_variables !== undefined && variables.trim() !== "" && { job_variables }),
    },
    faults,
  };
}

function startAt(local: string): JsonValue {
  return { type: "SCHEDULED", state_details: { scheduled_time: new Date(local).toISOString() } };
}

function splitTags(text: string): string[] {
  return text
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
}

function readObject(text: string): JsonValue | undefined {
  if (text.trim() === "") return {};
  try {
    const value = JSON.parse(text) as JsonValue;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
