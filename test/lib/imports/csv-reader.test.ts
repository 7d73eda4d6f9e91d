import t, { type Test } from 'tap';
import { CsvReader, decodeCell, MAX_RECORD_BYTES } from '../../../lib/imports/csv-reader.js';

/** Records of a text that arrives in chunks of some bytes: its line, its cells, and the byte after it. */
function records(text: string | Buffer, chunkBytes = Number.POSITIVE_INFINITY) {
  const bytes = Buffer.from(text);
  const reader = new CsvReader({ offset: 0, line: 1 });
  const found = [];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    found.push(...reader.take(bytes.subarray(at, at + chunkBytes)));
  found.push(...reader.end());
  return found.map(({ line, cells, end }) => [line, cells, end.offset] as const);
}

/** The same, whatever the chunks are. */
function eitherWay(t: Test, text: string, expected: unknown): void {
  for (const chunkBytes of [1, 2, 3, 7, 1_000_000])
    t.same(records(text, chunkBytes), expected, `chunks of ${chunkBytes}`);
}

t.test('cells, lines and places', async (t) => {
  eitherWay(t, 'a,b\nc,d\ne,', [
    [1, ['a', 'b'], 4],
    [2, ['c', 'd'], 8],
    [3, ['e', ''], 10],
  ]);
});

t.test('CRLF, empty lines, and no line end at the end', async (t) => {
  eitherWay(t, 'a,b\r\n\r\n\n c , d \r\ne,f\r', [
    [1, ['a', 'b'], 5],
    [4, [' c ', ' d '], 17],
    [5, ['e', 'f'], 21],
  ]);
});

t.test('quotes: commas, line ends and quotes in cells', async (t) => {
  eitherWay(t, '"a,1","b\r\nx\ny"\r\n"say ""hi""",""\n"",c\nlast,"q"', [
    [1, ['a,1', 'b\r\nx\ny'], 16],
    [4, ['say "hi"', ''], 32],
    [5, ['', 'c'], 37],
    [6, ['last', 'q'], 45],
  ]);
});

t.test('a record with a stray quote costs no other', async (t) => {
  eitherWay(t, 'a,b"x\nc,d\n"e"f,g\nh,i\n', [
    [1, 'stray quote', 6],
    [2, ['c', 'd'], 10],
    [3, 'stray quote', 17],
    [4, ['h', 'i'], 21],
  ]);
});

t.test('a quote that is never closed costs its own line', async (t) => {
  eitherWay(t, 'a,"b\nc,d\ne,f\n', [
    [1, 'quote not closed', 5],
    [2, ['c', 'd'], 9],
    [3, ['e', 'f'], 13],
  ]);
  const many = `a,"b\n${'c,d\n'.repeat(MAX_RECORD_BYTES)}`;
  const found = records(many, 256 * 1024);
  t.equal(found.length, MAX_RECORD_BYTES + 1);
  t.same(found.at(0), [1, 'quote not closed', 5]);
  t.same(found.at(-1), [MAX_RECORD_BYTES + 1, ['c', 'd'], many.length]);
});

t.test('a record that is too long is passed over', async (t) => {
  const long = 'x'.repeat(MAX_RECORD_BYTES);
  const text = `a,${long}\nb,c\n`;
  for (const chunkBytes of [1_000, 70_000, 1_000_000]) {
    t.same(records(text, chunkBytes), [
      [1, 'too long', long.length + 3],
      [2, ['b', 'c'], text.length],
    ]);
  }
  t.same(records(`a\n${long}${long}`, 9_999), [
    [1, ['a'], 2],
    [2, 'too long', 2 + 2 * long.length],
  ]);
});

t.test('reading goes on from any place', async (t) => {
  const text = 'a,b\n"c\n1",d\ne,f\n';
  const [, second] = [...new CsvReader({ offset: 0, line: 1 }).take(Buffer.from(text))];
  const end = second?.end ?? { offset: 0, line: 0 };
  t.same(end, { offset: 12, line: 4 });
  const rest = [...new CsvReader(end).take(Buffer.from(text).subarray(end.offset))];
  t.match(rest, [{ line: 4, cells: ['e', 'f'], end: { offset: 16, line: 5 } }]);
});

t.test('cells are UTF-8, or say that they are not', async (t) => {
  const cell = (bytes: Buffer): string => bytes.toString('latin1');
  t.equal(decodeCell('plain'), 'plain');
  t.equal(decodeCell(cell(Buffer.from('Zürich 🏔 ߷'))), 'Zürich 🏔 ߷');
  t.throws(() => decodeCell(cell(Buffer.from([0x5a, 0xfc, 0x72]))), { code: 'ROW_ENCODING' });
  t.throws(() => decodeCell('a\0b'), { code: 'ROW_ENCODING' });
});
