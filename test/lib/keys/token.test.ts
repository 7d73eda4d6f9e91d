import t from 'tap';
import { formatToken, isSecretOf, newToken, parseToken, secretDigest } from '../../../lib/keys/token.js';

t.test('a token is written and read', async (t) => {
  const token = newToken();
  t.match(formatToken(token), /^ht_[0-9a-f]{16}_[\w-]{43}$/);
  t.same(parseToken(formatToken(token)), token);
  t.not(newToken().secret, token.secret);
  t.equal(newToken('abcd').prefix, 'abcd');
});

t.test('a secret may hold what parts a token', async (t) => {
  const secret = '_ab_cd-ef_gh-ij_kl-mn_op-qr_';
  t.same(parseToken(`ht_0123_${secret}`), { prefix: '0123', secret });
});

t.test('what is no token', async (t) => {
  const secret = 'a'.repeat(43);
  for (const text of [
    '',
    'ht',
    `ht_abc_${secret}`,
    `xx_abcd_${secret}`,
    `ht_ab-d_${secret}`,
    'ht_abcd_short',
  ])
    t.equal(parseToken(text), undefined, text);
  for (const text of [`ht_abcd_${secret}!`, `ht_abcd_${secret}\n`, `ht_abcd_${'a'.repeat(129)}`])
    t.equal(parseToken(text), undefined, text);
});

t.test('a secret is proved by its digest alone', async (t) => {
  const digest = secretDigest('open sesame');
  t.equal(digest.length, 32);
  t.ok(isSecretOf('open sesame', digest));
  t.notOk(isSecretOf('open sesame!', digest));
});
