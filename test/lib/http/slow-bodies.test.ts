import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { SlowBodies } from '../../../lib/http/slow-bodies.js';
import { Recorder } from '../../helpers/events.js';
import { open } from '../../helpers/raw-http.js';

const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n';

t.test('a body that waits for us is not slow, however long it waits', async (t) => {
  const cut = new Recorder<IncomingMessage>();
  const bodies = new SlowBodies({ idleSeconds: 0.1, minBytesPerSecond: 500 }, cut.add);
  t.teardown(() => bodies.close());
  const server = createServer((request, response) => {
    // Nobody reads it.
    request.on('error', () => {});
    bodies.watch(request, response);
  });
  t.teardown(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  const waiting = await open(url);
  waiting.write(`${head}${'x'.repeat(500_000)}`);
  // Windows pass: each of these is cut at the end of one.
  for (let count = 1; count <= 3; count++) {
    const stalled = await open(url);
    stalled.write(head);
    stalled.resume().on('error', () => {});
    await cut.length(count);
    await once(stalled, 'close');
  }
  t.equal(cut.items.length, 3);
  t.ok(cut.items.every((request) => request.socket.remotePort !== waiting.localPort));
  t.equal(waiting.destroyed, false);
  waiting.destroy();
});
