import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { noise } from '../helpers/pictures.js';
import { open } from '../helpers/raw-http.js';
import { startService } from '../helpers/service.js';

const service = await startService(t, { env: { ROLE: 'api' } });
const api = await openApi(service.url);

/** The files of the store that the API process has open now. */
async function openFiles(): Promise<string[]> {
  const folder = `/proc/${service.pid}/fd`;
  const targets = (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => ''));
  return (await Promise.all(targets)).filter((target) => target.startsWith(join(service.dataDir, 'store')));
}

await t.test('a client that leaves in mid-download leaves no file open', async (t) => {
  // More than sockets buffer: the server is in the middle of it when the client leaves.
  const file = await noise(3000, 2500).png({ compressionLevel: 0 }).toBuffer();
  const { image } = (await upload(api, file)).body;
  t.same(await openFiles(), []);
  for (const leave of ['end', 'reset'] as const) {
    const sockets = await Promise.all([1, 2, 3].map(() => open(service.url)));
    await Promise.all(
      sockets.map(async (socket) => {
        socket.write(`GET ${image.links.content} HTTP/1.1\r\nHost: x\r\n\r\n`);
        await once(socket, 'readable');
        t.match(String(socket.read(15)), /^HTTP\/1\.1 200/);
      }),
    );
    t.equal((await openFiles()).length, 3, 'each download reads its file');
    for (const socket of sockets) {
      if (leave === 'reset') socket.resetAndDestroy();
      else socket.destroy();
    }
    // tap's own time-out ends a wait in vain.
    while ((await openFiles()).length > 0) await new Promise(setImmediate);
  }
  t.ok((await api(image.links.content)).bytes.equals(file), 'and the next one gets the whole file');
  t.same(await openFiles(), []);
});
