import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const agent = new Agent({ keepAlive: true });

/**
 * One request on a kept connection: as little work as a client can make of it, because the client
 * shares the machine with what it measures.
 *
 * @param body the parts of the body, sent one after the other
 */
export function send(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: readonly Buffer[] = [],
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body.reduce((sum, part) => sum + part.length, 0);
    const outgoing = request(url, {
      agent,
      method,
      headers: { ...headers, ...(body.length > 0 && { 'content-length': String(length) }) },
    });
    outgoing.once('error', reject);
    outgoing.once('response', (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.once('error', reject);
      incoming.once('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }),
      );
    });
    for (const part of body) outgoing.write(part);
    outgoing.end();
  });
}

/** A GET on a kept connection. */
export function get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return send(url, 'GET', headers);
}

/** An answer's JSON, when its status is the expected one. @throws Error with the answer otherwise */
export function jsonOf<T>(answer: Answer, ...statuses: readonly number[]): T {
  if (!statuses.includes(answer.status)) throw new Error(`${answer.status}: ${answer.text.slice(0, 500)}`);
  // It is our own service's answer, and its tests check it against its schema.
  return JSON.parse(answer.text) as T;
}
