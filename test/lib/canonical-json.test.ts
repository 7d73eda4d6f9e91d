import t from 'tap';
import { canonicalJson } from '../../lib/canonical-json.js';

t.test('the order of names does not matter, the order of a list does', async (t) => {
  t.equal(canonicalJson({ b: 1, a: { d: [2, 1], c: null } }), '{"a":{"c":null,"d":[2,1]},"b":1}');
  t.equal(canonicalJson([{ b: 1, a: 2 }]), '[{"a":2,"b":1}]');
  t.not(canonicalJson([1]), canonicalJson({ 0: 1 }), 'a list is not an object with numbers as names');
});

t.test('values that are no objects', async (t) => {
  for (const value of [null, true, 'text', 1.5]) t.equal(canonicalJson(value), JSON.stringify(value));
});
