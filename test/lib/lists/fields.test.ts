import t from 'tap';
import { Type } from 'typebox';
import { fieldPaths, parseFields, pickFields } from '../../../lib/lists/fields.js';

const schema = Type.Object({
  id: Type.String(),
  parts: Type.Optional(Type.Array(Type.Object({ url: Type.String(), size: Type.Integer() }))),
  result: Type.Union([Type.Object({ deep: Type.Object({ leaf: Type.String() }) }), Type.Null()]),
});

t.test('every name that may be asked for is known, through arrays and unions', async (t) => {
  t.same(fieldPaths(schema), [
    'id',
    'parts',
    'parts.url',
    'parts.size',
    'result',
    'result.deep',
    'result.deep.leaf',
  ]);
});

t.test('dotted names become a tree, and a whole field wins over its parts', async (t) => {
  t.same(parseFields('id, parts.url,parts.size', schema, 'fields'), {
    id: true,
    parts: { url: true, size: true },
  });
  t.same(parseFields('parts.url,parts', schema, 'fields'), { parts: true });
  t.same(parseFields('parts,parts.url', schema, 'fields'), { parts: true });
});

t.test('an unknown name is refused, and the known ones are listed', async (t) => {
  for (const text of ['', 'nope', 'id.nope', 'parts.nope', '__proto__', 'constructor', 'id,']) {
    t.throws(
      () => parseFields(text, schema, 'fields[things]'),
      {
        code: 'FIELD_UNKNOWN',
        status: 400,
        errors: [{ path: 'fields[things]', message: /known are id, parts, parts\.url/ }],
      },
      JSON.stringify(text),
    );
  }
});

t.test('only what was asked for stays', async (t) => {
  const value = { id: 'a', parts: [{ url: 'b', size: 1 }], result: null, createdAt: new Date() };
  t.same(pickFields(value, { id: true, parts: { url: true } }), { id: 'a', parts: [{ url: 'b' }] });
  t.same(pickFields(value, { result: { deep: true } }), { result: null });
  t.same(pickFields([value, value], { id: true }), [{ id: 'a' }, { id: 'a' }]);
});
