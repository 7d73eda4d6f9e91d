import t from 'tap';
import { isUuid, newId } from '../../../lib/ids.js';
import { readHead } from '../../../lib/imports/head.js';
import { memberIds } from '../../../lib/imports/member-id.js';
import { type RowRules, readRow } from '../../../lib/imports/read-row.js';

const url = 'https://example.com/a.jpg';

function rules(header: string, more: Partial<RowRules> = {}): RowRules {
  return {
    columns: readHead(Buffer.from(header)).columns,
    presets: new Set(['thumbnail', 'small']),
    outbound: { allowPrivateHosts: false },
    importFolder: '/import',
    ...more,
  };
}

const row = (header: string, cells: string[], more?: Partial<RowRules>) =>
  readRow({ line: 2, cells }, rules(header, more));

t.test('a row in full, and the least of one', async (t) => {
  const header = 'url,filename,presets,metadata.camera,metadata.__proto__';
  t.same(row(header, [` ${url} `, 'a.jpg', 'small; thumbnail|small', ' X100 ', 'odd']), {
    line: 2,
    url,
    filename: 'a.jpg',
    presets: ['small', 'thumbnail', 'small'],
    metadata: JSON.parse('{"camera":" X100 ","__proto__":"odd"}'),
  });
  t.same(row('path', ['a/b.png']), { line: 2, path: 'a/b.png', presets: [], metadata: {} });
  t.same(row('url,path,presets', ['', 'a', '']), { line: 2, path: 'a', presets: [], metadata: {} });
});

const faults: [string, string, string[], Partial<RowRules>?][] = [
  ['ROW_RAGGED', 'url,filename', [url]],
  ['ROW_RAGGED', 'url,filename', [url, '', '']],
  ['ROW_ENCODING', 'url,filename', [url, '\xfc.jpg']],
  ['PRESET_UNKNOWN', 'url,presets', [url, 'small;huge']],
  ['VALIDATION_FAILED', 'url,path', [url, 'a']],
  ['VALIDATION_FAILED', 'url,path', ['', ' ']],
  ['VALIDATION_FAILED', 'url,presets', [url, 'small '.repeat(51)]],
  ['VALIDATION_FAILED', 'url,metadata.a', [url, 'x'.repeat(17_000)]],
  ['ADDRESS_NOT_ALLOWED', 'url', ['example.com/a.jpg']],
  ['ADDRESS_NOT_ALLOWED', 'url', ['ftp://example.com/a']],
  ['ADDRESS_NOT_ALLOWED', 'url', ['http://127.0.0.1/a']],
  ['PATH_NOT_ALLOWED', 'path', ['../a']],
  ['PATH_NOT_ALLOWED', 'path', ['a'], { importFolder: undefined }],
];
for (const [code, header, cells, more] of faults)
  t.test(`${header}: ${cells.join().slice(0, 40)} is ${code}`, async (t) => {
    t.throws(() => row(header, cells, more), { code });
  });

t.test('headers', async (t) => {
  t.match(readHead(Buffer.from('\ufeffurl\r\nx')), { rowsAt: { offset: 8, line: 2 } });
  t.match(readHead(Buffer.from('\n"url", path \n')), { rowsAt: { offset: 14, line: 3 } });
  const broken: [string | Buffer, string, string?][] = [
    ['url,colour', 'COLUMNS_INVALID', 'colour'],
    ['url,url', 'COLUMNS_INVALID', 'url'],
    ['url,metadata.', 'COLUMNS_INVALID', 'metadata.'],
    ['url;filename', 'COLUMNS_INVALID', 'url;filename'],
    ['url,', 'COLUMNS_INVALID', 'column 2'],
    ['filename,presets', 'COLUMNS_INVALID', 'url'],
    ['\n\n', 'COLUMNS_INVALID'],
    ['url,"path', 'COLUMNS_INVALID'],
    [Buffer.from('\ufeffurl', 'utf16le'), 'ENCODING_UNSUPPORTED'],
    [Buffer.from('url', 'utf16le'), 'ENCODING_UNSUPPORTED'],
    [Buffer.from([0xfe, 0xff, 0, 0x75]), 'ENCODING_UNSUPPORTED'],
    [Buffer.from('url,metadata.\xfc', 'latin1'), 'ENCODING_UNSUPPORTED'],
  ];
  for (const [head, code, path] of broken) {
    const expected = path === undefined ? { code } : { code, errors: [{ path }] };
    t.throws(() => readHead(Buffer.from(head)), expected, String(head));
  }
});

t.test('ids of members: each row its own, always the same, in the order of the lines', async (t) => {
  const id = newId();
  const ids = [2, 3, 10, 4096, 1_000_001].map(memberIds(id));
  t.same(ids, [2, 3, 10, 4096, 1_000_001].map(memberIds(id)));
  t.same([...ids].sort(), ids);
  for (const each of ids) t.match(each, /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  t.ok(ids.every(isUuid));
  t.notOk(ids.includes(memberIds(newId())(2)));
});
