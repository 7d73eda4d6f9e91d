import t from 'tap';
import { parseMetadata } from '../../../lib/images/metadata.js';

t.test('what a client keeps with an image comes back as it was', async (t) => {
  for (const value of [{}, { a: [1, { b: null }] }, { path: 'C:\\u0000\\ud800' }, { '😀': '\ud83d\ude00' }])
    t.same(parseMetadata(JSON.stringify(value)), value);
  t.same(parseMetadata(undefined), {});
});

t.test('what cannot be kept is named', async (t) => {
  for (const [text, message] of [
    ['[]', /takes a JSON object/],
    ['null', /takes a JSON object/],
    ['{', /is not JSON/],
    ['{"a":"\\u0000"}', /NUL/],
    ['{"a\\\\\\u0000":1}', /NUL/],
    ['{"a":"\\ud800"}', /half a character/],
    ['{"\\udfff":1}', /half a character/],
    [JSON.stringify({ a: 'x'.repeat(16 * 1024) }), /at most 16384/],
  ] as const) {
    t.throws(() => parseMetadata(text), { code: 'VALIDATION_FAILED', message }, text.slice(0, 40));
  }
});
