import { Readable } from 'node:stream';
import t from 'tap';
import { answerToKeep, isFinal } from '../../../lib/idempotency/answer.js';
import { openAnswer, sealAnswer } from '../../../lib/idempotency/sealed-answer.js';

t.test('which answers stand for good', async (t) => {
  for (const status of [200, 201, 202, 204, 400, 404, 415, 422]) t.ok(isFinal(status), String(status));
  for (const status of [401, 403, 408, 409, 413, 429, 500, 503, 507])
    t.notOk(isFinal(status), String(status));
});

t.test('the headers of the answer are kept, those of the exchange are not', async (t) => {
  const own = {
    'x-request-id': 'a',
    'server-timing': 'b',
    ratelimit: 'c',
    'ratelimit-policy': 'd',
    vary: 'e',
  };
  const kept = { 'content-type': 'application/json', location: '/v1/jobs/1', 'preference-applied': 'wait=1' };
  const { headers } = answerToKeep(
    202,
    { ...own, ...kept, 'retry-after': 1, link: ['a', 'b'], gone: undefined },
    '{}',
  );
  t.same(headers, { ...kept, 'retry-after': '1', link: ['a', 'b'] });
});

t.test('bodies that are kept, and those that are not', async (t) => {
  const bodyOf = (payload: unknown): Buffer | undefined => answerToKeep(200, {}, payload).body;
  t.same(bodyOf('{"a":"ü"}'), Buffer.from('{"a":"ü"}'));
  t.same(bodyOf(Buffer.from('x')), Buffer.from('x'));
  t.same(bodyOf(null), Buffer.alloc(0));
  t.equal(bodyOf(Readable.from([])), undefined);
  t.equal(bodyOf('x'.repeat(1024 * 1024))?.length, 1024 * 1024);
  t.equal(bodyOf('x'.repeat(1024 * 1024 + 1)), undefined);
});

t.test('an answer opens with the key that sealed it, and with no other', async (t) => {
  const secret = 'whsec_c2VjcmV0';
  for (const body of [Buffer.from(`{"secret":"${secret}"}\n{}`), Buffer.alloc(0), undefined]) {
    const answer = { status: 201, headers: { location: '/v1/webhooks/1', link: ['a', 'b'] }, body };
    const sealed = sealAnswer(answer, 'key');
    t.same(openAnswer(sealed, 'key'), answer);
    t.notOk(sealed.includes(secret));
    t.notOk(sealed.includes('webhooks'));
    t.throws(() => openAnswer(sealed, 'other'));
    t.notSame(sealAnswer(answer, 'key'), sealed, 'the same twice is sealed in two ways');
    sealed.writeUInt8(sealed.readUInt8(40) ^ 1, 40);
    t.throws(() => openAnswer(sealed, 'key'), 'what was changed does not open');
  }
});
