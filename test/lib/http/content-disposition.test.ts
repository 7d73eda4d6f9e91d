import { parse } from 'content-disposition';
import t from 'tap';
import { contentDisposition } from '../../../lib/http/content-disposition.js';

/** The name a browser would save under. */
function savedAs(filename: string): string | undefined {
  return parse(contentDisposition('attachment', filename)).parameters['filename'];
}

t.test('plain names, and the forms of RFC 6266 §5', async (t) => {
  t.equal(contentDisposition('attachment', 'example.html'), 'attachment; filename=example.html');
  t.equal(contentDisposition('inline', 'an example.html'), 'inline; filename="an example.html"');
  t.equal(
    contentDisposition('attachment', '€ rates'),
    `attachment; filename="? rates"; filename*=UTF-8''%E2%82%AC%20rates`,
  );
});

t.test('names that people have stay as they are', async (t) => {
  for (const name of [
    'Käse & Brot.png',
    '写真.jpg',
    '👨‍👩‍👧 family.webp',
    'say "hi".png',
    '50%25.png',
    'a;b=c.gif',
    'naïve.tar.gz',
  ]) {
    t.equal(savedAs(name), name);
  }
});

t.test('what could harm is taken out', async (t) => {
  t.equal(savedAs('../../etc/passwd'), 'passwd');
  t.equal(savedAs('C:\\Windows\\system.ini'), 'system.ini');
  t.equal(savedAs('a\0b\r\nSet-Cookie: x=1\u007f.png'), 'abSet-Cookie: x=1.png');
  t.equal(savedAs('cat\u202Egnp.exe'), 'catgnp.exe', 'no turned direction');
  t.equal(savedAs('half \uD83D pair.png'), 'half  pair.png');
  t.equal(savedAs('.htaccess '), 'htaccess');
  for (const name of ['', '.', '..', '/', 'a/', '\r\n', '\u202E', '   '])
    t.equal(savedAs(name), 'file', JSON.stringify(name));
});

t.test('a long name is cut to what a file system takes, and keeps its extension', async (t) => {
  t.equal(savedAs(`${'a'.repeat(5000)}.jpeg`), `${'a'.repeat(250)}.jpeg`);
  t.equal(savedAs(`${'写'.repeat(5000)}.png`), `${'写'.repeat(83)}.png`);
  t.equal(savedAs('😀'.repeat(5000)), '😀'.repeat(63), 'no half character');
  t.ok(contentDisposition('inline', '😀'.repeat(5000)).length < 2000);
});
