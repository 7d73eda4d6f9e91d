import { createHmac, timingSafeEqual } from 'node:crypto';

/** Longest that a link may live. */
export const MAX_LINK_SECONDS = 7 * 86_400;

/** A secret that links are signed with, and the number that a link names it by. */
export interface LinkKey {
  readonly id: number;
  readonly secret: Uint8Array;
}

/** What a link lets its bearer do: read one file, for a while. */
export interface Link {
  /** Of the file, such as `/v1/images/…/content`. */
  readonly path: string;
  readonly tenantId: string;
  readonly expiresAt: Date;
  /** Whether a browser stores the file instead of showing it. */
  readonly download: boolean;
}

/** A link as its query says it, before anything of it is believed. */
export interface ClaimedLink {
  readonly link: Link;
  readonly keyId: number;
  readonly signature: string;
}

const NAMES = ['download', 'expires', 'key', 'signature', 'tenant'];
const MAX_EXPIRES = 8_640_000_000_000;

/** The path and query of a link. */
export function formatLink(link: Link, key: LinkKey): string {
  const query = new URLSearchParams({
    ...(link.download && { download: '1' }),
    expires: String(seconds(link.expiresAt)),
    key: String(key.id),
    tenant: link.tenantId,
    signature: signatureOf(link, key).toString('base64url'),
  });
  return `${link.path}?${query}`;
}

/** Reads the link that a URL claims to be; undefined for one that has a name too many, too few, or twice. */
export function parseLink(path: string, query: URLSearchParams): ClaimedLink | undefined {
  const names = [...query.keys()];
  if (new Set(names).size < names.length || names.some((name) => !NAMES.includes(name))) return undefined;
  const [expires, keyId] = [query.get('expires'), query.get('key')].map((text) =>
    /^\d{1,13}$/.test(text ?? '') ? Number(text) : undefined,
  );
  const [tenantId, signature, download] = [
    query.get('tenant'),
    query.get('signature'),
    query.get('download'),
  ];
  if (expires === undefined || expires > MAX_EXPIRES || keyId === undefined) return undefined;
  if (tenantId === null || signature === null || (download !== null && download !== '1')) return undefined;
  const expiresAt = new Date(expires * 1000);
  return { link: { path, tenantId, expiresAt, download: download === '1' }, keyId, signature };
}

/** Whether a link was signed with a key, in a time that does not tell how nearly. */
export function isSignedWith({ link, signature }: ClaimedLink, key: LinkKey): boolean {
  const given = Buffer.from(signature, 'base64url');
  const expected = signatureOf(link, key);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** HMAC-SHA256 over method, path, tenant, expiry and the rest of the query; HEAD is what GET is, without the body. */
function signatureOf({ path, tenantId, expiresAt, download }: Link, { secret }: LinkKey): Buffer {
  const signed = ['GET', path, tenantId, seconds(expiresAt), download ? 'download=1' : ''].join('\n');
  return createHmac('sha256', secret).update(signed).digest();
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
