import t from 'tap';
import { parseIdempotencyKey } from '../../../lib/idempotency/key.js';

t.test('in quotes, as the draft has it, and bare, as most send it', async (t) => {
  for (const [header, key] of [
    ['abc', 'abc'],
    ['"abc"', 'abc'],
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"with space"', 'with space'],
    ['"a \\"quote\\" and \\\\"', 'a "quote" and \\'],
    ['"abc"; version=1', 'abc'],
    ['a,b;c="d"', 'a,b;c="d"'],
    ['x'.repeat(255), 'x'.repeat(255)],
    [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
  ] as const) {
    t.equal(parseIdempotencyKey(header), key, header);
  }
});

t.test('what is no key names the header and what it got', async (t) => {
  for (const [header, got] of [
    ['', 'is ""'],
    ['""', 'is "\\"\\""'],
    ['"open', 'is "\\"open"'],
    ['"wrong \\escape"', 'is '],
    ['"abc" def', 'is '],
    ['two words', 'is "two words"'],
    ['one, other', 'is "one, other"'],
    ['"one", "other"', 'is '],
    ['schlüssel', 'is "schlüssel"'],
    ['x'.repeat(300), 'is 300 characters long; it takes 1 to 255'],
    [`"${'x'.repeat(256)}"`, 'is 256 characters long'],
  ] as const) {
    const path = 'Idempotency-Key';
    t.throws(() => parseIdempotencyKey(header), {
      code: 'IDEMPOTENCY_KEY_INVALID',
      status: 400,
      errors: [{ path }],
    });
    try {
      parseIdempotencyKey(header);
    } catch (error) {
      t.match(error instanceof Error && error.message, `Idempotency-Key ${got}`);
    }
  }
});
