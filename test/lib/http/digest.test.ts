import { createHash } from 'node:crypto';
import t from 'tap';
import { reprDigest, strongEtag, weakEtag } from '../../../lib/http/digest.js';

t.test('the digest of RFC 9530, its own example', async (t) => {
  const sha256 = createHash('sha256').update('{"hello": "world"}\n').digest('hex');
  t.equal(reprDigest(sha256), 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:');
});

t.test('tags are quoted, weak ones marked', async (t) => {
  t.equal(strongEtag('abc'), '"abc"');
  t.equal(weakEtag('7-2'), 'W/"7-2"');
});
