import t from 'tap';
import { newId } from '../../../lib/ids.js';
import { decodeCursor, encodeCursor } from '../../../lib/lists/cursor.js';

t.test('a cursor comes back as it went, to the millisecond, and needs no escaping in a URL', async (t) => {
  for (const createdAt of [new Date(0), new Date(), new Date('4999-12-31T23:59:59.999Z')]) {
    const cursor = { createdAt, id: newId() };
    const text = encodeCursor(cursor);
    t.equal(encodeURIComponent(text), text);
    t.same(decodeCursor(text, 'after'), cursor);
  }
});

t.test('what is not a cursor of ours is refused by the name of its field', async (t) => {
  const id = newId();
  const texts = [
    '',
    'x',
    '💥',
    `${id}`,
    `.${id}`,
    `zzzzzzzzzz.${id}`,
    '1.',
    '1.not-a-uuid',
    `-1.${id}`,
    `1 .${id}`,
  ];
  for (const text of texts.flatMap((each) => [each, Buffer.from(each).toString('base64url')])) {
    t.throws(
      () => decodeCursor(text, 'before'),
      { name: 'Problem', code: 'CURSOR_INVALID', status: 400, errors: [{ path: 'before' }] },
      JSON.stringify(text),
    );
  }
});
