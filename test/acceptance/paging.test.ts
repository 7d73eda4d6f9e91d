import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import { type ListBody, type ProblemBody, upload } from '../helpers/client.js';
import { type Answer, openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const service = await startService(t, { env: { ROLE: 'api' } });
const api = await openApi(service.url);

const add = async (): Promise<string> => (await upload(api, await picture())).body.image.id;
const remove = (id: string) => api(`/v1/images/${id}`, { method: 'DELETE' });
const list = (query: string) => api<ListBody<Image>>(`/v1/images?${query}`);
const idsOf = ({ body }: Answer<ListBody<Image>>): string[] => body.data.map(({ id }) => id);

/** The targets of a Link header, by their rel. */
function linksOf(headers: Headers): Record<string, string> {
  const links = [...(headers.get('link') ?? '').matchAll(/<([^>]*)>; rel="(\w+)"/g)];
  return Object.fromEntries(links.map(([, target, rel]) => [rel, target]));
}

const ids: string[] = [];
for (let i = 0; i < 11; i++) ids.push(await add());
const newestFirst = ids.toReversed();

await t.test('cursors forwards and backwards, with nothing changing', async (t) => {
  for (const [sort, all] of [
    ['-createdAt', newestFirst],
    ['createdAt', ids],
  ] as const) {
    const pages = [await list(`sort=${sort}&limit=4`)];
    for (
      let next = pages[0]?.body.pagination.nextCursor;
      next;
      next = pages.at(-1)?.body.pagination.nextCursor
    )
      pages.push(await list(`sort=${sort}&limit=4&after=${next}`));
    t.same(pages.map(idsOf), [all.slice(0, 4), all.slice(4, 8), all.slice(8)]);
    t.same(pages[0]?.body.pagination.previousCursor, null);

    const back = [await list(`sort=${sort}&limit=4&before=${pages.at(-1)?.body.pagination.previousCursor}`)];
    for (
      let prev = back[0]?.body.pagination.previousCursor;
      prev;
      prev = back.at(-1)?.body.pagination.previousCursor
    )
      back.push(await list(`sort=${sort}&limit=4&before=${prev}`));
    t.same(back.map(idsOf), [all.slice(4, 8), all.slice(0, 4)]);
  }
});

await t.test('Link leads through all pages, and keeps what was asked', async (t) => {
  for (const query of [
    'limit=5&contentType=image/png&fields=id',
    'limit=5&page=1&contentType=image/png&fields=id',
  ]) {
    const seen: string[] = [];
    let path: string | undefined = `/v1/images?${query}`;
    let last = '';
    while (path !== undefined) {
      const answer: Answer<ListBody<Image>> = await api(path);
      for (const row of answer.body.data) t.same(Object.keys(row), ['id']);
      seen.push(...idsOf(answer));
      last = path;
      path = linksOf(answer.headers)['next'];
    }
    t.same(seen, newestFirst, query);
    const { headers } = await api(last);
    t.same(idsOf(await api(linksOf(headers)['prev'] ?? '')), newestFirst.slice(5, 10));
    t.same(idsOf(await api(linksOf(headers)['first'] ?? '')), newestFirst.slice(0, 5));
  }
});

await t.test('pages for people, and totals only when asked', async (t) => {
  const page = await list('page=2&limit=4');
  t.same(page.body.pagination, { page: 2, limit: 4, total: 11, pages: 3 });
  t.same(idsOf(page), newestFirst.slice(4, 8));
  t.same(linksOf(page.headers), {
    first: '/v1/images?limit=4&page=1',
    prev: '/v1/images?limit=4&page=1',
    next: '/v1/images?limit=4&page=3',
  });
  const beyond = await list('page=9&limit=4');
  t.same([beyond.status, beyond.body.data, beyond.body.pagination.total], [200, [], 11]);
  t.notOk('total' in (await list('limit=4')).body.pagination);
  t.equal((await list('limit=4&withTotal=true')).body.pagination.total, 11);
});

await t.test('the bounds of a page', async (t) => {
  const { body } = await list('');
  t.equal(body.pagination.limit, 20);
  t.equal(idsOf(await list('limit=200')).length, 11);
  for (const query of [
    'limit=0',
    'limit=201',
    'limit=x',
    'limit=1.5',
    'page=0',
    'page=-1',
    'sort=filename',
    'nope=1',
  ]) {
    const { status, body } = await api<ProblemBody>(`/v1/images?${query}`);
    t.same([status, body.errors?.[0]?.path], [400, query.split('=')[0]], query);
  }
  for (const query of ['after=nope', 'before=nope', `after=${'A'.repeat(500)}`, 'after=']) {
    const { status, body } = await api<ProblemBody>(`/v1/images?${query}`);
    t.same([status, body.code, body.errors?.[0]?.path], [400, 'CURSOR_INVALID', query.split('=')[0]], query);
  }
  const cursor = (await list('limit=4')).body.pagination.nextCursor;
  for (const query of [`after=${cursor}&before=${cursor}`, `after=${cursor}&page=1`]) {
    t.equal((await api(`/v1/images?${query}`)).status, 400, query);
  }
});

// From here on the data changes between the pages.
await t.test('forwards while rows come and go: no row twice, none missed that stays', async (t) => {
  const seen: string[] = [];
  const gone = new Set<string>();
  let page = await list('limit=3');
  for (;;) {
    seen.push(...idsOf(page));
    const { nextCursor } = page.body.pagination;
    if (!nextCursor) break;
    await add();
    // The row that the cursor was made of, and one that is still to come.
    for (const id of [seen.at(-1), newestFirst[newestFirst.indexOf(seen.at(-1) ?? '') + 2]]) {
      if (id === undefined) continue;
      await remove(id);
      gone.add(id);
    }
    page = await list(`limit=3&after=${nextCursor}`);
  }
  t.equal(new Set(seen).size, seen.length, 'no row twice');
  t.same(
    seen.filter((id) => !gone.has(id)),
    newestFirst.filter((id) => !gone.has(id)),
    'every row that stayed, in order; none that came later',
  );
});

await t.test('backwards while rows come and go', async (t) => {
  const before = idsOf(await list('limit=200'));
  const oldest = await list('limit=3&sort=createdAt');
  t.same(idsOf(oldest), before.slice(-3).reverse());
  // From the end of the newest-first list back to its start.
  let page = await list(`limit=2&before=${oldest.body.pagination.nextCursor}`);
  const seen: string[] = [];
  const gone = new Set<string>();
  for (;;) {
    seen.unshift(...idsOf(page));
    const { previousCursor } = page.body.pagination;
    if (!previousCursor) break;
    const [edge = ''] = idsOf(page);
    await remove(edge);
    gone.add(edge);
    await add();
    page = await list(`limit=2&before=${previousCursor}`);
    if (seen.length > 50) break;
  }
  t.equal(new Set(seen).size, seen.length, 'no row twice');
  const stayed = before.slice(0, -3).filter((id) => !gone.has(id));
  t.same(
    seen.filter((id) => before.includes(id) && !gone.has(id)),
    stayed,
  );
});
