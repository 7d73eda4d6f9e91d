import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { Problem, type ProblemCode } from '../errors.js';

/** What Node's HTTP parser finds wrong before there is a request, as our codes. */
const parserCodes: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
};

/** How long a client may take to read its answer and go; then the connection is cut. */
const LINGER_MS = 1_000;

/** Answers, by hand, a connection on which no request could be read, and closes it. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = new Problem(
    parserCodes[error.code ?? ''] ?? 'BAD_REQUEST',
    'The request could not be read as HTTP.',
  );
  const instance = randomUUID();
  const body = JSON.stringify({ ...problem.toJSON(), instance });
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.toJSON().title}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${instance}`,
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    'Server-Timing: total;dur=0',
    'Connection: close',
  ];
  // What has ended on our side stays half open for as long as the client likes.
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(cut));
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
