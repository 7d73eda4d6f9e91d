import t from 'tap';
import { originalKey, renditionKey, renditionPrefix } from '../../../lib/storage/keys.js';

const sha256 = 'abcd'.padEnd(64, '0');

t.test('keys have the documented shape', async (t) => {
  t.equal(originalKey(sha256), `originals/ab/cd/${sha256}`);
  t.equal(renditionKey(sha256, '12ef', 'webp'), `renditions/${sha256}/12ef.webp`);
  t.equal(renditionPrefix(sha256), `renditions/${sha256}/`);
});

t.test('other parts make no key', async (t) => {
  for (const bad of [
    '',
    '..',
    'abc',
    sha256.toUpperCase(),
    `${sha256}0`,
    `${sha256}\n`,
    '../'.padEnd(64, 'a'),
  ]) {
    t.throws(() => originalKey(bad), TypeError, JSON.stringify(bad));
    t.throws(() => renditionPrefix(bad), TypeError, JSON.stringify(bad));
  }
  for (const bad of ['', '..', 'a/b', 'A1', 'xyz'])
    t.throws(() => renditionKey(sha256, bad, 'png'), TypeError, bad);
  for (const bad of ['', '.', 'png/..', 'PNG', 'a.b'])
    t.throws(() => renditionKey(sha256, 'ab', bad), TypeError, bad);
});
