import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import { type ByteSource, PacedSource, StreamSource } from '../../../lib/exports/byte-source.js';

/** Both ends of a connection; the near one is paced. */
async function connected(t: Test): Promise<{ source: PacedSource; far: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const source = new PacedSource();
  const address: AddressInfo | string | null = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port');
  const accepted = once(server, 'connection');
  source.socket.connect(address.port, address.address);
  const [far]: Socket[] = await accepted;
  if (!far) throw new Error('nobody connected');
  t.teardown(() => {
    source.socket.destroy();
    far.destroy();
  });
  return { source, far };
}

/** Starts a source. @returns resolves with the first `length` bytes */
function taken(source: ByteSource, length: number): Promise<Buffer> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    source.start((piece) => {
      bytes = Buffer.concat([bytes, piece]);
      piece.fill(0);
      if (bytes.length >= length) resolve(bytes);
    });
  });
}

const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251));

t.test('until it is started a paced socket is read as any other', async (t) => {
  const { source, far } = await connected(t);
  const kept: Buffer[] = [];
  source.socket.on('data', (piece: Buffer) => kept.push(piece));
  for (const word of ['one', 'two']) {
    far.write(word);
    await once(source.socket, 'data');
  }
  t.equal(kept.join(' '), 'one two', 'what came first is not written over');
});

t.test('everything comes, in its order, however it is held back meanwhile', async (t) => {
  const { source, far } = await connected(t);
  const all = taken(source, sent.length);
  source.pause();
  source.resume();
  far.write(sent.subarray(0, 10));
  far.write(sent.subarray(10));
  const toggling = setInterval(() => {
    source.pause();
    setImmediate(() => source.resume());
  }, 1);
  t.ok((await all).equals(sent));
  clearInterval(toggling);
});

t.test('the end of the connection is noticed', async (t) => {
  const { source, far } = await connected(t);
  const all = taken(source, sent.length);
  far.end(sent);
  await all;
  await once(source.socket, 'close');
});

t.test('any other stream is taken over from whoever read it', async (t) => {
  const stream = new PassThrough();
  stream.on('data', () => t.fail('the old reader got something'));
  const source = new StreamSource(stream);
  const all = taken(source, 6);
  stream.write('abc');
  source.pause();
  stream.write('def');
  source.resume();
  t.equal(String(await all), 'abcdef');
});
