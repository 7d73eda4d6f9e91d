import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { openPromise } from 'yauzl';
import { crc32, tableCrc32 } from '../../../../lib/exports/files/crc32.js';
import { type PackedFile, writeZip, type ZipTask } from '../../../../lib/exports/files/zip.js';
import { centralRecord, endRecords, localHeader } from '../../../../lib/exports/files/zip-records.js';
import type { BlobStore } from '../../../../lib/storage/blob-store.js';
import { openFileStore } from '../../../../lib/storage/file-store.js';
import { originalKey } from '../../../../lib/storage/keys.js';
import { temporaryFolder } from '../../../helpers/services.js';
import { putContent } from '../../storage/blob-store-contract.js';

const modifiedAt = new Date('2026-11-22T21:00:01Z');

function describe(name: string, content: Buffer, id = name): PackedFile {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { id, name, key: originalKey(sha256), bytes: content.length, sha256, modifiedAt };
}

/** A task in a folder of its own, beside its store. */
async function zipTask(t: Test, files: Iterable<PackedFile>, change: Partial<ZipTask> = {}) {
  const root = await temporaryFolder(t);
  const output = await temporaryFolder(t);
  const task: ZipTask = {
    store: await openFileStore(root),
    files: Readable.from(files),
    folder: 'images',
    outputPath: `${output}/export.zip`,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...change,
  };
  return { task, output };
}

/** Each file of an archive with its hash, as yauzl reads it; it checks the sizes itself. */
async function readZip(path: string): Promise<Map<string, { sha256: string; modifiedAt: Date }>> {
  const zip = await openPromise(path);
  const found = new Map<string, { sha256: string; modifiedAt: Date }>();
  for await (const entry of zip.eachEntry()) {
    const content = await buffer(await zip.openReadStreamPromise(entry));
    if (crc32(content, 0) !== entry.crc32) throw new Error(`${entry.fileName} has another checksum`);
    found.set(entry.fileName, {
      sha256: createHash('sha256').update(content).digest('hex'),
      modifiedAt: entry.getLastModDate(),
    });
  }
  zip.close();
  return found;
}

async function readManifest(path: string): Promise<string[]> {
  const zip = await openPromise(path);
  let last = '';
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName !== 'manifest.csv') continue;
    last = (await buffer(await zip.openReadStreamPromise(entry))).toString();
  }
  zip.close();
  return last.split('\r\n').slice(0, -1);
}

/** What `unzip -t` says, where it is installed. */
async function unzipTest(t: Test, path: string): Promise<void> {
  const { stdout } = await promisify(execFile)('unzip', ['-tqq', path]).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { stdout: '' };
    throw error;
  });
  t.equal(stdout.trim(), '', 'unzip finds no fault');
}

/** A store that has everything, and gives the same bytes for it. */
function storeOf(base: BlobStore, bytes: number, content: () => Readable): BlobStore {
  return {
    temporaryPath: () => base.temporaryPath(),
    put: (...args) => base.put(...args),
    stat: (key) => base.stat(key),
    remove: (key) => base.remove(key),
    removeAll: (prefix) => base.removeAll(prefix),
    list: (prefix) => base.list(prefix),
    sweepTemporary: (...args) => base.sweepTemporary(...args),
    check: () => base.check(),
    localPath: (key) => base.localPath(key),
    open: async () => {
      const stream = content();
      return {
        bytes,
        stream,
        close: async () => {
          stream.destroy();
        },
      };
    },
  };
}

t.test('files come back whole, under their names, with a manifest', async (t) => {
  const contents = [
    randomBytes(10),
    Buffer.alloc(0),
    randomBytes(2_000_000),
    randomBytes(700_000),
    randomBytes(1),
  ];
  const names = ['a.jpg', 'A.jpg', 'مرحبا 🎉.png', '../up.png', 'a,"b".png'];
  const files = contents.map((content, index) => describe(names[index] ?? '', content));
  const progress: number[] = [];
  const { task, output } = await zipTask(t, files, { onProgress: (done) => progress.push(done) });
  for (const [index, content] of contents.entries()) {
    await putContent(task.store, files[index]?.key ?? '', content);
  }
  t.strictSame(await writeZip(task), { packed: 5, missing: 0, damaged: 0 });
  t.strictSame(progress, [1, 2, 3, 4, 5]);

  const paths = ['a.jpg', 'A (2).jpg', 'مرحبا 🎉.png', 'up.png', 'a,_b_.png'].map((name) => `images/${name}`);
  const found = await readZip(task.outputPath);
  t.strictSame([...found.keys()], [...paths, 'manifest.csv']);
  for (const [index, path] of paths.entries()) {
    t.equal(found.get(path)?.sha256, files[index]?.sha256, path);
    t.strictSame(found.get(path)?.modifiedAt, modifiedAt);
  }
  const [header, first, , , , last] = await readManifest(task.outputPath);
  t.equal(header, 'path,state,bytes,sha256,id,modifiedAt');
  t.equal(first, `images/a.jpg,packed,10,${files[0]?.sha256},a.jpg,2026-11-22T21:00:01.000Z`);
  t.match(last, /^"images\/a,_b_\.png",packed,1,/);
  await unzipTest(t, task.outputPath);
  t.strictSame(await readdir(output), ['export.zip'], 'nothing else is left');
});

