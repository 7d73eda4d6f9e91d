import { readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { openFileStore } from '../../../lib/storage/file-store.js';
import { originalKey } from '../../../lib/storage/keys.js';
import { blobStoreContract, putContent, uniqueSha256 } from './blob-store-contract.js';

const createStore = (t: Test) => openFileStore(join(t.testdir(), 'data', 'store'));

t.test('contract', async (t) => blobStoreContract(t, createStore));

/** The files under a folder that this process has open. */
async function openFiles(folder: string): Promise<string[]> {
  const descriptors = await readdir('/proc/self/fd');
  const paths = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(folder));
}

t.test('no descriptor stays open, however the reading ends', async (t) => {
  const root = t.testdir();
  const store = await openFileStore(root);
  const key = originalKey(uniqueSha256());
  await putContent(store, key, 'x'.repeat(1_000_000));
  await text((await store.open(key)).stream);
  await (await store.open(key)).close();
  for await (const _ of (await store.open(key)).stream) break;
  await store.open(key, { start: 2_000_000, end: 2_000_001 }).catch(() => {});
  const kept = await store.open(key);
  t.equal((await openFiles(root)).length, 1, 'only the one still open');
  await kept.close();
  t.same(await openFiles(root), []);
});

t.test('a store opened again has what it had', async (t) => {
  const root = t.testdir();
  const key = originalKey(uniqueSha256());
  await putContent(await openFileStore(root), key, 'kept');
  t.equal(await text((await (await openFileStore(root)).open(key)).stream), 'kept');
});

t.test('the check fails when the store cannot be written', async (t) => {
  const root = t.testdir();
  const store = await openFileStore(root);
  await rm(join(root, 'tmp'), { recursive: true });
  await t.rejects(store.check(), { code: 'ENOENT' });
});

t.test('files that are none of the service are not listed', async (t) => {
  const root = t.testdir({ originals: { '.DS_Store': '', Thumbs: '' } });
  const store = await openFileStore(root);
  await writeFile(join(root, 'originals', 'known'), 'x');
  const keys: string[] = [];
  for await (const { key } of store.list('originals/')) keys.push(key);
  t.same(keys, ['originals/known']);
});

t.test('a folder is no blob and is never swept', async (t) => {
  const store = await openFileStore(t.testdir({ originals: { ab: {} }, tmp: { folder: {} } }));
  t.equal(await store.stat('originals/ab'), undefined);
  t.equal(await store.sweepTemporary(0, Date.now() + 86_400_000), 0);
});
