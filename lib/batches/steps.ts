import { atPath, invalidField, type Problem } from '../errors.js';
import { type ExportBody, readExportBody } from '../exports/body.js';
import { outsider } from '../keys/caller.js';
import type { NotifyOptions } from '../notifications/notify-options.js';

/** What a step does once all that it depends on has ended. */
export type StepWork =
  | { readonly type: 'export'; readonly export: ExportBody }
  | { readonly type: 'notify'; readonly notify: NotifyOptions };

/** A step of a batch: every step depends on all members, and on the steps that it names. */
export type BatchStep = StepWork & { readonly name: string; readonly dependsOn: readonly string[] };

/** A step as it is asked for, after the schema. */
export interface GivenStep {
  readonly name?: string;
  readonly dependsOn?: readonly string[];
  readonly export?: unknown;
  readonly notify?: NotifyOptions;
}

/**
 * Reads the steps of a batch. One without `dependsOn` depends on the step before it.
 *
 * @throws Problem VALIDATION_FAILED or FIELD_UNKNOWN (400) naming the field, such as `then.1.dependsOn.0`
 */
export function readSteps(given: readonly GivenStep[]): BatchStep[] {
  const works = given.map((step, index) => readWork(step, `then.${index}`));
  const names = works.map(({ type }, index) => given[index]?.name ?? `${type}-${index + 1}`);
  for (const [index, name] of names.entries()) {
    const first = names.indexOf(name);
    if (first < index) throw invalidField(`then.${index}.name`, `is "${name}", as that of then.${first} is`);
  }
  const steps = works.map((work, index) => {
    const before = names.slice(Math.max(0, index - 1), index);
    return { ...work, name: names[index] ?? '', dependsOn: given[index]?.dependsOn ?? before };
  });
  assertOrdered(steps);
  return steps;
}

function readWork(step: GivenStep, path: string): StepWork {
  const { export: body, notify } = step;
  if ((body === undefined) === (notify === undefined))
    throw invalidField(path, 'takes one of export and notify');
  if (notify) return { type: 'notify', notify };
  return { type: 'export', export: atPath(`${path}.export`, () => readExportBody(body, outsider)) };
}

/** @throws Problem for a dependency on what there is not, or on what depends on the step itself */
function assertOrdered(steps: readonly BatchStep[]): void {
  const byName = new Map(steps.map((step) => [step.name, step]));
  for (const [index, { name, dependsOn }] of steps.entries()) {
    for (const [place, wanted] of dependsOn.entries()) {
      const wrong = (message: string): Problem => invalidField(`then.${index}.dependsOn.${place}`, message);
      if (!byName.has(wanted))
        throw wrong(`names ${JSON.stringify(wanted)}; the steps are ${[...byName.keys()].join(', ')}`);
      if (wanted === name) throw wrong('names the step itself');
      if (needed(wanted, byName).has(name)) throw wrong(`names "${wanted}", which depends on "${name}"`);
    }
  }
}

/** The names of all steps that a step depends on, by way of others too. */
function needed(name: string, byName: ReadonlyMap<string, BatchStep>): Set<string> {
  const found = new Set<string>();
  const open = [name];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const each of byName.get(next)?.dependsOn ?? []) {
      if (!found.has(each)) open.push(each);
      found.add(each);
    }
  }
  return found;
}
