import { Webhook } from 'standardwebhooks';
import t from 'tap';
import { newSecret, signatureHeaders } from '../../../lib/webhooks/secret.js';

t.test('signed so that the standard’s own library verifies it, with each secret that is good', async (t) => {
  const [now, before, other] = [newSecret(), newSecret(), newSecret()];
  t.match(now, /^whsec_[A-Za-z\d+/]{43}=$/);
  const body = JSON.stringify({ type: 'job.completed', data: { name: 'ü – "x"' } });
  const headers = signatureHeaders({ id: 'one', at: new Date(), body }, [now, before]);
  for (const secret of [now, before]) t.same(new Webhook(secret).verify(body, headers), JSON.parse(body));
  t.throws(() => new Webhook(other).verify(body, headers), /No matching signature/);
  t.throws(() => new Webhook(now).verify(`${body} `, headers), /No matching signature/);
  const late = signatureHeaders({ id: 'one', at: new Date(Date.now() - 3_600_000), body }, [now]);
  t.throws(() => new Webhook(now).verify(body, late), /too old/);
});
