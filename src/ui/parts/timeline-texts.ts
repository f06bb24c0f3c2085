/** Texts of a timeline, made to fit. */

const CHARACTER_WIDTH = 7;
/** The beginning of a name that is shorter tells nothing. */
const CHARACTERS_MIN = 6;

/** Widths are in pixels. */
export function shorten(text: string, width: number): string {
  const characters = Math.floor(width / CHARACTER_WIDTH);
  if (text.length <= characters) return text;
  return characters < CHARACTERS_MIN ? "" : `${text.slice(0, characters - 1)}…`;
}

/** Devices begin alike, and their ends tell them apart. */
export function shortenDevice(name: string, width: number): string {
  const characters = Math.floor(width / CHARACTER_WIDTH);
  if (name.length <= characters) return name;
  const end = Math.ceil((characters - 1) / 2);
  return `${name.slice(0, Math.max(0, characters - 1 - end))}…${name.slice(-end)}`;
}

/** What names of devices take up, with a space behind them. */
export function measureDevices(devices: readonly (string | null)[]): number {
  const characters = Math.max(0, ...devices.map((name) => name?.length ?? 0));
  return characters === 0 ? 0 : characters * CHARACTER_WIDTH + 10;
}
