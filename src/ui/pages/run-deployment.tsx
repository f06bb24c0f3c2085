/** Runs a deployment: a form of its parameters, checked here as far as that goes and by the server in full. */
import { useLocation, useRoute } from "preact-iso";
import { useRef, useState } from "preact/hooks";
import type { JsonValue } from "../../contract/wire/common.ts";
import type { Deployment } from "../../contract/wire/deployments.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { ApiError, send } from "../data/http.ts";
import { checkParameters, readRefusal, type Faults } from "../data/parameter-faults.ts";
import { readFields, readText, writeText, type Field } from "../data/parameter-form.ts";
import { refresh, useQuery } from "../data/query.ts";
import { readRunDraft, type RunDraft } from "../data/run-draft.ts";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { ParameterField } from "../parts/parameter-field.tsx";
import { RunDraftFields } from "../parts/run-draft-fields.tsx";
import { say } from "../parts/toasts.tsx";

const NONE: Faults = new Map();
/** What was typed, by the name of its parameter. */
type Texts = ReadonlyMap<string, string>;
const NOTHING_TYPED: Texts = new Map();

export function RunDeployment() {
  const { params } = useRoute();
  const deployment = useQuery<Deployment>({ method: "GET", path: `/deployments/${params["id"] ?? ""}` });
  usePageTitle(`Run ${deployment.value?.name ?? ""}`);
  if (deployment.value === undefined) return <Loading query={deployment} />;
  return <RunForm key={deployment.value.id} deployment={deployment.value} />;
}

function RunForm({ deployment }: { deployment: Deployment }) {
  // What is typed stays as it is, whatever becomes of the deployment meanwhile.
  const [{ id, name, parameters: given, ...known }] = useState(deployment);
  const { parameter_openapi_schema: schema, enforce_parameter_schema: isEnforced } = known;
  const [fields] = useState(() => readFields(schema, given));
  const [texts, setTexts] = useState(NOTHING_TYPED);
  const [draft, setDraft] = useState<RunDraft>({});
  const [faults, setFaults] = useState(NONE);
  const [isBusy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const sent = useRef({ text: "", key: "" });
  const { route } = useLocation();

  const refuse = (found: Faults): void => {
    setFaults(found);
    requestAnimationFrame(() => {
      const first = form.current?.querySelector<HTMLElement>("[aria-invalid=true], .fault:not(:empty)");
      first?.focus();
      first?.scrollIntoView({ block: "center" });
    });
  };
  const submit = async (): Promise<void> => {
    const read = readAll(fields, texts);
    const extra = readRunDraft(draft);
    const found = new Map([...read.faults, ...extra.faults]);
    if (found.size > 0) return refuse(found);
    if (schema !== null && isEnforced) {
      const more = await checkParameters(schema, { ...given, ...read.parameters });
      if (more.size > 0) return refuse(more);
    }
    const body = { parameters: read.parameters, ...extra.body };
    const text = JSON.stringify(body);
    // Asked for once more, because no answer was heard, it is the same run.
    if (text !== sent.current.text) sent.current = { text, key: makeKey() };
    const { value } = await send({
      method: "POST",
      path: `/deployments/${id}/create_flow_run`,
      body: { ...body, idempotency_key: sent.current.key },
    });
    const run = value as FlowRun;
    say(`${run.name} was made.`);
    refresh();
    route(`/runs/flow-run/${run.id}`);
  };
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await submit();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      refuse(readRefusal(error));
    } finally {
      setBusy(false);
    }
  };
  const unplaced = [...faults].filter(([field]) => !isPlaced(field, fields));
  return (
    <>
      <div class="title">
        <h1>Run {name}</h1>
        <a href={`/deployments/deployment/${id}`}>Back to the deployment</a>
      </div>
      <form ref={form} class="sheet" noValidate onSubmit={(event) => void onSubmit(event)}>
        <div class="why fault-box" role="alert" hidden={unplaced.length === 0}>
          {unplaced.map(([field, fault]) => (
            <p key={field} class="fault" tabIndex={-1}>
              {field !== "" && `${field.replace(/^run\./, "")}: `}
              {fault}
            </p>
          ))}
        </div>
        <fieldset>
          <legend>Parameters</legend>
          {fields.length === 0 && <p class="none">It has none.</p>}
          {fields.map((field) => (
            <ParameterField
              key={field.name}
              parameter={field}
              text={texts.get(field.name) ?? writeText(field)}
              fault={faults.get(field.name)}
              onText={(text) => setTexts((all) => new Map(all).set(field.name, text))}
            />
          ))}
        </fieldset>
        <RunDraftFields deployment={deployment} draft={draft} faults={faults} onDraft={setDraft} />
        <div class="buttons">
          <button type="submit" class="main" disabled={isBusy}>
            {draft.at ? "Schedule the run" : "Run it now"}
          </button>
        </div>
      </form>
    </>
  );
}

function makeKey(): string {
  return crypto.getRandomValues(new BigUint64Array(2)).join("-");
}

function readAll(fields: readonly Field[], texts: Texts) {
  const parameters = new Map<string, JsonValue>();
  const faults = new Map<string, string>();
  for (const field of fields) {
    const reading = readText(field, texts.get(field.name) ?? writeText(field));
    if (reading.is === "value") parameters.set(field.name, reading.value);
    if (reading.is === "fault") faults.set(field.name, reading.fault);
  }
  return { parameters: Object.fromEntries(parameters), faults };
}

const PLACED = new Set(["run.name", "run.tags", "run.work_queue_name", "run.job_variables", "run.state"]);

function isPlaced(field: string, fields: readonly Field[]): boolean {
  return PLACED.has(field) || fields.some(({ name }) => name === field);
}
