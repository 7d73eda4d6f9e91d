import t from 'tap';
import { parseOptions } from '../../../scripts/bench/options.js';

t.test('without options everything is measured', async (t) => {
  t.match(parseOptions([]), {
    only: [
      'resize',
      'polling',
      'responsiveness',
      'memory',
      'start',
      'exports',
      'events',
      'consumer',
      'enqueue',
      'import',
      'sandbox',
    ],
    backends: ['postgres', 'redis'],
    images: undefined,
    rounds: 5,
    uploads: 300,
    clients: 8,
    json: 'bench-results.json',
  });
});

t.test('options choose the parts, the backends and how much', async (t) => {
  const options = parseOptions([
    '--only',
    'memory,resize',
    '--backends',
    'redis',
    '--rounds',
    '7',
    '--quick',
  ]);
  t.match(options, { only: ['resize', 'memory'], backends: ['redis'], rounds: 7, uploads: 60 });
});

t.test('what is not understood is named', async (t) => {
  t.throws(() => parseOptions(['--only', 'resize,pooling']), /pooling is not one of resize, polling/);
  t.throws(() => parseOptions(['--rounds', '0']), /0 is not a whole number above 0/);
  t.throws(() => parseOptions(['--speed']), /--speed/);
});
