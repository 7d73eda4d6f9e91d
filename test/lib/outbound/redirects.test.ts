import type { LookupAddress } from 'node:dns';
import t from 'tap';
import { isPublicAddress } from '../../../lib/outbound/address.js';
import { openOutbound } from '../../../lib/outbound/client.js';
import { answerWith, startReceiver } from '../../helpers/receiver.js';

const asked = { method: 'GET', timeoutMs: 5_000, maxRedirects: 5 } as const;
const at = (address: string): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 });

const target = await startReceiver(t);
const { port } = new URL(target.url);

/** What a host that may be asked redirects to, once it has been asked; only then do the rules hold. */
async function redirectedTo(location: string, resolved: string[] = ['127.0.0.1']): Promise<unknown> {
  const looked: string[] = [];
  const rules = { allowPrivateHosts: true };
  const outbound = openOutbound(rules, {
    resolve: async (hostname) => {
      looked.push(hostname);
      return (looked.length === 1 ? ['127.0.0.1'] : resolved).map(at);
    },
    keepAlive: true,
  });
  t.teardown(() => outbound.close());
  const first = await startReceiver(t, (request, response) => {
    rules.allowPrivateHosts = false;
    answerWith(302, '', { location })(request, response);
  });
  return outbound.ask({ ...asked, url: first.url.replace('127.0.0.1', 'first.example.com') }).then(
    ({ status }) => status,
    (error) => error.code,
  );
}

t.test('a redirect to what is not public is not followed', async (t) => {
  for (const host of [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.0.0.1.',
    '0.0.0.0',
    '0',
    '[::]',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::7f00:1]',
    '[2002:7f00:1::]',
    '[64:ff9b::7f00:1]',
    '[fe80::1]',
    '100.64.0.1',
    '169.254.169.254',
    '168.63.129.16',
    '10.0.0.1',
    'localhost',
    'localhost.',
    'a.localhost',
    'printer.local',
    '%31%32%37.0.0.1',
  ]) {
    t.equal(await redirectedTo(`http://${host}/`), 'ADDRESS_NOT_ALLOWED', host);
    t.equal(await redirectedTo(`//${host}/`), 'ADDRESS_NOT_ALLOWED', `//${host}`);
  }
});

t.test('nor one with another port or scheme, or with credentials', async (t) => {
  for (const location of [
    `http://example.com:${port}/`,
    'http://example.com:22/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'data:image/png;base64,AAAA',
    'javascript:alert(1)',
    'http://user@example.com/',
    'http://user:secret@example.com/',
  ])
    t.equal(await redirectedTo(location), 'ADDRESS_NOT_ALLOWED', location);
});

t.test('nor one to a name that leads there, wherever else it leads', async (t) => {
  for (const addresses of [
    ['127.0.0.1'],
    ['10.0.0.1'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['64:ff9b::7f00:1'],
    ['8.8.8.8', '127.0.0.1'],
    ['2606:4700::1', 'fd00::1'],
    ['168.63.129.16'],
  ])
    for (const host of ['example.com', 'example.com.', 'bücher.example'])
      t.equal(
        await redirectedTo(`http://${host}/`, addresses),
        'ADDRESS_NOT_ALLOWED',
        `${host} ${addresses}`,
      );
  t.equal(target.received.items.length, 0, 'nothing behind was asked');
});

t.test('every new connection looks its name up, and is checked anew', async (t) => {
  const answers = ['127.0.0.1', '127.0.0.1'];
  const rules = { allowPrivateHosts: true };
  const resolve = async (): Promise<LookupAddress[]> => [at(answers.shift() ?? '10.0.0.1')];
  const outbound = openOutbound(rules, { resolve, keepAlive: true });
  t.teardown(() => outbound.close());
  const receiver = await startReceiver(t, answerWith(200, '', { connection: 'close' }));
  const url = receiver.url
    .replace('127.0.0.1', 'rebind.example.com')
    .replace(/:\d+$/, `:${new URL(receiver.url).port}`);
  const ask = async (): Promise<number> => {
    const answer = await outbound.ask({ ...asked, url });
    answer.body.resume();
    await new Promise((done) => answer.body.once('close', done));
    return answer.status;
  };
  t.equal(await ask(), 200);
  t.equal(await ask(), 200);
  t.equal(isPublicAddress('10.0.0.1'), false);
  rules.allowPrivateHosts = false;
  await t.rejects(outbound.ask({ ...asked, url: 'http://rebind.example.com/' }), {
    code: 'ADDRESS_NOT_ALLOWED',
  });
  t.equal(answers.length, 0);
});

t.test('what is secret stays with the origin, and what is for one URL with that URL', async (t) => {
  const first = await startReceiver(t);
  const other = await startReceiver(t);
  const outbound = openOutbound({ allowPrivateHosts: true }, { keepAlive: true });
  t.teardown(() => outbound.close());
  const secret = { authorization: 'Bearer secret', cookie: 'a=b' };
  const headersTo = { url: `${other.url}/b`, headers: { 'if-none-match': '"x"' } };
  for (const location of [`${other.url}/b`, `//${new URL(other.url).host}/b`]) {
    first.answer = answerWith(302, '', { location });
    other.answer = answerWith(200);
    await outbound.ask({ ...asked, url: `${first.url}/a`, headers: secret, headersTo });
  }
  for (const { headers } of first.received.items) {
    t.match(headers, secret);
    t.notOk('if-none-match' in headers);
  }
  for (const { headers } of other.received.items) {
    t.notOk('authorization' in headers);
    t.notOk('cookie' in headers);
    t.equal(headers['if-none-match'], '"x"');
  }
  t.same([first.received.items.length, other.received.items.length], [2, 2]);
  const answers = [answerWith(302, '', { location: '/same' }), answerWith(200)];
  first.answer = (...exchange) => answers.shift()?.(...exchange);
  await outbound.ask({ ...asked, url: `${first.url}/x`, headers: secret });
  t.match(first.received.items.at(-1), { path: '/same', headers: secret }, 'its own origin gets them');
});
