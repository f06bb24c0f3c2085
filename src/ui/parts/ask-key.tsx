/** Asks for the key where the server wants one, once; it is kept in this browser. */
import { KeyRound } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { forgetKey, keepKey, readKey } from "../data/http.ts";
import { KEY_QUESTION, useQuery } from "../data/query.ts";

export function AskKey({ children }: { children: ComponentChildren }) {
  const { value, error } = useQuery<string>(KEY_QUESTION);
  if (error?.status === 401) return <KeyForm isWrong={readKey() !== null} />;
  if (value === undefined && error !== undefined)
    return (
      <section class="state" role="alert">
        <h1>No answer</h1>
        <p>{error.message}</p>
        <p>
          {error.status === 503
            ? "On Cloudflare, set SLUICE_API_KEY with `npx wrangler secret put SLUICE_API_KEY`."
            : "Start it with `sluice server start`; this page tries again by itself."}
        </p>
      </section>
    );
  return <>{children}</>;
}

function KeyForm({ isWrong }: { isWrong: boolean }) {
  const take = (event: SubmitEvent): void => {
    event.preventDefault();
    const key = new FormData(event.currentTarget as HTMLFormElement).get("key");
    // What is pasted may have blanks around it, which no key has.
    if (typeof key !== "string" || key.trim() === "") return;
    keepKey(key.trim());
    location.reload();
  };
  return (
    <section class="state">
      <h1>
        <KeyRound aria-hidden="true" /> This server wants a key
      </h1>
      {isWrong && (
        <p role="alert">
          The key in this browser is not the server's. It may have been changed: enter the new one.
        </p>
      )}
      <p>
        It is what the server got as <code>SLUICE_API_KEY</code>, or <code>user:password</code>. It stays in
        this browser and goes to this server only.
      </p>
      <form onSubmit={take}>
        <label>
          Key <input name="key" type="password" autocomplete="current-password" required autofocus />
        </label>
        <button type="submit" class="main">
          Go on
        </button>
        {isWrong && (
          <button
            type="button"
            onClick={() => {
              forgetKey();
              location.reload();
            }}
          >
            Forget it
          </button>
        )}
      </form>
    </section>
  );
}
