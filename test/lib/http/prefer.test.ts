import t from 'tap';
import { parsePrefer } from '../../../lib/http/prefer.js';

t.test('the examples of RFC 7240', async (t) => {
  t.same(parsePrefer('respond-async, wait=100'), { respondAsync: true, wait: 100 });
  t.same(parsePrefer('respond-async, wait=10'), { respondAsync: true, wait: 10 });
  t.same(parsePrefer('foo; bar=""'), { respondAsync: false });
  t.same(parsePrefer('Lenient'), { respondAsync: false });
  t.same(parsePrefer('return=minimal; foo="some parameter", priority=5'), { respondAsync: false });
});

t.test('case, spaces, quotes, parameters and several lines', async (t) => {
  t.same(parsePrefer('Respond-Async ,WAIT = "20"'), { respondAsync: true, wait: 20 });
  t.same(parsePrefer('wait=5; why="a, respond-async"'), { respondAsync: false, wait: 5 });
  t.same(parsePrefer('note="a \\", wait=9", wait=3'), { respondAsync: false, wait: 3 });
  t.same(parsePrefer(['respond-async', 'wait=7']), { respondAsync: true, wait: 7 });
  t.same(parsePrefer('wait=0'), { respondAsync: false, wait: 0 });
});

t.test('the first of a name counts', async (t) => {
  t.same(parsePrefer('wait=1, wait=2'), { respondAsync: false, wait: 1 });
  t.same(parsePrefer(['wait=1', 'WAIT=2']), { respondAsync: false, wait: 1 });
});

t.test('junk is ignored, and what stands beside it is not', async (t) => {
  for (const header of [
    undefined,
    '',
    ',',
    ';',
    '=',
    'wait',
    'wait=',
    'wait=-1',
    'wait=1.5',
    'wait=1s',
    'wait="',
    'wait 5',
    'x wait=5',
    '__proto__=1',
    [],
  ]) {
    t.same(parsePrefer(header), { respondAsync: false }, JSON.stringify(header));
  }
  t.same(parsePrefer(',, ;x, (junk), wait=4, "'), { respondAsync: false, wait: 4 });
});
