import { parseArgs } from 'node:util';
import type { Backend, Fault } from '../../test/faults/fault.js';

/** What to run, and how much of it. */
export interface FaultOptions {
  readonly only: readonly Fault[];
  readonly backends: readonly Backend[];
  /** Share of the full counts, above 0 and at most 1. */
  readonly scale: number;
}

const BACKENDS: readonly Backend[] = ['postgres', 'redis'];

/** @throws Error with the usage for what is not understood */
export function parseFaultOptions(args: readonly string[], faults: readonly Fault[]): FaultOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      backends: { type: 'string' },
      scale: { type: 'string', default: '1' },
    },
  });
  const usage = `npm run test:faults -- [options]
  --only FAULTS    any of ${faults.map(({ name }) => name).join(',')}  (all)
  --backends LIST  any of ${BACKENDS.join(',')}  (both)
  --scale S        share of the full counts, such as 0.1  (1)`;
  const names = values.only?.split(',') ?? faults.map(({ name }) => name);
  const only = faults.filter(({ name }) => names.includes(name));
  const backends = BACKENDS.filter((each) => values.backends?.split(',').includes(each) ?? true);
  const scale = Number(values.scale);
  const known = only.length === names.length && backends.length > 0;
  if (!known || !(scale > 0 && scale <= 1)) throw new Error(`Not understood.\n\n${usage}`);
  return { only, backends, scale };
}
