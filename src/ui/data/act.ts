/** Acts: one call each, what came of it said aloud, and everything that is shown asked for again. */
import { say } from "../parts/toasts.tsx";
import { ApiError, send, type Request } from "./http.ts";
import { refresh } from "./query.ts";

/**
 * Does it; `done` is said when it worked, the server's own words when not. `faultOf` tells from an answer that is no
 * refusal why nothing was done, undefined where it was.
 */
export async function act(
  request: Request,
  done: string,
  faultOf: (answer: unknown) => string | undefined = () => undefined,
): Promise<boolean> {
  try {
    const fault = faultOf((await send(request)).value);
    say(fault ?? done, fault !== undefined);
    return fault === undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(error.message, true);
    return false;
  } finally {
    refresh();
  }
}
