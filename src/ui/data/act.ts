/** Acts: one call each, what came of it said aloud, and everything that is shown asked for again. */
import { say } from "../parts/toasts.tsx";
import { ApiError, send, type Request } from "./http.ts";
import { refresh } from "./query.ts";

/** Does it; `done` is said when it worked, the server's own words when not. */
export async function act(request: Request, done: string): Promise<boolean> {
  try {
    await send(request);
    say(done);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(error.message, true);
    return false;
  } finally {
    refresh();
  }
}
