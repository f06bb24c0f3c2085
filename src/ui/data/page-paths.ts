/** Where the pages of things lie that are known by their names. */

export const pathOfLimit = (name: string): string => `/limits/${encodeURIComponent(name)}`;

export const pathOfPool = (name: string): string => `/work-pools/work-pool/${encodeURIComponent(name)}`;

export const pathOfQueue = (pool: string, name: string): string =>
  `${pathOfPool(pool)}/queue/${encodeURIComponent(name)}`;

/** By its id, too. */
export const pathOfWorker = (pool: string, name: string): string =>
  `${pathOfPool(pool)}/worker/${encodeURIComponent(name)}`;
