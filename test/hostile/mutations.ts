import { availableParallelism } from 'node:os';
import { type Fixture, fixtures } from './fixtures.js';
import { isSound, type Judge, openJudge, type Verdict } from './judge.js';
import { mutate } from './mutate.js';
import { seeded } from './random.js';

/** How many files, of what seed. */
export interface MutationOptions {
  readonly seed: string;
  /** Mutations of each fixture. */
  readonly mutations: number;
  /** Cuts of each fixture: at every hundredth part where it is 100. */
  readonly cuts: number;
}

/** A file that ended as none may; it is made again from the seed. */
export interface MutationFailure {
  readonly fixture: string;
  /** `cut 40` or `mutation 7`. */
  readonly which: string;
  readonly verdict: Verdict;
}

/** What became of all files. */
export interface MutationReport {
  readonly files: number;
  readonly images: number;
  readonly problems: Readonly<Record<string, number>>;
  readonly failures: readonly MutationFailure[];
}

/**
 * Damages every fixture in many ways and looks what becomes of it: an image or a named problem; anything
 * else is a failure.
 */
export async function runMutations(options: MutationOptions): Promise<MutationReport> {
  const judges = await Promise.all(Array.from({ length: availableParallelism() }, openJudge));
  const report = {
    files: 0,
    images: 0,
    problems: {} as Record<string, number>,
    failures: [] as MutationFailure[],
  };
  const variants = variantsOf(await fixtures(), options);
  const work = async (judge: Judge): Promise<void> => {
    // They share one line of files; each takes the next when it has judged its last.
    for (let next = variants.next(); !next.done; next = variants.next()) {
      const { fixture, which, bytes } = next.value;
      const verdict = await judge.judge(bytes);
      report.files += 1;
      if (verdict.kind === 'image') report.images += 1;
      if (verdict.kind === 'problem')
        report.problems[verdict.code] = (report.problems[verdict.code] ?? 0) + 1;
      if (!isSound(verdict)) report.failures.push({ fixture, which, verdict });
    }
  };
  try {
    await Promise.all(judges.map(work));
    return report;
  } finally {
    await Promise.all(judges.map((judge) => judge.close()));
  }
}

/** Every fixture's cuts and mutations, one at a time: there may be many. */
function* variantsOf(
  all: readonly Fixture[],
  { seed, mutations, cuts }: MutationOptions,
): Generator<{ fixture: string; which: string; bytes: Buffer }, undefined> {
  for (const { name, bytes } of all) {
    for (let cut = 0; cut < cuts; cut++) {
      const end = Math.floor((bytes.length * cut) / cuts);
      yield { fixture: name, which: `cut ${cut}`, bytes: bytes.subarray(0, end) };
    }
    for (let index = 0; index < mutations; index++)
      yield { fixture: name, which: `mutation ${index}`, bytes: mutate(bytes, seeded(seed, name, index)) };
  }
}
