import t from 'tap';
import { startMailServer } from '../helpers/mail-server.js';
import { openNotifyWorld } from '../helpers/notifications.js';

const refuse = (responseCode: number) => Object.assign(new Error('no'), { responseCode });

await t.test('a message arrives, once, and its id is that of the delivery', async (t) => {
  const { url, letters } = await startMailServer(t);
  const world = await openNotifyWorld(t, { SMTP_URL: url, MAIL_FROM: 'Halftone <images@example.com>' });
  const job = await world.newMail(['one@example.com', 'two@example.com'], 'It is done: ü\n');
  await world.bring(job);
  await world.bring(job);
  t.equal(letters.items.length, 1);
  const [letter] = letters.items;
  t.same(letter?.to, ['one@example.com', 'two@example.com']);
  t.match(letter?.text, new RegExp(`^Message-ID: <${job.id}@example.com>`, 'm'));
  t.match(letter?.text, /^From: Halftone <images@example.com>/m);
  t.match(letter?.text, /^Subject: It is done/m);
  t.match(letter?.text, /It is done: =C3=BC/);
  t.match(await world.read(job), { state: 'completed', result: { deliveryId: job.id, status: null } });
});

await t.test('a server that has no time is asked again; one that refuses the address is not', async (t) => {
  const codes = [451, 550];
  const { url, letters } = await startMailServer(t, {
    onRcptTo: (_address, _session, done) => done(refuse(codes.shift() ?? 250)),
  });
  const world = await openNotifyWorld(t, { SMTP_URL: url });
  const job = await world.newMail(['one@example.com'], 'text');
  await world.bring(job);
  t.match(await world.delivery(job), { state: 'queued', attempts: 1, lastError: /451/ });
  await world.bringAgain(job);
  t.match(await world.delivery(job), { state: 'failed', attempts: 2, lastError: /550/ });
  t.equal(letters.items.length, 0);
});

await t.test('a server that is down is left alone after a while', async (t) => {
  const world = await openNotifyWorld(t, { SMTP_URL: 'smtp://127.0.0.1:9' });
  for (let count = 0; count < 5; count++) await world.bring(await world.newMail(['one@example.com'], 'text'));
  const job = await world.newMail(['one@example.com'], 'text');
  await world.bring(job);
  t.match(await world.delivery(job), { state: 'queued', attempts: 0 });
  const open = world.breakers.counts().find(({ state }) => state === 'open');
  t.match(open, { dependency: 'smtp', count: 1 });
});

await t.test('the operator is told of a webhook that was switched off', async (t) => {
  const { url, letters } = await startMailServer(t);
  const world = await openNotifyWorld(t, { SMTP_URL: url, MAIL_TO: 'operator@example.com' });
  const { row } = await world.newWebhook('http://127.0.0.1:9/');
  await world.bring(await world.newDelivery(row.id));
  await world.database.query(
    'webhooks.age',
    (sql) => sql`update webhooks set failing_since = now() - interval '4 days' where id = ${row.id}`,
  );
  await world.bring(await world.newDelivery(row.id));
  const notice = world.queued.find(({ run }) => run === 0);
  t.ok(notice, 'a delivery of its own');
  if (notice) await world.bring(notice);
  t.match(letters.items, [{ to: ['operator@example.com'] }]);
  t.match(letters.items[0]?.text, new RegExp(`/v1/webhooks/${row.id}`));
});
