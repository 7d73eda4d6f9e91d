import { constants } from 'node:os';
import t, { type Test } from 'tap';

/**
 * The test that holds all tests of a file. A file imports it as tap's own: in a bundle (`scripts/bundle-tests.ts`)
 * several files are run by one process, in which it is the test of the file that is loaded, and ends with it.
 */
let file: Test = t;

export { file as default };

/** How long the tests of one file may take. */
export const FILE_TIMEOUT_MS = 180_000;

/** A file by its name, and what loads it, which defines its tests. */
export type TestFile = readonly [name: string, load: () => Promise<unknown>];

/** Runs files one after the other, each as one test. A signal ends them and what they started. */
export async function runFiles(files: readonly TestFile[]): Promise<void> {
  // What was started is killed when this process exits, which by itself a signal is not.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  for (const [name, load] of files) {
    await t.test(name, { timeout: FILE_TIMEOUT_MS }, async (test) => {
      file = test;
      await load();
    });
  }
}
