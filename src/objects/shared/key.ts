/** Who has the key: judged by the Worker for calls, and by the owner of a socket for its auth frame. */

export interface KeyBindings {
  /** The key that every call must carry; without one the deployed Worker answers nothing. */
  SLUICE_API_KEY?: string;
  /** `true` lets everybody in: set by the embedded server on loopback only. */
  SLUICE_OPEN?: string;
}

/** Bearer as `PREFECT_API_KEY` sends it, Basic as `PREFECT_API_AUTH_STRING` does. */
export async function judgeAuthorization(
  env: KeyBindings,
  header: string | undefined,
): Promise<"accepted" | "refused" | "not_configured"> {
  const key = env.SLUICE_API_KEY;
  if (key === undefined || key === "") return env.SLUICE_OPEN === "true" ? "accepted" : "not_configured";
  const [scheme = ""] = header?.split(/\s/, 1) ?? [];
  // A key may hold blanks, but none at its ends: there clients and servers drop them.
  const credentials = header?.slice(scheme.length).trim() ?? "";
  if (/^bearer$/i.test(scheme)) return (await isSameSecret(credentials, key)) ? "accepted" : "refused";
  if (/^basic$/i.test(scheme))
    return (await isSameSecret(credentials, encodeBase64(key))) ? "accepted" : "refused";
  return "refused";
}

/** Judges the token of a socket's auth frame. */
export async function judgeToken(
  env: KeyBindings,
  token: string | null | undefined,
): Promise<"accepted" | "refused" | "not_configured"> {
  return judgeAuthorization(env, token === null || token === undefined ? undefined : `Bearer ${token}`);
}

/** Compares digests, so that neither content nor length shows in the time it takes. */
async function isSameSecret(given: string, wanted: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [left, right] = await Promise.all(
    [given, wanted].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))),
  );
  return left !== undefined && right !== undefined && crypto.subtle.timingSafeEqual(left, right);
}

function encodeBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
