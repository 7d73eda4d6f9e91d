import t from 'tap';
import { upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { startRedis } from '../helpers/services.js';

/** What the board shows of a queue. */
interface Shown {
  readonly queues: readonly {
    readonly name: string;
    readonly isPaused: boolean;
    readonly readOnlyMode: boolean;
    readonly counts: Readonly<Record<string, number>>;
  }[];
}

for (const backend of ['PostgreSQL', 'Redis']) {
  t.test(`the board shows the queues in ${backend}, and changes nothing`, async (t) => {
    const service = await startService(t, {
      ...(backend === 'Redis' && { redisUrl: (await startRedis(t)).url }),
      env: { ADMIN_UI: 'true', RESIZE_THREADS: '1' },
    });
    const board = `${service.url}/admin/queues`;
    const page = await fetch(board);
    t.match(page.headers.get('content-type'), /^text\/html/);
    t.match(await page.text(), /Halftone/);

    const api = await openApi(service.url);
    await api('/v1/queues/resize/pause', { method: 'POST' });
    await upload(api, await picture(), { presets: ['thumbnail'] });
    const shown: Shown = JSON.parse(await (await fetch(`${board}/api/queues`)).text());
    t.same(shown.queues.map(({ name }) => name).sort(), ['batch', 'export', 'import', 'notify', 'resize']);
    const resize = shown.queues.find(({ name }) => name === 'resize');
    t.match(resize, { isPaused: true, readOnlyMode: true });
    t.equal(
      Object.values(resize?.counts ?? {}).reduce((sum, count) => sum + count, 0),
      1,
    );
    const refused = await fetch(`${board}/api/queues/resize/resume`, { method: 'PUT' });
    t.equal(refused.status, 405);
  });
}

t.test('without ADMIN_UI there is none', async (t) => {
  const service = await startService(t, { env: { ROLE: 'api' } });
  t.equal((await fetch(`${service.url}/admin/queues`)).status, 404);
});
