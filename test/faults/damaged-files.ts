import { runMutations } from '../hostile/mutations.js';
import { type Fault, type FaultRun, Findings } from './fault.js';

const MUTATIONS = 10_000;
const CUTS = 100;

/** Files that somebody broke, or made to break something: each ends in an image or a named problem. */
export const damagedFiles: Fault = {
  name: 'damaged-files',
  about: '10,000 random mutations and 100 cuts of each fixture',
  backends: ['postgres'],
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const { files, images, problems, failures } = await runMutations({
      seed: 'halftone',
      mutations: run.count(MUTATIONS),
      cuts: run.count(CUTS, CUTS),
    });
    for (const { fixture, which, verdict } of failures)
      found.is(`${fixture}, ${which}`, false, JSON.stringify(verdict));
    const refused = Object.values(problems).reduce((sum, count) => sum + count, 0);
    found.equal('files that ended as a file may', images + refused, files);
    // Neither so damaged nor so whole that nothing is tried.
    found.is('some are whole enough', images > files / 20, `${images} images`);
    found.is('and some are not', refused > files / 4, JSON.stringify(problems));
    return found;
  },
};
