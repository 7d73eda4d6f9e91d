import t from 'tap';
import { BlockMemory, Blocks } from '../../../lib/exports/blocks.js';
import { CopyQuery } from '../../../lib/exports/copy-query.js';

/** A message of PostgreSQL's protocol. */
function message(type: string, body: string): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(4 + Buffer.byteLength(body), 1);
  return Buffer.concat([head, Buffer.from(body)]);
}

/** What a query tells when it is given the bytes in pieces of a size. */
function told(bytes: Buffer, size: number) {
  const events: string[] = [];
  let data = '';
  const unread = { start: () => {}, pause: () => {}, resume: () => {} };
  // It has nothing to send: only what it reads is looked at here.
  const query = new CopyQuery([], unread, {
    onData: (chunk, start, end) => {
      data += chunk.toString('latin1', start, end);
    },
    onCopied: () => events.push('copied'),
    onEnd: () => events.push('end'),
    onError: (error) => events.push(`${error.message} ${'code' in error ? error.code : ''}`),
  });
  for (let at = 0; at < bytes.length; at += size) query.read(bytes.subarray(at, at + size));
  return { events, data, rows: query.rows };
}

const rows = ['a,b\n', '', 'x'.repeat(300), 'last\n'];
const copied = [message('H', '\0\0\0'), message('N', 'a notice'), ...rows.map((row) => message('d', row))];

t.test('rows come whole, wherever the socket cuts them', async (t) => {
  const bytes = Buffer.concat([...copied, message('c', ''), message('C', 'COPY 4\0'), message('Z', 'I')]);
  for (const size of [1, 2, 3, 5, 7, 64, bytes.length]) {
    t.same(
      told(bytes, size),
      { events: ['copied', 'end'], data: rows.join(''), rows: 4 },
      `pieces of ${size}`,
    );
  }
});

t.test('an error is told once, with its state, and there is no end after it', async (t) => {
  const error = message('E', 'SERROR\0C22012\0Mdivision by zero\0\0');
  const bytes = Buffer.concat([...copied, error, message('Z', 'I')]);
  for (const size of [1, 4, bytes.length])
    t.same(told(bytes, size).events, ['division by zero 22012'], `pieces of ${size}`);
});

t.test('a copy that is cut has no end', async (t) => {
  const bytes = Buffer.concat([...copied, message('c', ''), message('Z', 'I')]);
  t.same(told(bytes.subarray(0, -1), 10).events, ['copied']);
});

t.test('pieces of any size are joined to blocks of 256 KiB', async (t) => {
  const blocks: Buffer[] = [];
  const joiner = new Blocks(new BlockMemory(), (block) => blocks.push(block));
  const pieces = [10, 270_000, 262_144, 1, 600_000, 0].map((size, index) => Buffer.alloc(size, index));
  for (const piece of pieces) {
    // It is copied: its owner may write something else there.
    const lent = Buffer.concat([Buffer.from('before'), piece, Buffer.from('after')]);
    joiner.add(lent, 6, 6 + piece.length);
    lent.fill(0xff);
  }
  joiner.flush();
  joiner.flush();
  t.same(
    blocks.slice(0, -1).map(({ length }) => length),
    [262_144, 262_144, 262_144, 262_144],
  );
  t.ok(Buffer.concat(blocks).equals(Buffer.concat(pieces)));
});

t.test('few bytes that are handed on early hold no whole block', async (t) => {
  const blocks: Buffer[] = [];
  const joiner = new Blocks(new BlockMemory(), (block) => blocks.push(block));
  for (let row = 0; row < 3; row++) {
    joiner.add(Buffer.from(`row ${row}`), 0, 5);
    joiner.flush();
  }
  t.same(blocks.map(String), ['row 0', 'row 1', 'row 2']);
  t.ok(blocks.every(({ buffer }) => buffer.byteLength < 65_536));
});
