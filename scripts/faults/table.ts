import type { Backend, Fault, Finding } from '../../test/faults/fault.js';

/** How one fault went on one backend. */
export interface Result {
  readonly fault: Fault;
  readonly backend: Backend;
  readonly findings: readonly Finding[];
  readonly seconds: number;
}

/** Whether all held. One that found nothing has not been run to its end. */
export function passed({ findings }: Result): boolean {
  return findings.length > 0 && findings.every((finding) => finding.passed);
}

/** Prints a line for each finding, below the fault that it belongs to. */
export function printResult(result: Result): void {
  const { fault, backend, findings, seconds } = result;
  console.log(
    `\n${passed(result) ? 'pass' : 'FAIL'}  ${fault.name} (${backend}, ${seconds.toFixed(0)} s): ${fault.about}`,
  );
  const width = Math.max(...findings.map(({ what }) => what.length));
  for (const { what, passed, figure } of findings)
    console.log(`  ${passed ? '    ' : 'FAIL'}  ${what.padEnd(width)}  ${figure}`.trimEnd());
}

/** Prints one line a fault. */
export function printSummary(results: readonly Result[]): void {
  const rows = results.map((result) => [
    result.fault.name,
    result.backend,
    passed(result) ? 'pass' : 'FAIL',
    `${result.findings.filter((finding) => finding.passed).length} of ${result.findings.length}`,
    `${result.seconds.toFixed(0)} s`,
  ]);
  const table = [['fault', 'backend', 'result', 'held', 'took'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  console.log('');
  for (const row of table)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}
