import { readdirSync, readFileSync } from 'node:fs';
import { systemErrorCode } from '../../lib/errors.js';

/** A process as Linux's /proc shows it. */
interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** CPU time of its own, in ms. */
  readonly cpuMs: number;
  /** CPU time of its children that have ended, in ms. */
  readonly reapedMs: number;
  readonly rssBytes: number;
}

// What Linux promises to every program, whatever the kernel counts in (sysconf _SC_CLK_TCK).
const MS_A_TICK = 10;
const PAGE_BYTES = 4096;

/** CPU time that a process has used, in ms. */
export function cpuMs(pid: number): number {
  return factsOf(pid)?.cpuMs ?? 0;
}

/** CPU time of a process and all its descendants, those that have ended included, in ms. */
export function treeCpuMs(pid: number): number {
  const children = new Map<number, ProcessFacts[]>();
  for (const facts of allProcesses())
    children.set(facts.parent, [...(children.get(facts.parent) ?? []), facts]);
  const sum = (facts: ProcessFacts): number =>
    (children.get(facts.pid) ?? []).reduce(
      (total, child) => total + sum(child),
      facts.cpuMs + facts.reapedMs,
    );
  const root = factsOf(pid);
  return root ? sum(root) : 0;
}

/** Resident memory of a process, in bytes. */
export function rssBytes(pid: number): number {
  return factsOf(pid)?.rssBytes ?? 0;
}

/** The child of a process whose command line matches, if there is one. */
export function childOf(pid: number, commandLine: RegExp): number | undefined {
  return allProcesses().find(
    (facts) => facts.parent === pid && commandLine.test(read(facts.pid, 'cmdline') ?? ''),
  )?.pid;
}

function allProcesses(): ProcessFacts[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => factsOf(Number(name)) ?? []);
}

/** proc_pid_stat(5): fields 4, 14–17 and 24, counted after the name, which may hold anything. */
function factsOf(pid: number): ProcessFacts | undefined {
  const text = read(pid, 'stat');
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    parent: field(4),
    cpuMs: (field(14) + field(15)) * MS_A_TICK,
    reapedMs: (field(16) + field(17)) * MS_A_TICK,
    rssBytes: field(24) * PAGE_BYTES,
  };
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    // It ended while we looked.
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ESRCH') return undefined;
    throw error;
  }
}
