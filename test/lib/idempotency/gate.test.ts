import t, { type Test } from 'tap';
import type { Database } from '../../../lib/database/client.js';
import { jsonDigest } from '../../../lib/idempotency/fingerprint.js';
import { type Body, IdempotencyGate, type KeyedRequest } from '../../../lib/idempotency/gate.js';
import { dropExpiredKeys, renewClaims } from '../../../lib/idempotency/repository.js';
import type { Answer } from '../../../lib/idempotency/sealed-answer.js';
import { openTestDatabase } from '../../helpers/database.js';
import { recordingLogger } from '../../helpers/events.js';

interface World {
  readonly database: Database;
  /** A gate as each API process has one. */
  readonly gate: () => IdempotencyGate;
}

async function openWorld(t: Test): Promise<World> {
  const { database } = await openTestDatabase(t);
  const { log } = recordingLogger();
  return {
    database,
    gate: () => {
      const gate = new IdempotencyGate({ database, arrivalMs: 1_000, requestMs: 60_000, log });
      t.teardown(() => gate.close());
      return gate;
    },
  };
}

function bodyOf(json: unknown): Body {
  const digest = jsonDigest(json);
  return { digest: () => digest, drain: async () => digest };
}

const ask = (change: Partial<KeyedRequest> = {}): KeyedRequest => ({
  tenantId: 'default',
  key: 'key',
  method: 'POST',
  url: '/v1/exports',
  body: bodyOf({ a: 1 }),
  maxBodyBytes: 1000,
  ...change,
});

const answer = (text: string, status = 202): Answer => ({
  status,
  headers: { location: '/v1/jobs/1' },
  body: Buffer.from(text),
});

/** Carries a request out. @throws Error when it is not the first of its key */
async function carryOut(gate: IdempotencyGate, text: string, request = ask(), status = 202): Promise<void> {
  const admitted = await gate.admit(request);
  if (!('claim' in admitted)) throw new Error('it has been carried out');
  await gate.settle(admitted.claim, answer(text, status));
}

/** As if so much time had gone by. */
async function pass({ database }: World, interval: string): Promise<void> {
  await database.query(
    'idempotencyKeys.age',
    (sql) => sql`update idempotency_keys set expires_at = expires_at - ${interval}::interval`,
  );
}

const count = ({ database }: World): Promise<number> =>
  database.query('idempotencyKeys.count', async (sql) => (await sql`select 1 from idempotency_keys`).length);

t.test('the same request gets the first answer, from every process, for 24 hours', async (t) => {
  const world = await openWorld(t);
  await carryOut(world.gate(), 'first');
  const again = { answer: answer('first') };
  t.same(await world.gate().admit(ask()), again);
  await pass(world, '23:59:00');
  t.same(await world.gate().admit(ask()), again);
  t.equal(await world.database.query('idempotencyKeys.drop', (sql) => dropExpiredKeys(sql, 10)), 0);
  await pass(world, '00:02:00');
  await carryOut(world.gate(), 'second');
  t.same(await world.gate().admit(ask()), { answer: answer('second') }, 'an expired key is a new one');
});

t.test('another request with the key', async (t) => {
  const gate = (await openWorld(t)).gate();
  await carryOut(gate, 'first');
  const others = [
    { url: '/v1/exports?a=1' },
    { url: '/v1/images' },
    { method: 'PUT' },
    { body: bodyOf({ a: 2 }) },
  ];
  for (const other of others) {
    await t.rejects(
      gate.admit(ask(other)),
      { code: 'IDEMPOTENCY_KEY_REUSED', status: 422 },
      JSON.stringify(other),
    );
  }
  const unread = { digest: () => undefined, drain: async () => undefined };
  await t.rejects(gate.admit(ask({ body: unread })), { code: 'IDEMPOTENCY_KEY_REUSED' });
  t.same(await gate.admit(ask()), { answer: answer('first') });
});

