import { createHash, randomBytes } from 'node:crypto';
import { readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import type { BlobEntry, BlobStore } from '../../../lib/storage/blob-store.js';
import { originalKey, renditionKey, renditionPrefix } from '../../../lib/storage/keys.js';

/** A SHA-256 that no other test has. */
export function uniqueSha256(): string {
  return createHash('sha256').update(randomBytes(32)).digest('hex');
}

/** Puts content under a key as the service does: a temporary file first. */
export async function putContent(store: BlobStore, key: string, content: string | Buffer): Promise<void> {
  const path = store.temporaryPath();
  await writeFile(path, content);
  await store.put(key, path);
}

async function collect(entries: AsyncIterable<BlobEntry>): Promise<BlobEntry[]> {
  const all: BlobEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all.sort((one, other) => one.key.localeCompare(other.key));
}

/** What every {@link BlobStore} does; each backend's test runs it with a store of its own. */
export function blobStoreContract(t: Test, createStore: (t: Test) => Promise<BlobStore>): void {
  t.test('a blob comes back whole, with its size, and leaves no temporary file', async (t) => {
    const store = await createStore(t);
    const key = originalKey(uniqueSha256());
    const content = randomBytes(700_000);
    const path = store.temporaryPath();
    await writeFile(path, content);
    await store.put(key, path);

    await t.rejects(stat(path), { code: 'ENOENT' }, 'the temporary file has become the blob');
    t.equal((await store.stat(key))?.bytes, content.length);
    t.type((await store.stat(key))?.modifiedAt, Date);
    const handle = await store.open(key);
    t.equal(handle.bytes, content.length);
    t.ok(content.equals(await buffer(handle.stream)), 'the same bytes');
    t.ok(content.equals(await readFile(await store.localPath(key))), 'the same bytes by its path');
  });

  t.test('the same key twice is harmless, at once too', async (t) => {
    const store = await createStore(t);
    const key = renditionKey(uniqueSha256(), 'ab12', 'webp');
    await Promise.all([1, 2, 3, 4].map(() => putContent(store, key, 'same')));
    await putContent(store, key, 'same');
    t.equal((await buffer((await store.open(key)).stream)).toString(), 'same');
  });

  t.test('a put without its temporary file fails and shows nothing under the key', async (t) => {
    const store = await createStore(t);
    const key = originalKey(uniqueSha256());
    await t.rejects(store.put(key, store.temporaryPath()), { code: 'ENOENT' });
    t.equal(await store.stat(key), undefined);
  });

  t.test('ranges are inclusive and cut to the end', async (t) => {
    const store = await createStore(t);
    const key = originalKey(uniqueSha256());
    await putContent(store, key, '0123456789');
    const read = async (start: number, end: number) => {
      const handle = await store.open(key, { start, end });
      const text = (await buffer(handle.stream)).toString();
      t.equal(handle.bytes, text.length, 'bytes is what the stream gives');
      return text;
    };
    t.equal(await read(0, 0), '0');
    t.equal(await read(2, 4), '234');
    t.equal(await read(8, 99), '89');
    await t.rejects(store.open(key, { start: 10, end: 12 }), {
      code: 'RANGE_NOT_SATISFIABLE',
      headers: { 'Content-Range': 'bytes */10' },
    });
  });

  t.test('an empty blob is a blob', async (t) => {
    const store = await createStore(t);
    const key = originalKey(uniqueSha256());
    await putContent(store, key, '');
    const handle = await store.open(key);
    t.equal(handle.bytes, 0);
    t.equal((await buffer(handle.stream)).length, 0);
  });

  t.test('what is missing is said before a byte is sent', async (t) => {
    const store = await createStore(t);
    const key = originalKey(uniqueSha256());
    t.equal(await store.stat(key), undefined);
    await t.rejects(store.open(key), { code: 'NOT_FOUND', status: 404 });
    await t.rejects(store.localPath(key), { code: 'NOT_FOUND' });
    await store.remove(key);
    await store.removeAll(renditionPrefix(uniqueSha256()));
  });

  t.test('a handle closes unread, half read, and twice', async (t) => {
    const store = await createStore(t);
    const key = originalKey(uniqueSha256());
    await putContent(store, key, randomBytes(2_000_000));
    const unread = await store.open(key);
    await unread.close();
    await unread.close();
    t.ok(unread.stream.closed);
    const half = await store.open(key);
    for await (const _ of half.stream.iterator({ destroyOnReturn: false })) break;
    await half.close();
    t.ok(half.stream.closed);
  });

  t.test('a blob that is being read may be removed', async (t) => {
    const store = await createStore(t);
    const key = originalKey(uniqueSha256());
    const content = randomBytes(1_000_000);
    await putContent(store, key, content);
    const handle = await store.open(key);
    await store.remove(key);
    t.equal(await store.stat(key), undefined);
    t.ok(content.equals(await buffer(handle.stream)), 'who had it open still gets all of it');
  });

  t.test('list and removeAll keep to their prefix', async (t) => {
    const store = await createStore(t);
    const [one, other] = [uniqueSha256(), uniqueSha256()];
    const keys = [renditionKey(one, 'aa', 'webp'), renditionKey(one, 'bb', 'png')];
    const neighbours = [renditionKey(other, 'aa', 'webp'), originalKey(one)];
    for (const key of [...keys, ...neighbours]) await putContent(store, key, 'xyz');

    const found = await collect(store.list(renditionPrefix(one)));
    t.same(
      found.map(({ key, bytes }) => [key, bytes]),
      keys.map((key) => [key, 3]),
    );
    t.type(found[0]?.modifiedAt, Date);
    t.equal((await collect(store.list('renditions/'))).length, 3, 'folders within are listed too');
    t.same(await collect(store.list(renditionPrefix(uniqueSha256()))), [], 'a missing prefix is empty');

    await store.removeAll(renditionPrefix(one));
    t.same(await collect(store.list(renditionPrefix(one))), []);
    for (const key of neighbours) t.ok(await store.stat(key), 'the neighbours stay');
    await putContent(store, keys[0] ?? '', 'xyz');
    t.ok(await store.stat(keys[0] ?? ''), 'and the prefix can be filled again');
  });

  t.test('the sweep takes only temporary files that are old enough', async (t) => {
    const store = await createStore(t);
    const now = Date.now();
    const key = originalKey(uniqueSha256());
    await putContent(store, key, 'a blob is never swept');
    const [old, young] = [store.temporaryPath(), store.temporaryPath()];
    t.not(old, young);
    for (const [path, age] of [
      [old, 7200],
      [young, 60],
    ] as const) {
      await writeFile(path, 'x');
      await utimes(path, new Date(), new Date(now - age * 1000));
    }
    t.equal(await store.sweepTemporary(3_600_000, now), 1);
    await t.rejects(stat(old), { code: 'ENOENT' });
    t.ok(await stat(young));
    t.equal(await store.sweepTemporary(0, now + 86_400_000), 1);
    t.ok(await store.stat(key));
  });

  t.test('no key and no prefix leaves the store', async (t) => {
    const store = await createStore(t);
    const outside = [
      '',
      '/',
      '../x',
      'originals/../../x',
      'originals/./x',
      '/etc/passwd',
      'tmp/x',
      'originals',
      'originals//x',
      'originals/a\0b',
      'originals\\x',
    ];
    for (const key of outside) {
      const label = JSON.stringify(key);
      await t.rejects(store.open(key), TypeError, label);
      await t.rejects(store.put(key, store.temporaryPath()), TypeError, label);
      await t.rejects(store.remove(key), TypeError, label);
      await t.rejects(store.removeAll(key), TypeError, label);
      await t.rejects(collect(store.list(key)), TypeError, label);
    }
    await t.rejects(store.removeAll('originals/../'), TypeError);
    const unclosed = renditionPrefix(uniqueSha256()).slice(0, -1);
    await t.rejects(store.removeAll(unclosed), TypeError, 'a prefix without its slash may name a blob');
  });

  t.test('the check leaves nothing behind', async (t) => {
    const store = await createStore(t);
    await store.check();
    t.equal(await store.sweepTemporary(0, Date.now() + 86_400_000), 0);
  });
}
