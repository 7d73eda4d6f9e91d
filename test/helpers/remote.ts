import type { RequestListener } from 'node:http';
import { answerWith, type Receiver, startReceiver } from './receiver.js';
import type { Teardown } from './services.js';

/** Another host, of the test's own, that images are fetched from. */
export interface Remote extends Receiver {
  /** What it answers, by path; everything else is a 404. */
  readonly paths: Map<string, RequestListener>;
  /** How often a path was asked for. */
  asked(path: string): number;
}

/** Starts a remote; it ends with the test. */
export async function startRemote(t: Teardown): Promise<Remote> {
  const paths = new Map<string, RequestListener>();
  const notFound = answerWith(404, 'there is nothing here');
  const receiver = await startReceiver(t, (request, response) =>
    (paths.get(request.url ?? '') ?? notFound)(request, response),
  );
  const asked = (path: string): number => receiver.received.items.filter((each) => each.path === path).length;
  return Object.assign(receiver, { paths, asked });
}

/** Answers with a file. */
export const file =
  (bytes: Buffer, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(200, { 'content-length': bytes.length, ...headers }).end(bytes);

/** Redirects. */
export const redirect = (location: string, status = 302): RequestListener =>
  answerWith(status, 'look elsewhere', { location });

/** Answers with a file, and 304 where the client has that version; `version` is its entity tag. */
export const versioned =
  (bytes: Buffer, version: string): RequestListener =>
  (request, response) => {
    const hasIt = request.headers['if-none-match'] === version;
    response.writeHead(hasIt ? 304 : 200, { etag: version }).end(hasIt ? undefined : bytes);
  };

/** Sends some bytes, and the rest one at a time, for ever. */
export const trickle =
  (bytes: Buffer): RequestListener =>
  (_request, response) => {
    response.writeHead(200).write(bytes);
    const timer = setInterval(() => response.write('x'), 100);
    response.once('close', () => clearInterval(timer));
  };
