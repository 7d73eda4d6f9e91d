import type { LookupAddress } from 'node:dns';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { type OutboundRequest, openOutbound } from '../../../lib/outbound/client.js';
import { readAtMost } from '../../../lib/outbound/read-at-most.js';
import type { Resolve } from '../../../lib/outbound/resolver.js';
import { accept, answerWith, cut, hang, startGarbage, startReceiver } from '../../helpers/receiver.js';

const asked = { method: 'GET', timeoutMs: 5_000, maxRedirects: 0 } as const;

function client(t: Test, allowPrivateHosts: boolean, resolve?: Resolve) {
  const outbound = openOutbound({ allowPrivateHosts }, { ...(resolve && { resolve }) });
  t.teardown(() => outbound.close());
  return (url: string, more: Partial<OutboundRequest> = {}) => outbound.ask({ ...asked, ...more, url });
}

const at = (address: string): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 });

t.test('an answer, its body, and what is sent', async (t) => {
  const { url, received, ...receiver } = await startReceiver(t, answerWith(201, 'made', { 'x-a': 'b' }));
  t.ok(receiver);
  const ask = client(t, true);
  const answer = await ask(`${url}/path?q=1`, { method: 'POST', body: '{}', headers: { 'x-c': 'd' } });
  t.match(answer, { status: 201, headers: { 'x-a': 'b' }, url: `${url}/path?q=1` });
  t.equal(await text(answer.body), 'made');
  t.match(received.items, [{ method: 'POST', path: '/path?q=1', body: '{}', headers: { 'x-c': 'd' } }]);
});

t.test(
  'a private address is not reached: as a literal, by name, or by a name with one among others',
  async (t) => {
    const { url, received } = await startReceiver(t);
    const { port } = new URL(url);
    const forbidden = { code: 'ADDRESS_NOT_ALLOWED' };
    await t.rejects(client(t, false)(url), forbidden, 'port and address');
    const resolves =
      (...addresses: string[]): Resolve =>
      async () =>
        addresses.map(at);
    for (const addresses of [
      ['127.0.0.1'],
      ['8.8.8.8', '127.0.0.1'],
      ['2606:4700::1', '::1'],
      ['::ffff:7f00:1'],
    ])
      await t.rejects(
        client(t, false, resolves(...addresses))('http://example.com/'),
        forbidden,
        `${addresses}`,
      );
    await t.rejects(client(t, false, resolves())('http://example.com/'), { code: 'REMOTE_UNREACHABLE' });
    t.equal((await client(t, true, resolves('127.0.0.1'))(`http://example.com:${port}/`)).status, 204);
    t.equal(received.items.length, 1, 'only where private hosts are allowed');
  },
);

t.test('a name that answers differently the second time gains nothing', async (t) => {
  // Public, and nobody's.
  const answers = ['2a0f:ffff::1', '127.0.0.1'];
  const looked: string[] = [];
  const resolve: Resolve = async (hostname) => {
    looked.push(hostname);
    return [at(answers.shift() ?? '127.0.0.1')];
  };
  const ask = client(t, false, resolve);
  // The first look-up is the one that is connected to; nothing asks a second time for the same connection.
  const first = await ask('http://rebind.example.com/', { timeoutMs: 300 }).catch((error) => error);
  t.not(first.code, 'ADDRESS_NOT_ALLOWED');
  t.same(looked, ['rebind.example.com']);
  await t.rejects(ask('http://rebind.example.com/'), { code: 'ADDRESS_NOT_ALLOWED' });
});

t.test('redirects are followed as far as asked, and each is checked', async (t) => {
  const receiver = await startReceiver(t);
  receiver.answer = (request, response) => {
    const next = { '/1': '/2', '/2': `${receiver.url}/3`, '/loop': '/loop' }[request.url ?? ''];
    response.writeHead(next ? 302 : 200, next ? { location: next } : {}).end(request.url);
  };
  const ask = client(t, true);
  const followed = await ask(`${receiver.url}/1`, { maxRedirects: 2, headers: { authorization: 'x' } });
  t.match(followed, { status: 200, url: `${receiver.url}/3` });
  await t.rejects(ask(`${receiver.url}/1`, { maxRedirects: 1 }), { code: 'REMOTE_UNREACHABLE' });
  await t.rejects(ask(`${receiver.url}/loop`, { maxRedirects: 5 }), { code: 'REMOTE_UNREACHABLE' });
  t.equal((await ask(`${receiver.url}/1`)).status, 302, 'not followed, it is an answer');

  const elsewhere = await startReceiver(t);
  receiver.answer = answerWith(307, '', { location: `${elsewhere.url}/x` });
  await ask(receiver.url, { maxRedirects: 1, headers: { authorization: 'secret' } });
  t.equal(elsewhere.received.items[0]?.headers.authorization, undefined, 'headers stay with their origin');
  for (const location of ['ftp://example.com/', 'http://user:x@example.com/']) {
    receiver.answer = answerWith(302, '', { location });
    await t.rejects(ask(receiver.url, { maxRedirects: 1 }), { code: 'ADDRESS_NOT_ALLOWED' }, location);
  }
});

t.test('hosts that hang, close, refuse, or speak no HTTP', async (t) => {
  const receiver = await startReceiver(t, hang);
  const ask = client(t, true);
  await t.rejects(ask(receiver.url, { timeoutMs: 200 }), { code: 'REMOTE_TIMED_OUT' });
  receiver.answer = cut;
  await t.rejects(ask(receiver.url), { code: 'REMOTE_UNREACHABLE', message: /closed the connection/ });
  for (const bytes of [
    'SSH-2.0-OpenSSH_9.9\r\n',
    'HTTP/1.1 abc\r\n\r\n',
    `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`,
  ])
    await t.rejects(ask(await startGarbage(t, bytes)), { code: 'REMOTE_UNREACHABLE' }, bytes.slice(0, 20));
  await receiver.close();
  await t.rejects(ask(receiver.url), { code: 'REMOTE_UNREACHABLE', message: /refuses/ });
  await t.rejects(ask('https://nowhere.invalid/'), { code: /^REMOTE_/ });
});

t.test('a body is read as far as wanted, however long it is or takes', async (t) => {
  const receiver = await startReceiver(t, answerWith(200, 'x'.repeat(100_000)));
  const ask = client(t, true);
  t.same(await readAtMost((await ask(receiver.url)).body, 10, 1_000), {
    bytes: Buffer.from('x'.repeat(10)),
    cut: true,
  });
  receiver.answer = answerWith(200, 'short');
  t.same(await readAtMost((await ask(receiver.url)).body, 10, 1_000), {
    bytes: Buffer.from('short'),
    cut: false,
  });
  receiver.answer = (_request, response) => void response.writeHead(200).write('begun');
  t.same(await readAtMost((await ask(receiver.url)).body, 10, 100), {
    bytes: Buffer.from('begun'),
    cut: true,
  });
});

t.test('what is given up from our side says why', async (t) => {
  const receiver = await startReceiver(t, hang);
  const controller = new AbortController();
  const asking = client(t, true)(receiver.url, { signal: controller.signal });
  await receiver.received.length(1);
  const reason = new Error('cancelled');
  controller.abort(reason);
  await t.rejects(asking, reason);
  receiver.answer = accept;
});
