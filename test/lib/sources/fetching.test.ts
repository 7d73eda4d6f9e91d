import t from 'tap';
import { retryAfterSeconds } from '../../../lib/sources/retry-after.js';
import { filenameInUrl, sourceUrl } from '../../../lib/sources/rules.js';
import { conditionsOf, validatorsOf } from '../../../lib/sources/validators.js';

t.test('Retry-After in both forms, within reason', async (t) => {
  const now = Date.parse('2026-11-23T10:00:00.500Z');
  const rows: [string | undefined, number | undefined][] = [
    ['0', 0],
    [' 7 ', 7],
    ['86400', 600],
    ['99999999999999999999', 600],
    ['Mon, 23 Nov 2026 10:00:30 GMT', 30],
    ['Mon, 23 Nov 2026 09:00:00 GMT', 0],
    ['Tue, 24 Nov 2026 10:00:00 GMT', 600],
    ['-1', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [header, seconds] of rows) t.equal(retryAfterSeconds(header, now), seconds, String(header));
});

t.test('validators that are kept, and what is asked with them', async (t) => {
  const url = 'https://example.com/a';
  const date = 'Mon, 23 Nov 2026 10:00:30 GMT';
  const kept = (headers: Record<string, string>) => {
    const validators = validatorsOf(url, headers);
    return [validators.etag, validators.lastModified];
  };
  t.same(kept({ etag: '"a"', 'last-modified': date }), ['"a"', date]);
  t.same(kept({ etag: 'W/"a"' }), ['W/"a"', null]);
  for (const etag of ['a', '"a', '"a" "b"', '"a"b"', '"\x7f"', `"${'x'.repeat(1_000)}"`, ''])
    t.same(kept({ etag, 'last-modified': 'yesterday' }), [null, null], etag);
  t.equal(conditionsOf(validatorsOf(url, {})), undefined);
  t.same(conditionsOf(validatorsOf(url, { etag: '"a"', 'last-modified': date })), {
    'if-none-match': '"a"',
    'if-modified-since': date,
  });
});

t.test('URLs as they are kept', async (t) => {
  const rules = { allowPrivateHosts: false };
  t.equal(sourceUrl('HTTPS://Example.COM:443/a/../b?c#d', rules), 'https://example.com/b?c');
  t.equal(sourceUrl('https://bücher.example.com/ü', rules), 'https://xn--bcher-kva.example.com/%C3%BC');
  for (const url of ['', 'a.png', '//example.com/', 'ftp://example.com/', 'http://10.0.0.1/'])
    t.throws(() => sourceUrl(url, rules), { code: 'VALIDATION_FAILED', errors: [{ path: 'url' }] }, url);
  const prefix = 'https://example.com/';
  t.equal(sourceUrl(prefix.padEnd(2_048, 'x'), rules).length, 2_048);
  t.throws(() => sourceUrl(prefix.padEnd(2_049, 'x'), rules), { errors: [{ message: /2048/ }] });
});

t.test('names in URLs', async (t) => {
  t.equal(filenameInUrl('https://example.com/a/photo%20one.jpg?x=1'), 'photo one.jpg');
  t.equal(filenameInUrl('https://example.com/%ff.jpg'), '%ff.jpg');
  t.equal(filenameInUrl('https://example.com/a/'), undefined);
});
