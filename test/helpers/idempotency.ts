import type { Sql } from 'postgres';
import type { Test } from 'tap';
import type { ProblemBody } from './client.js';
import type { Service } from './service.js';

/** An answer, read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends a POST with an `Idempotency-Key`. */
export async function post({ url }: Service, path: string, init: RequestInit, key: string): Promise<Answer> {
  const headers = new Headers(init.headers);
  headers.set('idempotency-key', key);
  const response = await fetch(`${url}${path}`, { ...init, method: 'POST', headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** A JSON body. */
export const json = (body: unknown): RequestInit => ({
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});
/** A file as the body. */
export const raw = (file: Buffer): RequestInit => ({
  body: new Uint8Array(file),
  headers: { 'content-type': 'image/png' },
});

/** The second answer is the first one again, but for what belongs to each exchange. */
export function isReplay(t: Test, first: Answer, second: Answer): void {
  t.equal(second.headers.get('idempotency-replayed'), 'true');
  t.equal(first.headers.get('idempotency-replayed'), null);
  t.equal(second.status, first.status);
  t.equal(second.text, first.text);
  for (const name of [
    'content-type',
    'location',
    'retry-after',
    'preference-applied',
    'cache-control',
    'vary',
  ]) {
    t.equal(second.headers.get(name), first.headers.get(name), name);
  }
  t.not(second.headers.get('x-request-id'), first.headers.get('x-request-id'));
  t.ok(second.headers.get('server-timing'));
}

/** The answer is a problem of this code, and no replay. */
export function isProblem(t: Test, { status, text, headers }: Answer, code: string): ProblemBody {
  const body: ProblemBody = JSON.parse(text);
  t.equal(body.code, code);
  t.match(headers.get('content-type'), /^application\/problem\+json/);
  t.equal(headers.get('idempotency-replayed'), null);
  t.equal(body.instance, headers.get('x-request-id'), `${status}`);
  return body;
}

/** How many rows a table has. */
export function counter(sql: Sql): (table: string) => Promise<number> {
  return async (table) => {
    const [row] = await sql<{ count: number }[]>`select count(*)::int as count from ${sql(table)}`;
    return row?.count ?? 0;
  };
}
