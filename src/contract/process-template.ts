/**
 * What a process work pool may configure for its runs, in the form of Prefect's base job templates: `variables` is a
 * JSON schema of the settings, `job_configuration` says with `{{ name }}` where their values go (source: wire §3.3).
 */
import type { JsonObject } from "./wire/common.ts";

/** The template of a pool of type `process` whose creator gave none. */
export const PROCESS_TEMPLATE = {
  job_configuration: {
    command: "{{ command }}",
    env: "{{ env }}",
    labels: "{{ labels }}",
    name: "{{ name }}",
    stream_output: "{{ stream_output }}",
    working_dir: "{{ working_dir }}",
  },
  variables: {
    type: "object",
    properties: {
      name: {
        title: "Name",
        description: "What the worker calls the process it starts.",
        type: "string",
      },
      env: {
        title: "Environment Variables",
        description: "Variables that are set in the environment of the flow run.",
        type: "object",
        additionalProperties: { type: "string" },
      },
      labels: {
        title: "Labels",
        description: "Labels that the worker attaches to what it starts.",
        type: "object",
        additionalProperties: { type: "string" },
      },
      command: {
        title: "Command",
        description: "The command of the flow run. Left empty, the worker starts the flow's own engine.",
        type: "string",
      },
      stream_output: {
        title: "Stream Output",
        description: "Whether the worker also prints what its flow runs print.",
        default: true,
        type: "boolean",
      },
      working_dir: {
        title: "Working Directory",
        description: "Where the process starts. Left empty, the worker makes a temporary directory.",
        type: "string",
        format: "path",
      },
    },
  },
} as const satisfies JsonObject;

/** The catalogue of worker types: `package -> type -> what it is`. */
export const WORKER_CATALOGUE = {
  prefect: {
    process: {
      type: "process",
      display_name: "Process",
      description: "Runs each flow run as a process on the worker's own machine.",
      default_base_job_configuration: PROCESS_TEMPLATE,
      documentation_url: "",
      logo_url: "",
      install_command: "npm install sluice",
      is_beta: false,
    },
  },
} as const satisfies JsonObject;
