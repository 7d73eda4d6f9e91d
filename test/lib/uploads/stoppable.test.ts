import { PassThrough, Readable } from 'node:stream';
import t from 'tap';
import { stoppable } from '../../../lib/uploads/stoppable.js';

const never = new AbortController().signal;

async function read(chunks: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += String(chunk);
  return text;
}

await t.test('a body that comes whole, and one that is empty', async (t) => {
  for (const text of ['all of it', '']) {
    const body = stoppable(Readable.from([Buffer.from(text)]), never);
    t.equal(await read(body.chunks), text);
    t.equal(body.end(), 'whole');
  }
});

await t.test('one that has been read before ends at once', async (t) => {
  const source = Readable.from([Buffer.from('gone')]);
  await read(source);
  t.equal(await read(stoppable(source, never).chunks), '');
});

await t.test('one that breaks off', async (t) => {
  const source = new PassThrough();
  const body = stoppable(source, never);
  source.write('half');
  source.once('resume', () => setImmediate(() => source.destroy(new Error('reset'))));
  t.equal(await read(body.chunks), 'half');
  t.equal(body.end(), 'cut');
});

await t.test('one that is stopped stays alive', async (t) => {
  const source = new PassThrough();
  const stop = new AbortController();
  const body = stoppable(source, stop.signal);
  source.write('half');
  setImmediate(() => stop.abort());
  t.equal(await read(body.chunks), 'half');
  t.equal(body.end(), 'stopped');
  t.notOk(source.destroyed);
  const late = stoppable(new PassThrough(), stop.signal);
  t.equal(await read(late.chunks), '');
});
