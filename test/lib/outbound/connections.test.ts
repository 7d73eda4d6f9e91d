import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { openOutbound } from '../../../lib/outbound/client.js';
import { eventually } from '../../helpers/events.js';

const asked = { method: 'GET', timeoutMs: 5_000, maxRedirects: 3 } as const;

/** A host that counts its connections. */
async function countingHost(t: Test, keepAliveTimeout = 60_000) {
  const open = new Set<Socket>();
  let opened = 0;
  const server = createServer({ keepAliveTimeout }, ({ url }, response) => {
    if (url === '/old') response.writeHead(302, { location: '/new' }).end('elsewhere');
    else response.end('given');
  });
  server.on('connection', (socket) => {
    opened += 1;
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, opened: () => opened, open };
}

function client(t: Test, keepAlive: boolean) {
  const outbound = openOutbound({ allowPrivateHosts: true }, { keepAlive });
  t.teardown(() => outbound.close());
  return outbound;
}

t.test('connections are kept from one request to the next, and over redirects', async (t) => {
  const host = await countingHost(t);
  const outbound = client(t, true);
  for (const path of ['/', '/old', '/', '/old'])
    t.equal(await text((await outbound.ask({ ...asked, url: `${host.url}${path}` })).body), 'given');
  // A next request may come before the last connection has become free.
  t.ok(host.opened() <= 2, `${host.opened()} connections for six requests`);
  await outbound.close();
  await eventually(async () => host.open.size === 0 || undefined);
});

t.test('many at once share a few', async (t) => {
  const host = await countingHost(t);
  const outbound = client(t, true);
  const answers = await Promise.all(
    Array.from({ length: 40 }, async () => text((await outbound.ask({ ...asked, url: host.url })).body)),
  );
  t.same(new Set(answers), new Set(['given']));
  t.ok(host.opened() <= 8, `${host.opened()} connections`);
});

t.test('a POST has its own, and so has everything where none are kept', async (t) => {
  const host = await countingHost(t);
  const outbound = client(t, true);
  for (const _ of [1, 2]) await text((await outbound.ask({ ...asked, method: 'POST', url: host.url })).body);
  t.equal(host.opened(), 2);
  const another = client(t, false);
  for (const _ of [1, 2]) await text((await another.ask({ ...asked, url: host.url })).body);
  t.equal(host.opened(), 4);
  await eventually(async () => host.open.size === 0 || undefined);
});

t.test('one that the host has cut in the meantime is no failure', async (t) => {
  const host = await countingHost(t);
  const outbound = client(t, true);
  for (let round = 0; round < 5; round += 1) {
    t.equal(await text((await outbound.ask({ ...asked, url: host.url })).body), 'given');
    for (const socket of host.open) socket.destroy();
  }
});

t.test('more hosts than are remembered', async (t) => {
  const outbound = client(t, true);
  const hosts = await Promise.all(Array.from({ length: 70 }, () => countingHost(t)));
  for (const { url } of hosts) t.equal(await text((await outbound.ask({ ...asked, url })).body), 'given');
  await eventually(async () => hosts.filter(({ open }) => open.size > 0).length <= 64 || undefined);
  for (const { url } of hosts) await text((await outbound.ask({ ...asked, url })).body);
});
