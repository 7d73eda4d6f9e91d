import t from 'tap';
import { parseRange } from '../../../lib/http/range.js';

t.test('the examples of RFC 9110 §14.1.2, of 10,000 bytes', async (t) => {
  t.same(parseRange('bytes=0-499', 10_000), { start: 0, end: 499 });
  t.same(parseRange('bytes=500-999', 10_000), { start: 500, end: 999 });
  t.same(parseRange('bytes=-500', 10_000), { start: 9500, end: 9999 });
  t.same(parseRange('bytes=9500-', 10_000), { start: 9500, end: 9999 });
});

t.test('the end is cut to the file', async (t) => {
  t.same(parseRange('bytes=0-', 10), { start: 0, end: 9 });
  t.same(parseRange('bytes=9-99', 10), { start: 9, end: 9 });
  t.same(parseRange('bytes=-11', 10), { start: 0, end: 9 });
  t.same(parseRange(`bytes=0-${'9'.repeat(400)}`, 10), { start: 0, end: 9 });
  t.same(parseRange('Bytes= 1-2 ', 10), { start: 1, end: 2 }, 'the unit has no case');
});

t.test('nothing to send is unsatisfiable', async (t) => {
  for (const header of ['bytes=10-', 'bytes=10-12', 'bytes=-0', `bytes=${'9'.repeat(400)}-`]) {
    t.equal(parseRange(header, 10), 'unsatisfiable', header);
  }
});

t.test('an empty file', async (t) => {
  t.equal(parseRange('bytes=0-', 0), 'unsatisfiable');
  t.equal(parseRange('bytes=0-0', 0), 'unsatisfiable');
  t.equal(parseRange('bytes=-0', 0), 'unsatisfiable');
  t.equal(parseRange('bytes=-5', 0), undefined, 'its last five bytes are all of it');
});

t.test('several ranges, other units and junk get the whole file', async (t) => {
  const headers = [
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=5-4',
    'bytes=0-1,4-5',
    'bytes=0-1,',
    'rows=0-1',
    'bytes=a-b',
    'bytes=1',
    'bytes=--1',
    'bytes=0x1-2',
    'bytes=1.5-2',
    'bytes 0-1',
    'xbytes=0-1',
    'bytes=0-1x',
  ];
  for (const header of headers) t.equal(parseRange(header, 10), undefined, String(header));
});
