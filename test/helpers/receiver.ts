import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { Recorder } from './events.js';
import type { Teardown } from './services.js';

/** A request that a receiver got. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real HTTP server of the test's own. */
export interface Receiver {
  /** Such as `http://127.0.0.1:40000`. */
  readonly url: string;
  readonly received: Recorder<Received>;
  /** What it answers from now on. */
  answer: RequestListener;
  /** Ends it, connections and all. */
  close(): Promise<void>;
}

/** Answers 204. */
export const accept: RequestListener = (_request, response) => void response.writeHead(204).end();

/** Answers with a status, and a body. */
export const answerWith =
  (status: number, body = '', headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);

/** Takes the request and never answers. */
export const hang: RequestListener = () => {};

/** Takes the request and closes the connection. */
export const cut: RequestListener = (request) => void request.socket.destroy();

/** Starts a receiver; it ends with the test. */
export async function startReceiver(t: Teardown, answer: RequestListener = accept): Promise<Receiver> {
  const received = new Recorder<Received>();
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request;
    const body = await text(request);
    received.add({ method, path, headers, body });
    receiver.answer(request, response);
  });
  const close = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  const receiver: Receiver = { url: `http://127.0.0.1:${await listen(server)}`, received, answer, close };
  t.teardown(close);
  return receiver;
}

/** Starts a server that answers each connection with these bytes, whatever is asked, and closes it. */
export async function startGarbage(t: Teardown, bytes: string): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(bytes));
  });
  const port = await listen(server);
  t.teardown(() => server.close());
  return `http://127.0.0.1:${port}`;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return isAddress(address) ? address.port : 0;
}

function isAddress(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
