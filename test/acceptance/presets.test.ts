import t from 'tap';
import { type ProblemBody, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

interface Preset {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly builtIn: boolean;
}

const service = await startService(t);
const api = await openApi(service.url);

const list = async () => (await api<{ data: Preset[] }>('/v1/presets')).body.data;
const put = (name: string, json: unknown) =>
  api<Preset & ProblemBody>(`/v1/presets/${name}`, { method: 'PUT', json });
const remove = (name: string) => api<ProblemBody>(`/v1/presets/${name}`, { method: 'DELETE' });

await t.test('the built-in ones, which nobody changes', async (t) => {
  t.match(await list(), [
    { name: 'thumbnail', options: { width: 200, height: 200, fit: 'cover', format: 'webp' }, builtIn: true },
    { name: 'small', options: { width: 640 }, builtIn: true },
    { name: 'medium', options: { width: 1280 }, builtIn: true },
    { name: 'large', options: { width: 1920 }, builtIn: true },
  ]);
  for (const answer of [await put('thumbnail', { width: 5 }), await remove('large')]) {
    t.same([answer.status, answer.body.code], [409, 'PRESET_BUILT_IN']);
  }
  t.equal((await list()).length, 4);
});

await t.test('made, used, replaced, deleted', async (t) => {
  const made = await put('avatar', { width: 24, height: 24, format: 'png' });
  t.equal(made.status, 201);
  t.equal(made.headers.get('location'), '/v1/presets/avatar');
  t.same(made.body, { name: 'avatar', options: { width: 24, height: 24, format: 'png' }, builtIn: false });
  t.same((await list()).at(-1), made.body);

  const first = await uploadAndWait(api, await picture(), { presets: ['avatar', 'thumbnail'] });
  const avatar = first.renditions.find(({ name }) => name === 'avatar');
  t.match(avatar, { width: 24, height: 24, contentType: 'image/png' });

  const replaced = await put('avatar', { width: 12, format: 'jpeg' });
  t.equal(replaced.status, 200);
  t.same((await list()).at(-1)?.options, { width: 12, format: 'jpeg' }, 'replaced, not merged');
  const second = await uploadAndWait(api, await picture(), { presets: ['avatar'] });
  t.match(second.renditions, [{ width: 12, contentType: 'image/jpeg' }]);

  t.equal((await remove('avatar')).status, 204);
  t.same((await list()).length, 4);
  const gone = await remove('avatar');
  t.same([gone.status, gone.body.code], [404, 'PRESET_NOT_FOUND']);
  const unknown = await api<ProblemBody>(`/v1/images/${first.image.id}/renditions`, {
    method: 'POST',
    json: { presets: ['avatar'] },
  });
  t.same([unknown.status, unknown.body.code], [400, 'PRESET_UNKNOWN']);
});

await t.test('what is no preset', async (t) => {
  for (const [json, path] of [
    [{ width: 0 }, 'width'],
    [{ width: '10' }, 'width'],
    [{ colour: 'red' }, 'colour'],
    [{ quality: 101, width: 1 }, 'quality'],
  ] as const) {
    const { status, body } = await put('mine', json);
    t.same([status, body.errors?.[0]?.path], [400, path], JSON.stringify(json));
  }
  for (const json of [[], 'text', 5, null])
    t.equal((await put('mine', json)).status, 400, JSON.stringify(json));
  for (const name of ['Upper', 'a b', '-dash', 'x'.repeat(65), '%00']) {
    t.equal((await put(name, { width: 5 })).status, 400, name);
    t.equal((await remove(name)).status, 400, name);
  }
  t.equal((await list()).length, 4);
});

await t.test('two writers of one name at once: one makes it, the other replaces it', async (t) => {
  const answers = await Promise.all([put('race', { width: 1 }), put('race', { width: 2 })]);
  t.same(answers.map(({ status }) => status).sort(), [200, 201]);
});
