import t from 'tap';
import { EntryNames } from '../../../../lib/exports/files/entry-names.js';

t.test('names that meet get numbers, whatever their case', (t) => {
  const names = new EntryNames();
  t.strictSame(
    ['a.jpg', 'A.JPG', 'a.jpg', 'a (2).jpg', 'a', 'a', '.jpg'].map((name) => names.take('images', name)),
    ['a.jpg', 'A (2).JPG', 'a (3).jpg', 'a (2) (2).jpg', 'a', 'a (2)', 'jpg'].map((name) => `images/${name}`),
  );
  t.end();
});

t.test('no name leads elsewhere, or is one that some system does not take', (t) => {
  const names = new EntryNames();
  for (const [given, safe] of [
    ['../../etc/passwd', 'passwd'],
    ['..\\evil.exe', 'evil.exe'],
    ['..', 'unnamed'],
    ['', 'unnamed (2)'],
    ['a:b*c?"<>|.png', 'a_b_c_____.png'],
    ['con.jpg', '_con.jpg'],
    ['trailing. . ', 'trailing'],
    ['مرحبا 🎉.jpg', 'مرحبا 🎉.jpg'],
    ['e\u0301.png', 'é.png'],
    ['new\nline\u202e.png', 'newline.png'],
  ] as const) {
    t.equal(names.take('images', given), `images/${safe}`);
  }
  t.end();
});

t.test('long names are cut between characters and keep their extension', (t) => {
  const names = new EntryNames();
  const one = names.take('images', `${'é🎉'.repeat(60)}.jpeg`);
  const other = names.take('images', `${'é🎉'.repeat(60)}.jpeg`);
  t.match(one, /^images\/(é🎉)+é?\.jpeg$/u);
  t.match(other, /🎉?é? \(2\)\.jpeg$/u);
  t.ok(Buffer.byteLength(other) < 220);
  t.end();
});

t.test('a hundred thousand files of one name', (t) => {
  const names = new EntryNames();
  const taken = new Set(Array.from({ length: 100_000 }, () => names.take('images', 'image.jpg')));
  t.equal(taken.size, 100_000);
  t.ok(taken.has('images/image (100000).jpg'));
  t.end();
});
