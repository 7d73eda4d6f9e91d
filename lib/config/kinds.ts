import { resolve } from 'node:path';
import { parseToken } from '../keys/token.js';
import { parseHosts } from '../outbound/hosts.js';

/** One setting: how its text becomes a value, and what the README says of it. */
export interface Setting<T> {
  /** The text that stands for the default, or undefined where unset means "none". */
  readonly fallback: string | undefined;
  /** What it takes, as a bad value's message and the README say it. */
  readonly takes: string;
  readonly about: string;
  /** Whether its text must not be shown, not even where it is a bad one. */
  readonly isSecret?: true;
  /** The value, or undefined where the text is not one. */
  parse(text: string): T | undefined;
}

/** A whole number within bounds. */
export const integer = (
  fallback: number | undefined,
  min: number,
  max: number,
  unit: string,
  about: string,
): Setting<number> => ({
  fallback: fallback?.toString(),
  takes: `a whole number from ${min} to ${max}${unit && ` (${unit})`}`,
  about,
  parse(text) {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  },
});

/** One of some words. */
export const oneOf = <const T extends string>(
  values: readonly T[],
  fallback: T,
  about: string,
): Setting<T> => ({
  fallback,
  takes: `one of ${values.join(', ')}`,
  about,
  parse: (text) => values.find((value) => value === text),
});

/** A URL of one of some schemes; unset: none. */
export const url = (protocols: readonly string[], about: string): Setting<string> => ({
  fallback: undefined,
  takes: `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  about,
  parse: (text) => (URL.canParse(text) && protocols.includes(new URL(text).protocol) ? text : undefined),
});

/** Any text. */
export const text = (fallback: string, takes: string, about: string): Setting<string> => ({
  fallback,
  takes,
  about,
  parse: (value) => value,
});

/** `true` or `false`. */
export const flag = (fallback: boolean, about: string): Setting<boolean> => ({
  fallback: String(fallback),
  takes: 'true or false',
  about,
  parse: (value) => (value === 'true' ? true : value === 'false' ? false : undefined),
});

/** `somebody@example.com`, or `A name <somebody@example.com>`. */
export const address = (fallback: string | undefined, about: string): Setting<string> => ({
  fallback,
  takes: 'an e-mail address',
  about,
  parse: (value) => (/^[^\s@<>]+@[^\s@<>]+$|^[^<>@]*<[^\s@<>]+@[^\s@<>]+>$/.test(value) ? value : undefined),
});

/** A folder, made absolute; unset: none. */
export const folder = (about: string): Setting<string> => ({
  fallback: undefined,
  takes: 'a folder',
  about,
  parse: (value) => resolve(value),
});

/** `false`, `true`, a number of hops, or a list of addresses: as Fastify's `trustProxy` takes it. */
export const proxies: Setting<boolean | number | string> = {
  fallback: 'false',
  takes: 'true, false, a number of hops, or addresses and networks separated by commas',
  about: 'Whose `X-Forwarded-*` headers are believed',
  parse(value) {
    if (value === 'true' || value === 'false') return value === 'true';
    if (/^\d+$/.test(value)) return Number(value);
    return /^[\da-fA-F.:/]+(\s*,\s*[\da-fA-F.:/]+)*$/.test(value) ? value : undefined;
  },
};

/** A bearer token of ours, as its owner sends it; unset: none. */
export const token = (about: string): Setting<string> => ({
  fallback: undefined,
  takes: 'ht_<prefix>_<secret>: 4 to 32 letters and digits, and 22 or more of base64url',
  about,
  isSecret: true,
  parse: (value) => (parseToken(value) ? value : undefined),
});

/** Hosts, and names below a host; unset: none are listed. */
export const hosts = (about: string): Setting<readonly string[]> => ({
  fallback: undefined,
  takes: 'hosts separated by commas; `*.example.com` is every one below example.com',
  about,
  parse: parseHosts,
});
