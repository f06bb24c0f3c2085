/** A thing that an event names, as a link where it has a page. */
import { nameOf, pageOf } from "../data/resource-links.ts";

export function Resource({ labels }: { labels: Readonly<Record<string, string>> }) {
  const page = pageOf(labels);
  const name = nameOf(labels);
  return page === undefined ? <>{name}</> : <a href={page}>{name}</a>;
}
