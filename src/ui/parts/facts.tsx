/** What is known of one thing, a name and a value each; those without a value are left out. */
import { Fragment, type ComponentChildren } from "preact";

export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  const known = facts.filter(([, value]) => ![null, undefined, false, ""].includes(value as never));
  return (
    <dl class="facts">
      {known.map(([name, value], index) => (
        <Fragment key={`${name} ${index}`}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
