import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { Problem } from '../../../lib/errors.js';
import { type SpoolOptions, spool } from '../../../lib/storage/spool.js';

const options: SpoolOptions = { maxBytes: 10_000_000, headBytes: 4100, onHead: () => {} };

function slices(content: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(content.length / size) }, (_, index) =>
    content.subarray(index * size, (index + 1) * size),
  );
}

/** A folder of the test's own, and a path in it. */
function target(t: Test): { folder: string; path: string } {
  const folder = t.testdir();
  return { folder, path: join(folder, 'spooled') };
}

t.test('the file has the bytes of the source, whatever the chunks', async (t) => {
  const content = randomBytes(1_500_000);
  const sha256 = createHash('sha256').update(content).digest('hex');
  for (const size of [100, 4099, 65_536, 700_000, 2_000_000]) {
    const { path } = target(t);
    t.same(await spool(Readable.from(slices(content, size)), path, options), { bytes: 1_500_000, sha256 });
    t.ok(content.equals(await readFile(path)), `in chunks of ${size}`);
  }
});

t.test('an async iterable that is no stream will do', async (t) => {
  const { path } = target(t);
  async function* source() {
    yield Buffer.from('ab');
    yield Buffer.from('c');
  }
  t.equal((await spool(source(), path, options)).bytes, 3);
  t.equal(await readFile(path, 'utf8'), 'abc');
});

t.test('an empty source gives an empty file and no head', async (t) => {
  const { path } = target(t);
  const onHead = () => void t.fail('there is no head');
  const spooled = await spool(Readable.from([]), path, { ...options, onHead });
  t.equal(spooled.bytes, 0);
  t.equal((await readFile(path)).length, 0);
});

t.test('the head is shown once, long enough, before more is read', async (t) => {
  const { path } = target(t);
  let given = 0;
  async function* source() {
    for (given = 1; given <= 10; given += 1) yield Buffer.alloc(1000, given);
  }
  const seen: { length: number; given: number }[] = [];
  const onHead = async (head: Buffer) => {
    await new Promise(setImmediate);
    seen.push({ length: head.length, given });
  };
  await spool(source(), path, { ...options, onHead });
  t.same(seen, [{ length: 5000, given: 5 }]);
});

t.test('a short source shows all it has', async (t) => {
  const { path } = target(t);
  const heads: string[] = [];
  const onHead = (head: Buffer) => void heads.push(head.toString());
  await spool(Readable.from([Buffer.from('GIF'), Buffer.from('89a')]), path, { ...options, onHead });
  t.same(heads, ['GIF89a']);
});

t.test('a refused head ends the spool at once, with no file and the source alive', async (t) => {
  const { folder, path } = target(t);
  const source = new PassThrough();
  source.write(Buffer.alloc(5000));
  const refusal = new Problem('MEDIA_TYPE_UNSUPPORTED', 'no');
  const onHead = () => Promise.reject(refusal);
  await t.rejects(spool(source, path, { ...options, onHead }), refusal);
  t.same(await readdir(folder), []);
  t.notOk(source.destroyed, 'the request can still be answered');
  source.end(Buffer.alloc(1_000_000));
  source.resume();
  await once(source, 'end');
});

t.test('the limit is inclusive, and one byte more ends it', async (t) => {
  const { folder, path } = target(t);
  const content = randomBytes(2_000_000);
  t.equal(
    (await spool(Readable.from(slices(content, 65_536)), path, { ...options, maxBytes: 2_000_000 })).bytes,
    2_000_000,
  );

  const source = new PassThrough();
  source.write(content);
  const refused = spool(source, `${path}-large`, { ...options, maxBytes: 1_999_999 });
  await t.rejects(refused, { code: 'UPLOAD_TOO_LARGE', status: 413, message: /1999999 bytes/ });
  t.notOk(source.destroyed, 'the request can still be answered');
  t.same(await readdir(folder), ['spooled'], 'the other is removed');
});

t.test('too large after much was written removes it', async (t) => {
  const { folder, path } = target(t);
  const source = Readable.from(slices(randomBytes(3_000_000), 65_536));
  await t.rejects(spool(source, path, { ...options, maxBytes: 2_900_000 }), { code: 'UPLOAD_TOO_LARGE' });
  t.same(await readdir(folder), []);
});

/** A source that gives 2 MB and then, asked for more, does something else. */
function stalling(then: (source: Readable) => void): Readable {
  let left = 32;
  return new Readable({
    read() {
      left -= 1;
      if (left >= 0) this.push(Buffer.alloc(65_536));
      else then(this);
    },
  });
}

t.test('a source that dies half-way leaves no file', async (t) => {
  const { folder, path } = target(t);
  const died = new Error('aborted');
  await t.rejects(
    spool(
      stalling((source) => source.destroy(died)),
      path,
      options,
    ),
    died,
  );
  const silently = stalling((source) => source.destroy());
  await t.rejects(spool(silently, path, options), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  await t.rejects(
    spool(silently, path, options),
    { code: 'ERR_STREAM_PREMATURE_CLOSE' },
    'dead from the start',
  );
  t.same(await readdir(folder), []);
});

t.test('an abort ends a source that stalls, and rejects with its reason', async (t) => {
  const { folder, path } = target(t);
  const reason = new Problem('SHUTTING_DOWN', 'bye');
  const controller = new AbortController();
  const { signal } = controller;
  const source = stalling(() => controller.abort(reason));
  await t.rejects(spool(source, path, { ...options, signal }), reason);
  t.ok(source.destroyed);
  await t.rejects(spool(Readable.from([]), path, { ...options, signal }), reason, 'aborted from the start');
  t.same(await readdir(folder), []);
});

t.test('an abort ends an async iterable at its next chunk', async (t) => {
  const { folder, path } = target(t);
  const controller = new AbortController();
  async function* source() {
    for (let given = 0; given < 20; given += 1) {
      if (given === 10) controller.abort();
      if (given > 10) t.fail('nobody wants it any more');
      yield Buffer.alloc(100_000);
    }
  }
  await t.rejects(spool(source(), path, { ...options, signal: controller.signal }), { name: 'AbortError' });
  t.same(await readdir(folder), []);
});

t.test('a full disk is a 507 and leaves nothing', async (t) => {
  const { folder, path } = target(t);
  await symlink('/dev/full', path);
  const source = Readable.from(slices(randomBytes(3_000_000), 65_536));
  await t.rejects(spool(source, path, options), { code: 'STORAGE_FULL', status: 507 });
  t.same(await readdir(folder), []);
});

t.test('a slow disk holds the source back', async (t) => {
  const { path } = target(t);
  // A named pipe takes nothing before someone reads it.
  execFileSync('mkfifo', [path]);
  let given = 0;
  async function* source() {
    for (let index = 0; index < 300; index += 1) {
      given += 65_536;
      yield Buffer.alloc(65_536);
    }
  }
  const spooled = spool(source(), path, { ...options, maxBytes: 100_000_000 });
  for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
  t.ok(given <= 1024 * 1024 + 65_536, `${given} bytes in flight`);
  const read = await buffer(createReadStream(path));
  t.equal(read.length, 300 * 65_536);
  t.equal((await spooled).bytes, read.length);
});