t.test('of many at once one is let through, in whichever process', async (t) => {
  const world = await openWorld(t);
  const gates = [world.gate(), world.gate(), world.gate()];
  const outcomes = await Promise.allSettled(
    Array.from({ length: 12 }, (_, index) => gates[index % gates.length]?.admit(ask())),
  );
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason);
  t.equal(refused.length, 11);
  for (const reason of refused)
    t.match(reason, { code: 'IDEMPOTENCY_KEY_IN_FLIGHT', status: 409, retryAfter: 1 });
});

t.test('tenants and keys stand apart', async (t) => {
  const world = await openWorld(t);
  await world.database.query('tenants.add', (sql) => sql`insert into tenants (id) values ('other')`);
  const gate = world.gate();
  await carryOut(gate, 'default');
  await carryOut(gate, 'other', ask({ tenantId: 'other', body: bodyOf('another') }));
  await carryOut(gate, 'another key', ask({ key: 'Key' }));
  t.same(await gate.admit(ask()), { answer: answer('default') });
  t.same(await gate.admit(ask({ tenantId: 'other', body: bodyOf('another') })), { answer: answer('other') });
});

t.test('an answer that does not stand frees the key', async (t) => {
  const world = await openWorld(t);
  const gate = world.gate();
  for (const status of [500, 503, 429, 409, 401]) await carryOut(gate, 'not now', ask(), status);
  const admitted = await gate.admit(ask());
  if ('claim' in admitted) await gate.settle(admitted.claim, undefined);
  const unread = { digest: () => undefined, drain: async () => undefined };
  await carryOut(gate, 'its body broke off', ask({ body: unread }));
  t.equal(await count(world), 0);
  await carryOut(gate, 'wrong', ask(), 400);
  t.same(await gate.admit(ask()), { answer: answer('wrong', 400) });
});

t.test('what was too long to be kept is not done twice', async (t) => {
  const gate = (await openWorld(t)).gate();
  const admitted = await gate.admit(ask());
  if ('claim' in admitted) await gate.settle(admitted.claim, { ...answer(''), body: undefined });
  await t.rejects(gate.admit(ask()), {
    code: 'IDEMPOTENCY_ANSWER_NOT_KEPT',
    status: 409,
    message: /answered 202/,
  });
  await t.rejects(gate.admit(ask({ url: '/' })), { code: 'IDEMPOTENCY_KEY_REUSED' });
});

t.test('a claim lapses unless it is renewed, and whoever lost it changes nothing', async (t) => {
  const world = await openWorld(t);
  const slow = world.gate();
  const lost = await slow.admit(ask());
  await pass(world, '00:00:29');
  await t.rejects(world.gate().admit(ask()), { code: 'IDEMPOTENCY_KEY_IN_FLIGHT' });
  if (!('claim' in lost)) throw new Error('no claim');
  await world.database.query('idempotencyKeys.renew', (sql) => renewClaims(sql, [lost.claim.id]));
  await pass(world, '00:00:29');
  await t.rejects(world.gate().admit(ask()), { code: 'IDEMPOTENCY_KEY_IN_FLIGHT' });
  await pass(world, '00:00:02');
  const next = await world.gate().admit(ask());
  await slow.settle(lost.claim, answer('late'));
  await slow.settle(lost.claim, undefined);
  if (!('claim' in next)) throw new Error('the claim did not lapse');
  await world.gate().settle(next.claim, answer('in time'));
  t.same(await slow.admit(ask()), { answer: answer('in time') });
});

t.test('maintenance drops what has expired, in bites', async (t) => {
  const world = await openWorld(t);
  const gate = world.gate();
  for (const key of ['a', 'b', 'c']) await carryOut(gate, key, ask({ key }));
  await pass(world, '25:00:00');
  await carryOut(gate, 'd', ask({ key: 'd' }));
  const drop = () => world.database.query('idempotencyKeys.drop', (sql) => dropExpiredKeys(sql, 2));
  t.same([await drop(), await drop(), await drop()], [2, 1, 0]);
  t.same(await gate.admit(ask({ key: 'd' })), { answer: answer('d') });
});
