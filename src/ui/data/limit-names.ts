/** Limits by names that people know: that of a deployment has its id in its own. */
const OF_DEPLOYMENT = /^deployment:([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/;

/** The id of the deployment whose limit has this name; null: it is no deployment's. */
export function deploymentOfLimit(name: string): string | null {
  return OF_DEPLOYMENT.exec(name)?.[1] ?? null;
}

/** The name of a limit, where that of its deployment is among `deployments`, with that. */
export function nameLimit(name: string, deployments: ReadonlyMap<string, string>): string {
  const id = deploymentOfLimit(name);
  if (id === null) return name.trim() === "" ? `“${name}”` : name;
  return deployments.get(id) ?? `deployment …${id.slice(-12)}`;
}
