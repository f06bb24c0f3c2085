/** Nothing is known yet, or nothing could be learnt. */
import type { Query } from "../data/query.ts";

export function Loading({ query: { error } }: { query: Pick<Query<unknown>, "error"> }) {
  if (error === undefined)
    return (
      <p class="none" aria-busy="true">
        Loading …
      </p>
    );
  return (
    <section class="state" role="alert">
      <h1>{error.status === 404 ? "There is no such thing here" : "This could not be loaded"}</h1>
      <p>{error.message}</p>
      <p>
        {error.status === 404
          ? "It may have been deleted, or the link is of another server."
          : error.isPassing && "It is tried again by itself."}{" "}
        <a href="/">Go to the machines</a>
      </p>
    </section>
  );
}

/** The same of a part of a page. */
export function LoadingPart({ query: { error } }: { query: Query<unknown> }) {
  return error === undefined ? (
    <p class="none" aria-busy="true">
      Loading …
    </p>
  ) : (
    <p class="none" role="alert">
      This could not be loaded{error.isPassing && ", and is tried again"}: {error.message}
    </p>
  );
}

/** The same of a part that is shown only where there is something in it: that it could not be learnt is not left out. */
export function Unanswered({ title, query }: { title: string; query: Query<unknown> }) {
  if (query.error === undefined) return null;
  return (
    <>
      <h2>{title}</h2>
      <LoadingPart query={query} />
    </>
  );
}
