import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import t, { type Test } from 'tap';
import type { Alarm } from '../../../lib/alarms/alarm.js';
import { logSink, mailSink, webhookSink } from '../../../lib/alarms/sinks.js';
import { openMailer } from '../../../lib/notifications/mailer.js';
import { Recorder, recordingLogger } from '../../helpers/events.js';

const alarm: Alarm = {
  rule: 'memory-high',
  subject: 'service',
  value: 91,
  threshold: 80,
  unit: 'percent',
  text: '91 of 100 MiB of memory are used',
  state: 'firing',
  source: 'a:3000',
  since: '2026-01-01T00:00:00.000Z',
  at: '2026-01-01T00:01:00.000Z',
};

/** A mail server that keeps what it takes. */
async function mailServer(t: Test): Promise<{ url: string; mails: Recorder<string> }> {
  const mails = new Recorder<string>();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData: (stream, _session, done) =>
      void text(stream).then((mail) => {
        mails.add(mail);
        done();
      }, done),
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => new Promise<void>((closed) => server.close(closed)));
  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen on a port');
  return { url: `smtp://127.0.0.1:${address.port}`, mails };
}

t.test('the log: an error when it fires, a line when it is over', async (t) => {
  const { log, lines } = recordingLogger();
  await logSink(log).send(alarm);
  await logSink(log).send({ ...alarm, state: 'cleared' });
  t.match(lines.items, [
    { level: 'error', message: 'alarm: 91 of 100 MiB of memory are used', fields: { alarm: { value: 91 } } },
    { level: 'info', message: 'all clear: 91 of 100 MiB of memory are used' },
  ]);
});

t.test('e-mail', async (t) => {
  const { url, mails } = await mailServer(t);
  const mailer = openMailer(url, 'Halftone <halftone@example.com>');
  t.teardown(() => mailer.close());
  await mailSink(mailer, 'operator@example.com').send(alarm);
  const [mail = ''] = mails.items;
  t.match(mail, /^To: operator@example\.com/m);
  t.match(mail, /^Subject: ALARM: memory-high \(service\)/m);
  t.match(mail, /It was 91 percent at 2026-01-01T00:01:00\.000Z; the limit is 80\./);
});

t.test('a mail server or a receiver that is away is no receiver', async (t) => {
  const mailer = openMailer('smtp://127.0.0.1:1', 'halftone@example.com');
  t.teardown(() => mailer.close());
  await t.rejects(mailSink(mailer, 'operator@example.com').send(alarm), /mail server/);
  await t.rejects(webhookSink('http://127.0.0.1:1/').send(alarm));
});
