/** One call of the API as the Worker serves it. */
import { exports } from "cloudflare:workers";

export const API = "http://sluice.test/api";

/** Calls `path`, which lies below `/api`. `body` is what a JSON answer says, null where there is none. */
export async function send(
  method: string,
  path: string,
  json?: unknown,
  headers: Record<string, string> = {},
) {
  const response = await exports.default.fetch(`${API}${path}`, {
    method,
    headers: { ...(json !== undefined && { "content-type": "application/json" }), ...headers },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : null,
  };
}
