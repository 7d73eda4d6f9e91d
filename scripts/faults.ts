import { constants } from 'node:os';
import { within } from '../lib/deadline.js';
import { type Backend, countAt, type Fault, type Finding } from '../test/faults/fault.js';
import { faults } from '../test/faults/faults.js';
import { ensureTestServices } from './ensure-test-services.js';
import { parseFaultOptions } from './faults/options.js';
import { Scope } from './faults/scope.js';
import { passed, printResult, printSummary, type Result } from './faults/table.js';

/**
 * `npm run test:faults`: starts the whole service as processes, on a PostgreSQL and a Redis of its own in
 * temporary folders, does to it what machines and clients do, and prints what held. Exit code 1 where
 * something did not. All of it takes two hours and more; `--scale 0.1` less.
 */
async function main(): Promise<void> {
  const { only, backends, scale } = parseFaultOptions(process.argv.slice(2), faults);
  await ensureTestServices();
  const results: Result[] = [];
  for (const fault of only) {
    for (const backend of fault.backends.filter((each) => backends.includes(each))) {
      console.error(`${fault.name} (${backend}) …`);
      const result = await runOne(fault, backend, scale);
      printResult(result);
      results.push(result);
    }
  }
  printSummary(results);
  if (!results.every(passed)) process.exitCode = 1;
}

const MINUTE_MS = 60_000;
/** What waits for something that never comes is given up: in all its counts a fault takes half of that. */
const MOST_MINUTES = 60;
const LEAST_MINUTES = 3;

let open: Scope | undefined;

/** Runs one fault. What it throws, and what its processes say at their end, counts as a finding. */
async function runOne(fault: Fault, backend: Backend, scale: number): Promise<Result> {
  const scope = new Scope();
  open = scope;
  const findings: Finding[] = [];
  const started = performance.now();
  try {
    const teardown = (callback: () => unknown): void => scope.teardown(callback);
    const deadlineMs = Math.max(LEAST_MINUTES, MOST_MINUTES * scale) * MINUTE_MS;
    const found = await within(fault.run({ backend, count: countAt(scale), teardown }), deadlineMs);
    findings.push(...found.items);
  } catch (error) {
    findings.push(broken('it ran to its end', error));
  }
  await scope.close().catch((error: unknown) => findings.push(broken('its processes ended well', error)));
  return { fault, backend, findings, seconds: (performance.now() - started) / 1000 };
}

function broken(what: string, error: unknown): Finding {
  console.error(error);
  const figure = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  return { what, passed: false, figure, timed: false };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await open?.close().catch(() => undefined);
    process.exit(128 + constants.signals[signal]);
  });
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
// What was given up may still be waiting for something that never comes.
process.exit();
