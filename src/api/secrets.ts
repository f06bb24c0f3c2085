/**
 * Secrets at rest: AES-256-GCM under a key that only the Worker has, see `SLUICE_SECRETS_KEY`. Each sealed value is
 * bound to the document and place it was written for, so that it opens nowhere else.
 */
import { fail, type Bindings } from "./context.ts";

/** A text that is guessed more easily than a key may be is refused. */
const KEY_CHARACTERS_MIN = 16;
const IV_BYTES = 12;
const HEX_OF_KEY_ID = 8;
const FORM = /^1\.([0-9a-f]{8})\.([A-Za-z0-9+/=]+)\.([A-Za-z0-9+/=]+)$/;

interface SecretsKey {
  /** Tells keys apart without telling anything of them. */
  id: string;
  key: CryptoKey;
}

/** Seals and opens the secrets of one request, with keys that are derived once for it. */
export class Vault {
  readonly #today: string;
  readonly #old: readonly string[];
  readonly #keys = new Map<string, Promise<SecretsKey>>();

  constructor(env: Pick<Bindings, "SLUICE_SECRETS_KEY" | "SLUICE_SECRETS_OLD_KEYS">) {
    // A line's end that came along with a key is no part of it.
    this.#today = env.SLUICE_SECRETS_KEY?.trim() ?? "";
    this.#old = env.SLUICE_SECRETS_OLD_KEYS?.split(",").map((key) => key.trim()) ?? [];
  }

  /** Seals a text for one place. Refuses where the server has no key for secrets. */
  async seal(text: string, place: string): Promise<string> {
    if (this.#today === "")
      return fail(
        "forbidden",
        "This Sluice has no key to keep secrets with, so blocks with secrets cannot be saved; set one with `openssl rand -base64 32 | wrangler secret put SLUICE_SECRETS_KEY`.",
      );
    if (this.#today.length < KEY_CHARACTERS_MIN)
      return fail(
        "forbidden",
        `SLUICE_SECRETS_KEY must have at least ${KEY_CHARACTERS_MIN} characters; make one with \`openssl rand -base64 32\`.`,
      );
    const { id, key } = await this.#derive(this.#today);
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const algorithm = { name: "AES-GCM", iv, additionalData: encode(place) };
    const sealed = await crypto.subtle.encrypt(algorithm, key, encode(text));
    return `1.${id}.${toBase64(iv)}.${toBase64(new Uint8Array(sealed))}`;
  }

  /** Opens what was sealed for that place, with the key of today or one of `SLUICE_SECRETS_OLD_KEYS`. */
  async unseal(sealed: string, place: string): Promise<string> {
    const [, id = "", iv = "", content = ""] = FORM.exec(sealed) ?? [];
    const secrets = [this.#today, ...this.#old].filter((secret) => secret !== "");
    const keys = await Promise.all(secrets.map((secret) => this.#derive(secret)));
    const found = keys.find((key) => key.id === id);
    if (found === undefined)
      return fail(
        "forbidden",
        `This secret was written with a key (${id}) that this Sluice does not have; add that key to SLUICE_SECRETS_OLD_KEYS.`,
      );
    try {
      const algorithm = { name: "AES-GCM", iv: fromBase64(iv), additionalData: encode(place) };
      const opened = await crypto.subtle.decrypt(algorithm, found.key, fromBase64(content));
      return new TextDecoder().decode(opened);
    } catch {
      return fail("forbidden", "This secret is damaged and cannot be opened; save the block again.");
    }
  }

  #derive(secret: string): Promise<SecretsKey> {
    const known = this.#keys.get(secret) ?? deriveKey(secret);
    this.#keys.set(secret, known);
    return known;
  }
}

async function deriveKey(secret: string): Promise<SecretsKey> {
  const material = await crypto.subtle.importKey("raw", encode(secret), "HKDF", false, [
    "deriveKey",
    "deriveBits",
  ]);
  const derivation = (info: string) => ({
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(0),
    info: encode(info),
  });
  const [bits, key] = await Promise.all([
    crypto.subtle.deriveBits(derivation("sluice secrets: key id"), material, 32),
    crypto.subtle.deriveKey(
      derivation("sluice secrets: key"),
      material,
      { name: "AES-GCM", length: 256 },
      false,
      ["encrypt", "decrypt"],
    ),
  ]);
  const id = new DataView(bits).getUint32(0).toString(16).padStart(HEX_OF_KEY_ID, "0");
  return { id, key };
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text));
}

function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