t.test('what is missing or other than its row is in the manifest', async (t) => {
  const [here, gone, damaged] = ['here', 'gone', 'damaged'].map((name) => describe(name, Buffer.from(name)));
  if (!here || !gone || !damaged) throw new Error('three files');
  const { task } = await zipTask(t, [here, gone, damaged]);
  await putContent(task.store, here.key, 'here');
  await putContent(task.store, damaged.key, 'longer than it was');
  t.strictSame(await writeZip(task), { packed: 1, missing: 1, damaged: 1 });
  t.strictSame(
    [...(await readZip(task.outputPath)).keys()],
    ['images/here', 'images/damaged', 'manifest.csv'],
  );
  t.match(await readManifest(task.outputPath), [
    /^path/,
    /here,packed/,
    /gone,missing,4/,
    /damaged,damaged,7/,
  ]);
});

t.test('more than 65,535 files', async (t) => {
  const content = Buffer.from('tiny');
  const file = describe('tiny.txt', content);
  const many = function* (): Generator<PackedFile> {
    for (let index = 0; index < 66_000; index++) yield { ...file, name: `${index}.txt` };
  };
  const { task } = await zipTask(t, many());
  const store = storeOf(task.store, content.length, () => Readable.from([content]));
  t.strictSame(await writeZip({ ...task, store }), { packed: 66_000, missing: 0, damaged: 0 });
  const zip = await openPromise(task.outputPath);
  t.equal(zip.entryCount, 66_001);
  zip.close();
  t.equal((await readManifest(task.outputPath)).length, 66_001);
  await unzipTest(t, task.outputPath);
});

t.test('an abort or a failing store leaves nothing', async (t) => {
  const file = describe('endless', Buffer.from('endless'));
  const stop = new AbortController();
  const { task, output } = await zipTask(t, [file], { signal: stop.signal });
  const reason = new Error('the job was cancelled');
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(64 * 1024));
      stop.abort(reason);
    },
  });
  await t.rejects(writeZip({ ...task, store: storeOf(task.store, 1, () => endless) }), reason);
  t.ok(endless.destroyed);

  const broken = new Readable({ read: () => broken.destroy(new Error('the disk broke')) });
  const { signal } = new AbortController();
  const store = storeOf(task.store, 1, () => broken);
  await t.rejects(writeZip({ ...task, signal, store, files: Readable.from([file]) }), /the disk broke/);

  const failing = Readable.from(
    (function* () {
      yield file;
      throw new Error('the rows ended early');
    })(),
  );
  await t.rejects(writeZip({ ...task, signal, files: failing }), /ended early/);
  t.strictSame(await readdir(output), []);
});

t.test('a file of more than 4 GiB, and one behind it', async (t) => {
  const bytes = 4 * 1024 ** 3 + 5;
  const path = `${await temporaryFolder(t)}/sparse.zip`;
  const small = Buffer.from('behind it');
  const stored = { modifiedAt, deflated: false, bytes, packedBytes: bytes };
  // The checksum is not looked at here: reading so much for it takes a minute.
  const large = { ...stored, name: 'images/large', crc32: 0 };
  const next = { ...stored, name: 'next.txt', crc32: crc32(small, 0), bytes: 9, packedBytes: 9 };
  const header = localHeader(large, true);
  const directory = [centralRecord(large, 0), centralRecord(next, header.length + bytes)];
  const tail = [localHeader(next, false), small, ...directory];
  const offset = header.length + bytes + (tail[0]?.length ?? 0) + small.length;
  await writeFile(path, header);
  // A hole, which takes no room on the disk.
  await truncate(path, header.length + bytes);
  await appendFile(path, Buffer.concat([...tail, endRecords(2, offset, Buffer.concat(directory).length)]));

  const zip = await openPromise(path);
  const found: [string, number][] = [];
  for await (const entry of zip.eachEntry()) {
    found.push([entry.fileName, entry.uncompressedSize]);
    const stream = await zip.openReadStreamPromise(entry);
    if (entry.fileName === 'next.txt') t.equal((await buffer(stream)).toString(), 'behind it');
    else stream.destroy();
  }
  zip.close();
  t.strictSame(found, [
    ['images/large', bytes],
    ['next.txt', 9],
  ]);
});

t.test('checksums are the same without those of newer versions of Node', (t) => {
  const [one, other] = [randomBytes(1000), randomBytes(77)];
  t.equal(tableCrc32(Buffer.from('123456789'), 0), 0xcbf43926, 'the check value of CRC-32');
  t.equal(tableCrc32(other, tableCrc32(one, 0)), crc32(Buffer.concat([one, other]), 0));
  t.end();
});
