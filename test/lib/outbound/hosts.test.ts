import t from 'tap';
import { isAmongHosts, parseHosts } from '../../../lib/outbound/hosts.js';
import { urlFault } from '../../../lib/outbound/url.js';

t.test('lists that are read', async (t) => {
  t.same(parseHosts('Example.com, *.cdn.Example.com. ,127.1,[::FFFF:1.2.3.4],bücher.example'), [
    'example.com',
    '*.cdn.example.com',
    '127.0.0.1',
    '[::ffff:102:304]',
    'xn--bcher-kva.example',
  ]);
  for (const text of [
    '',
    'a.com,',
    '*',
    '*.',
    'a.*.com',
    '*a.com',
    '*.127.0.0.1',
    '*.[::1]',
    'https://a.com',
    'a.com/',
    'a.com:80',
    '[::1]:80',
    'user@a.com',
    'a.com?x',
    'a.com#x',
    'a b.com',
    'a\\b.com',
    '::1',
    'a..b%',
  ])
    t.equal(parseHosts(text), undefined, text);
});

t.test('hosts are compared as they were parsed', async (t) => {
  const hosts = parseHosts('example.com, *.cdn.net, 10.0.0.1, [::1], bücher.example') ?? [];
  const isAmong = (url: string): boolean => isAmongHosts(new URL(url), hosts);
  for (const url of [
    'https://example.com/',
    'https://EXAMPLE.com./',
    'https://example.com:8443/',
    'https://a.cdn.net/',
    'https://a.b.cdn.net/',
    'http://0xa.1/',
    'http://167772161/',
    'http://012.0.0.1/',
    'http://[0:0:0:0:0:0:0:1]/',
    'https://xn--bcher-kva.example/',
    'https://BÜCHER.example/',
  ])
    t.ok(isAmong(url), url);
  for (const url of [
    'https://www.example.com/',
    'https://example.com.evil.org/',
    'https://notexample.com/',
    'https://example.org/example.com',
    'https://evil.org/?example.com',
    'https://evil.org#example.com',
    'https://evil.org\\.example.com/',
    'https://cdn.net/',
    'https://xcdn.net/',
    'https://10.0.0.2/',
    'https://[::2]/',
  ])
    t.notOk(isAmong(url), url);
});

t.test('a list comes on top of the other rules', async (t) => {
  const allowedHosts = parseHosts('example.com,10.0.0.1') ?? [];
  const fault = (url: string, allowPrivateHosts = false) =>
    urlFault(new URL(url), { allowPrivateHosts, allowedHosts });
  t.equal(fault('https://example.com/'), undefined);
  t.match(fault('https://other.com/'), /not allowed here/);
  t.match(fault('https://other.com/', true), /not allowed here/);
  t.match(fault('http://10.0.0.1/'), /not public/);
  t.equal(fault('http://10.0.0.1/', true), undefined);
  t.match(fault('ftp://example.com/'), /scheme/);
});
