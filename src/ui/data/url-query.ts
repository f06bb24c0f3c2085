/** What a list shows, kept in the URL, so that it can be linked to and the browser's buttons go through it. */
import { useLocation } from "preact-iso";

/** The values of these names, empty where none is given, and what changes some of them. */
export function useUrlQuery<Name extends string>(
  names: readonly Name[],
): [Record<Name, string>, (change: Partial<Record<Name, string>>, isStep?: boolean) => void] {
  const { path, query, route } = useLocation();
  const values = Object.fromEntries(names.map((name) => [name, query[name] ?? ""])) as Record<Name, string>;
  /** `isStep`: the browser's back button returns from it. */
  const set = (change: Partial<Record<Name, string>>, isStep = false): void => {
    const wanted = Object.entries<string>({ ...values, ...change }).filter(([, value]) => value !== "");
    const next = new URLSearchParams(wanted).toString();
    route(next === "" ? path : `${path}?${next}`, !isStep);
  };
  return [values, set];
}
