import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProblemCode } from '../../lib/errors.js';
import { memoryLimiter } from '../../workers/memory-limiter.js';
import { recordingLogger } from '../helpers/events.js';

/** What became of a file: renditions, a problem that a client can name, or what must never be. */
export type Verdict =
  | { readonly kind: 'image' }
  | { readonly kind: 'problem'; readonly code: ProblemCode }
  | { readonly kind: 'thrown'; readonly message: string }
  | { readonly kind: 'crash'; readonly message: string }
  | { readonly kind: 'hang'; readonly message: string };

/** Judges files one after the other. */
export interface Judge {
  judge(file: Uint8Array): Promise<Verdict>;
  close(): Promise<void>;
}

// Ten times what any of the files here needs; a bomb that goes off takes this much and no more.
const MEMORY_MB = 2048;
const HANG_MS = 60_000;

/** Starts a process that does with files what the service does, and starts another when it dies of one. */
export async function openJudge(): Promise<Judge> {
  const folder = await mkdtemp(join(tmpdir(), 'halftone-hostile-'));
  const path = join(folder, 'file');
  const launcher = memoryLimiter(MEMORY_MB, process.execArgv, recordingLogger().log);
  let child: ChildProcess | undefined;

  const running = (): ChildProcess => {
    child ??= fork(new URL('./judge-process.js', import.meta.url), {
      ...launcher,
      // Without what a test runner loads into every process.
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], MALLOC_ARENA_MAX: '2' },
    });
    return child;
  };

  return {
    judge: async (file) => {
      await writeFile(path, file);
      const judge = running();
      const verdict = await new Promise<Verdict>((resolve) => {
        const timer = setTimeout(() => {
          judge.kill('SIGKILL');
          resolve({ kind: 'hang', message: `nothing in ${HANG_MS / 1000} s` });
        }, HANG_MS);
        const settle = (said: Verdict): void => {
          clearTimeout(timer);
          judge.removeAllListeners();
          resolve(said);
        };
        judge.once('message', (said: Verdict) => settle(said));
        judge.once('exit', (code, signal) => settle({ kind: 'crash', message: `${signal ?? code}` }));
        judge.send(path);
      });
      if (verdict.kind === 'crash' || verdict.kind === 'hang') child = undefined;
      return verdict;
    },
    close: async () => {
      if (child) {
        const ended = once(child, 'exit');
        child.disconnect();
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Whether that is how a file may end. */
export function isSound(verdict: Verdict): boolean {
  return verdict.kind === 'image' || verdict.kind === 'problem';
}
