import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** How an npm command ended. */
export interface NpmOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const NPM_TIMEOUT_MS = 60_000;

/** Runs npm, as it is set up here. */
export async function npm(...args: string[]): Promise<NpmOutcome> {
  const child = spawn('npm', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: NPM_TIMEOUT_MS });
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { code, stdout, stderr };
}

/** When the registry says a version was published; undefined where it does not say. */
export async function publishedAt(name: string, version: string): Promise<Date | undefined> {
  const { code, stdout } = await npm('view', `${name}@${version}`, 'time', '--json');
  if (code !== 0 || stdout === '') return undefined;
  const times: Record<string, string> = JSON.parse(stdout);
  const time = times[version];
  return time === undefined ? undefined : new Date(time);
}

/** What `npm audit` finds in what is installed to run: a line each; undefined where the registry does not audit. */
export async function audit(): Promise<string[] | undefined> {
  const { stdout } = await npm('audit', '--omit=dev', '--json');
  const report: {
    vulnerabilities?: Record<string, { name: string; severity: string; range: string }>;
  } = JSON.parse(stdout === '' ? '{}' : stdout);
  if (report.vulnerabilities === undefined) return undefined;
  return Object.values(report.vulnerabilities).map(
    ({ name, severity, range }) => `${name} ${range}: ${severity}`,
  );
}
