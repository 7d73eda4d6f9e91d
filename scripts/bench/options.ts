import { parseArgs } from 'node:util';

/** What can be measured, in the order in which it is. */
export const parts = [
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
  'tus',
  'keys',
] as const;
export type Part = (typeof parts)[number];

/** Where the service keeps its queue. */
export const backends = ['postgres', 'redis'] as const;
export type Backend = (typeof backends)[number];

/** What to measure, and how much of it. */
export interface Options {
  readonly only: readonly Part[];
  readonly backends: readonly Backend[];
  /** A folder of photographs; undefined makes some. */
  readonly images: string | undefined;
  readonly rounds: number;
  /** Uploads a round of the resize part. */
  readonly uploads: number;
  readonly clients: number;
  /** Uploads of the memory part, warm-up among them. */
  readonly memoryUploads: number;
  /** Rows of the exports part. */
  readonly exportRows: number;
  /** Rows of a turn of the import part, and of the one whose memory is measured. */
  readonly importRows: { readonly turn: number; readonly memory: number };
  /** Jobs of a turn of the consumer part. */
  readonly noopJobs: number;
  /** Seconds that each side of a round of the polling part takes. */
  readonly pollSeconds: number;
  readonly quick: boolean;
  /** The file the results are written to. */
  readonly json: string;
}

/** How to use it. */
export const usage = `npm run bench -- [options]
  --only PARTS     any of ${parts.join(',')}  (all)
  --backends LIST  any of ${backends.join(',')}  (both)
  --images DIR     photographs to resize  (some are made)
  --rounds N       rounds of each pair  (5)
  --uploads N      uploads a round  (300)
  --clients C      clients at a time  (8)
  --quick          fewer and shorter rounds: to see that it runs, not how fast
  --json FILE      where the results go  (bench-results.json)`;

/** @throws Error with the usage for what is not understood */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      backends: { type: 'string' },
      images: { type: 'string' },
      rounds: { type: 'string' },
      uploads: { type: 'string' },
      clients: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string', default: 'bench-results.json' },
    },
  });
  const { quick } = values;
  return {
    only: someOf(parts, values.only),
    backends: someOf(backends, values.backends),
    images: values.images,
    rounds: count(values.rounds, quick ? 2 : 5),
    uploads: count(values.uploads, quick ? 60 : 300),
    clients: count(values.clients, 8),
    memoryUploads: quick ? 400 : 5000,
    quick,
    importRows: quick ? { turn: 10_000, memory: 20_000 } : { turn: 50_000, memory: 200_000 },
    exportRows: quick ? 50_000 : 1_000_000,
    noopJobs: quick ? 500 : 4_000,
    pollSeconds: quick ? 1 : 3,
    json: values.json,
  };
}

function someOf<T extends string>(known: readonly T[], given: string | undefined): readonly T[] {
  const names = given?.split(',') ?? known;
  const unknown = names.find((name) => !known.some((each) => each === name));
  if (unknown !== undefined) throw new Error(`${unknown} is not one of ${known.join(', ')}\n\n${usage}`);
  return known.filter((each) => names.includes(each));
}

function count(given: string | undefined, fallback: number): number {
  if (given === undefined) return fallback;
  if (!/^[1-9]\d*$/.test(given)) throw new Error(`${given} is not a whole number above 0\n\n${usage}`);
  return Number(given);
}
