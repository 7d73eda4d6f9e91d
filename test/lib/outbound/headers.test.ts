import t from 'tap';
import { headersFor } from '../../../lib/outbound/headers.js';

const headers = { authorization: 'secret' };
const forUrl = (target: string, url = 'https://example.com/a') =>
  headersFor(new URL(target), { url, headers });

t.test('headers stay with the origin', async (t) => {
  for (const target of ['https://example.com/b', 'https://EXAMPLE.com:443/b?c', 'https://example.com/a'])
    t.same(forUrl(target), headers, target);
  for (const target of [
    'http://example.com/a',
    'http://example.com:443/a',
    'https://example.com:8443/a',
    'https://www.example.com/a',
    'https://example.com./a',
    'https://example.com@evil.org/a',
    'https://evil.org/',
  ])
    t.same(forUrl(target), {}, target);
});

t.test('what is for one URL goes to that one, wherever it stands', async (t) => {
  const headersTo = { url: 'https://cdn.example.com/a', headers: { 'if-none-match': '"x"' } };
  const sent = (target: string) =>
    headersFor(new URL(target), { url: 'https://example.com/a', headers, headersTo });
  t.same(sent('https://cdn.example.com/a'), headersTo.headers);
  t.same(sent('https://cdn.example.com/a?b'), {});
  t.same(sent('http://cdn.example.com/a'), {});
  t.same(sent('https://example.com/a'), headers);
});
