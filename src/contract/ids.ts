/**
 * Ids that route themselves.
 *
 * Every id of a hot entity is a UUID from which the object that owns it can be computed, so that id -> object needs
 * no lookup and a made-up id is refused without touching an object. The bits, most significant first:
 *
 * | bits    | content                                                              |
 * | ------- | -------------------------------------------------------------------- |
 * | 0–47    | head: milliseconds since the epoch (version 7), else free (version 8) |
 * | 48–51   | UUID version, 7 or 8                                                 |
 * | 52–55   | layout: what the id names, see {@link ID_LAYOUT}                     |
 * | 56–63   | check: CRC-8 over all other bits                                     |
 * | 64–65   | UUID variant                                                         |
 * | 66–71   | 6 free bits                                                          |
 * | 72–111  | shard key of the owning object, see {@link deriveShardKey}           |
 * | 112–127 | 16 free bits                                                         |
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** What an id names. A number is never given a second meaning; 0 and 15 stay unused. */
export const ID_LAYOUT = {
  limit: 1,
  lease: 2,
  /** The lease of a grant that holds nothing (no limit of those names exists): renewing and releasing it is a no-op. */
  empty_lease: 3,
  pool: 4,
  queue: 5,
  worker: 6,
  flow_run: 7,
  state: 8,
  log: 9,
  artifact: 10,
  task_run: 11,
} as const;
export type IdLayout = keyof typeof ID_LAYOUT;

/** The kinds of named objects whose key is derived from a name. */
export type NamedKind = "limit" | "pool";

/** 10 lower-case hex digits: the 40-bit key of the object that owns an entity. */
export type ShardKey = string;

/** The version of the derivation below; it is part of the hashed input, so a change moves every key. */
const SHARD_KEY_VERSION = 1;
const KEY_HEX_DIGITS = 10;
const FREE_TAIL_BITS = 22;
const KEYS_KNOWN_MAX = 1000;
const LAYOUT_NAMES = new Map<number, IdLayout>(
  Object.entries(ID_LAYOUT).map(([name, layout]) => [layout, name as IdLayout]),
);

/** Derives the shard key of a named object: the first 40 bits of SHA-256 over `[version, kind, workspace, name]` as JSON. */
export function deriveShardKey(kind: NamedKind, workspace: string, name: string): ShardKey {
  const input = JSON.stringify([SHARD_KEY_VERSION, kind, workspace, name]);
  const known = knownKeys.get(input);
  if (known !== undefined) return known;
  const key = bytesToHex(sha256(utf8ToBytes(input))).slice(0, KEY_HEX_DIGITS);
  if (knownKeys.size >= KEYS_KNOWN_MAX) knownKeys.clear();
  knownKeys.set(input, key);
  return key;
}

/** What {@link deriveShardKey} has said lately: hashing a name costs more than the rest of finding its object. */
const knownKeys = new Map<string, ShardKey>();

export interface IdParts {
  layout: IdLayout;
  key: ShardKey;
  /** 48-bit unsigned integer: milliseconds since the epoch where `version` is 7. */
  head: number;
  version: 7 | 8;
  /** 22-bit unsigned integer that tells apart ids with the same head, layout and key. */
  tail: number;
}

/** Writes an id from its parts. Throws a RangeError when a part does not fit its bits. */
export function formatId({ layout, key, head, version, tail }: IdParts): string {
  if (!Number.isInteger(head) || head < 0 || head >= 2 ** 48) throw new RangeError(`id head ${head}`);
  if (!Number.isInteger(tail) || tail < 0 || tail >= 2 ** FREE_TAIL_BITS)
    throw new RangeError(`id tail ${tail}`);
  if (!/^[0-9a-f]{10}$/.test(key)) throw new RangeError(`shard key ${key}`);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(head / 2 ** 32));
  view.setUint32(2, head % 2 ** 32);
  bytes[6] = (version << 4) | ID_LAYOUT[layout];
  bytes[8] = 0x80 | (tail >>> 16);
  for (let index = 0; index < 5; index += 1)
    bytes[9 + index] = Number.parseInt(key.slice(index * 2, index * 2 + 2), 16);
  view.setUint16(14, tail & 0xffff);
  bytes[7] = computeCheck(bytes);
  const hex = bytesToHex(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Reads an id of ours; undefined for any text that {@link formatId} did not write, other UUIDs included. */
export function parseId(id: string): IdParts | undefined {
  if (!isUuid(id)) return undefined;
  const hex = id.replaceAll("-", "").toLowerCase();
  const bytes = hexToBytes(hex);
  const view = new DataView(bytes.buffer);
  const version = view.getUint8(6) >>> 4;
  const layout = LAYOUT_NAMES.get(view.getUint8(6) & 0x0f);
  if ((version !== 7 && version !== 8) || layout === undefined || view.getUint8(8) >>> 6 !== 2)
    return undefined;
  if (view.getUint8(7) !== computeCheck(bytes)) return undefined;
  return {
    layout,
    key: hex.slice(18, 28),
    head: view.getUint16(0) * 2 ** 32 + view.getUint32(2),
    version,
    tail: ((view.getUint8(8) & 0x3f) << 16) | view.getUint16(14),
  };
}

/** Reads the shard key of an id, provided that it names one of the wanted things. */
export function keyOfId(id: string, ...layouts: IdLayout[]): ShardKey | undefined {
  const parts = parseId(id);
  return parts !== undefined && layouts.includes(parts.layout) ? parts.key : undefined;
}

/** Tells whether a text has the form of a UUID, of any version. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}

/** Reads the UTC day, as `YYYYMMDD`, off a time-ordered id. */
export function dayOfId(id: string): string | undefined {
  const parts = parseId(id);
  if (parts?.version !== 7) return undefined;
  return new Date(parts.head).toISOString().slice(0, 10).replaceAll("-", "");
}

/** The CRC of each single byte. */
const CRC_TABLE = Uint8Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc & 0x80 ? 0x107 : 0);
  return crc;
});

/** CRC-8 (polynomial 0x07) over the 16 bytes of an id, the check byte itself counted as zero. */
function computeCheck(bytes: Uint8Array): number {
  let crc = 0;
  for (let index = 0; index < 16; index += 1)
    crc = CRC_TABLE[crc ^ (index === 7 ? 0 : (bytes[index] ?? 0))] ?? 0;
  return crc;
}
