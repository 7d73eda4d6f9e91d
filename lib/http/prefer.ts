const TOKEN = "[!#$%&'*+.^_`|~\\w-]+";
const QUOTED = '"(?:\\\\.|[^"\\\\])*"';
const PREFERENCE = new RegExp(
  `^[\\t ]*(${TOKEN})[\\t ]*(?:=[\\t ]*(?:(${QUOTED}|${TOKEN})[\\t ]*)?)?(?:;|$)`,
);

/** The preferences that the service knows. */
export interface Preferences {
  /** The client does not want to wait at all. */
  readonly respondAsync: boolean;
  /** How long the client is ready to wait, in seconds, not capped. */
  readonly wait?: number;
}

/**
 * Reads `Prefer` (RFC 7240). Names have no case, the first of a name counts, parameters and what the
 * service does not know are ignored. Several header lines may come joined or as an array.
 */
export function parsePrefer(header: string | readonly string[] | undefined): Preferences {
  const named = new Map<string, string>();
  for (const part of splitList(String(header ?? ''))) {
    const [, name = '', value = ''] = PREFERENCE.exec(part) ?? [];
    const key = name.toLowerCase();
    if (key !== '' && !named.has(key)) named.set(key, unquote(value));
  }
  const wait = named.get('wait') ?? '';
  return {
    respondAsync: named.has('respond-async'),
    ...(/^\d+$/.test(wait) && { wait: Number(wait) }),
  };
}

/** Splits at the commas that are not within quotes. */
function splitList(header: string): string[] {
  return header.match(/(?:[^",]|"(?:\\.|[^"\\])*"?)+/g) ?? [];
}

function unquote(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
}
