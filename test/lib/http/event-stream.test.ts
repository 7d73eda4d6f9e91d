import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { type EventStream, EventStreams, type EventStreamsOptions } from '../../../lib/http/event-stream.js';
import { follow } from '../../helpers/event-stream.js';
import { latch, Recorder } from '../../helpers/events.js';

/** A server whose every answer is a stream, handed to the test. */
async function serve(t: Test, options: Partial<EventStreamsOptions> = {}) {
  const streams = new EventStreams({ most: 10, heartbeatMs: 30, mostWaitingBytes: 64 * 1024, ...options });
  const opened = new Recorder<EventStream>();
  const refused = latch<unknown>();
  const server = createServer((_request, response: ServerResponse) => {
    try {
      const stream = streams.open(response);
      stream.begin({ 'x-mine': 'yes' });
      opened.add(stream);
    } catch (error) {
      refused.open(error);
      response.writeHead(500).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
    streams.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return { streams, opened, refused, server, port, url: `http://127.0.0.1:${port}` };
}

t.test('heartbeats come by themselves, with what the stream says', async (t) => {
  const { url, opened } = await serve(t);
  const client = await follow(t, url, '/');
  t.match(client.headers, { 'x-mine': 'yes', 'content-type': 'text/event-stream; charset=utf-8' });
  const [stream] = await opened.length(1);
  await client.comments.length(2);
  t.equal(client.lastId(), undefined);
  stream?.onHeartbeat(() => 'id: here\n');
  await client.comments.length(client.comments.items.length + 2);
  t.equal(client.lastId(), 'here');
  t.same(client.events.items, [], 'no heartbeat is an event');
});

t.test('a client that does not read is cut off, and its place is free again', async (t) => {
  const { port, url, opened, streams } = await serve(t, { most: 1 });
  const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
  socket.pause();
  t.teardown(() => socket.destroy());
  const [stream] = await opened.length(1);
  const closed = latch();
  stream?.onClose(() => closed.open());
  const text = `data: ${'x'.repeat(16 * 1024)}\n\n`;
  let written = 0;
  while (stream && !stream.closed && written < 64 * 1024 * 1024) {
    stream.write(text);
    written += text.length;
  }
  await closed.opened;
  t.ok(written < 64 * 1024 * 1024);
  t.equal(streams.count, 0);
  t.equal((await follow(t, url, '/')).status, 200);
});

t.test('no more than may be open', async (t) => {
  const { url, refused, streams } = await serve(t, { most: 2 });
  await follow(t, url, '/');
  const second = await follow(t, url, '/');
  const third = await follow(t, url, '/');
  t.equal(third.status, 500);
  t.match(await refused.opened, { code: 'OVERLOADED', status: 503 });
  t.equal(streams.count, 2);
  second.leave();
  await second.ended;
});

t.test('closing ends all of them at once, and those that were about to begin', async (t) => {
  const { url, streams, server, opened } = await serve(t);
  const clients = await Promise.all([follow(t, url, '/'), follow(t, url, '/')]);
  await opened.length(2);
  const closed = once(server, 'close');
  streams.close();
  server.close();
  for (const client of clients) t.equal(await client.ended, true);
  await closed;
});
