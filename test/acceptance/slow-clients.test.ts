import { once } from 'node:events';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { eventually } from '../helpers/events.js';
import { countRows } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { open } from '../helpers/raw-http.js';
import { filesLeft, startService } from '../helpers/service.js';

const MAX_CONNECTIONS = 20;
const service = await startService(t, {
  env: {
    ROLE: 'api',
    HEADERS_TIMEOUT_SECONDS: '1',
    BODY_IDLE_SECONDS: '1',
    MIN_BODY_BYTES_PER_SECOND: '500',
    KEEP_ALIVE_SECONDS: '1',
    MAX_CONNECTIONS: String(MAX_CONNECTIONS),
  },
});
const PACE_MS = 50;

/** Writes a piece every now and then until the connection ends or nothing is left. */
function trickle(socket: Socket, pieces: Iterator<string | Buffer>): void {
  const timer = setInterval(() => {
    const { value, done } = pieces.next();
    if (done) clearInterval(timer);
    else socket.write(value);
  }, PACE_MS);
  socket.on('error', () => {}).once('close', () => clearInterval(timer));
}

function* forEver(piece: string): Generator<string> {
  for (;;) yield piece;
}

function* slices(file: Buffer, bytes: number): Generator<Buffer> {
  for (let at = 0; at < file.length; at += bytes) yield file.subarray(at, at + bytes);
}

const head = (path: string, type: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;

const file = await noise(300, 200).png({ compressionLevel: 0 }).toBuffer();

await t.test('a body that stalls or drips is cut off with a 408, and leaves nothing', async (t) => {
  const bodies: Record<string, (socket: Socket) => void> = {
    'nothing comes': (socket) => socket.write(head('/v1/images', 'image/png', 1000)),
    'half comes': (socket) => {
      socket.write(head('/v1/images', 'image/png', file.length));
      socket.write(file.subarray(0, 100_000));
    },
    'a form of a byte at a time': (socket) => {
      socket.write(head('/v1/images', 'multipart/form-data; boundary=x', 1_000_000));
      trickle(socket, forEver('-'));
    },
    'JSON of a byte at a time': (socket) => {
      socket.write(head('/v1/exports', 'application/json', 1000));
      trickle(socket, forEver(' '));
    },
    'chunks of a byte': (socket) => {
      socket.write(
        'POST /v1/images HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      trickle(socket, forEver('1\r\n \r\n'));
    },
    'to a path that is none': (socket) => socket.write(head('/v1/nope', 'text/plain', 1000)),
  };
  for (const [name, send] of Object.entries(bodies)) {
    const socket = await open(service.url);
    send(socket);
    const answer = await text(socket.on('error', () => {}));
    // Who has had an answer gets no second one; the connection ends all the same.
    const expected = name.includes('none') ? /^HTTP\/1.1 404 / : /^HTTP\/1.1 408 [\s\S]*REQUEST_TIMEOUT/;
    t.match(answer, expected, name);
  }
  t.same(await eventually(async () => ((await filesLeft(service)).length === 0 ? [] : undefined)), []);
  t.equal(await countRows(t, service.databaseUrl, 'images'), 0);
});

await t.test('header fields that drip, and connections that say nothing, are cut off too', async (t) => {
  const dripping = await open(service.url);
  dripping.write('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  trickle(dripping, forEver('x'));
  t.match(await text(dripping), /^HTTP\/1.1 408 /);
  const silent = await open(service.url);
  await text(silent);
  const idle = await open(service.url);
  idle.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  t.match(await text(idle), /^HTTP\/1.1 200 /, 'an idle connection ends after its answer');
});

await t.test('a slow body that keeps the pace is taken, however long it takes', async (t) => {
  const socket = await open(service.url);
  socket.write(head('/v1/images', 'image/png', file.length));
  trickle(socket, slices(file, file.length / 40));
  t.match(String(await once(socket, 'data')), /^HTTP\/1.1 201 /);
  socket.destroy();
});

await t.test('more connections than are allowed: the last ones are closed, the others live', async (t) => {
  const sockets = await Promise.all(
    Array.from({ length: MAX_CONNECTIONS + 10 }, async () => (await open(service.url)).on('error', () => {})),
  );
  const closed = new Set<Socket>();
  for (const socket of sockets) socket.resume().once('close', () => closed.add(socket));
  await eventually(async () => (closed.size >= 10 ? true : undefined));
  const living = sockets.find((socket) => !closed.has(socket));
  if (!living) throw new Error('none is left');
  living.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  t.match(String(await once(living, 'data')), /^HTTP\/1.1 200 /);
  for (const socket of sockets) socket.destroy();
});
