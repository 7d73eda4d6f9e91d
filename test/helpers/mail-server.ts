import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { Recorder } from './events.js';
import type { Teardown } from './services.js';

/** A message that arrived. */
export interface Letter {
  readonly to: readonly string[];
  /** Header and body, with no line broken. */
  readonly text: string;
}

/** A real mail server; it ends with the test. */
export async function startMailServer(
  t: Teardown,
  options: SMTPServerOptions = {},
): Promise<{ letters: Recorder<Letter>; url: string }> {
  const letters = new Recorder<Letter>();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData: (stream, { envelope }, done) => {
      text(stream).then((message) => {
        // Lines are broken where quoted-printable wants them to be.
        const unfolded = message.replaceAll('=\r\n', '');
        letters.add({ to: envelope.rcptTo.map(({ address }) => address), text: unfolded });
        done();
      }, done);
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise<void>((resolve) => server.close(resolve)));
  const address = server.server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { letters, url: `smtp://127.0.0.1:${port}` };
}
