import t from 'tap';
import { type GivenStep, readSteps } from '../../../lib/batches/steps.js';

const work = { export: { dataset: 'images', format: 'csv' } };
const notify = { notify: { email: ['a@example.org'] } };
const namesOf = (given: readonly GivenStep[]) =>
  readSteps(given).map(({ name, dependsOn }) => [name, dependsOn]);

t.test('a step depends on the one before it, unless it says on what', async (t) => {
  t.same(namesOf([work, notify, { ...work, name: 'third' }]), [
    ['export-1', []],
    ['notify-2', ['export-1']],
    ['third', ['notify-2']],
  ]);
  t.same(
    namesOf([
      { ...work, dependsOn: ['b'] },
      { ...notify, name: 'b', dependsOn: [] },
    ]),
    [
      ['export-1', ['b']],
      ['b', []],
    ],
  );
});

t.test('a circle is found wherever it closes', async (t) => {
  const circle = (...dependsOn: string[]) =>
    ['a', 'b', 'c'].map((name, index) => ({ ...work, name, dependsOn: [dependsOn[index] ?? ''] }));
  const cases = [
    { steps: circle('a', 'a', 'b'), path: 'then.0.dependsOn.0', message: 'names the step itself' },
    { steps: circle('c', 'a', 'b'), path: 'then.0.dependsOn.0', message: 'names "c", which depends on "a"' },
    { steps: circle('b', 'c', 'b'), path: 'then.1.dependsOn.0', message: 'names "c", which depends on "b"' },
    { steps: circle('x', 'a', 'b'), path: 'then.0.dependsOn.0', message: 'names "x"; the steps are a, b, c' },
  ];
  for (const { steps, path, message } of cases)
    t.throws(() => readSteps(steps), { code: 'VALIDATION_FAILED', errors: [{ path, message }] });
});

t.test('a default name that somebody took is no name', async (t) => {
  t.throws(() => readSteps([{ ...work, name: 'export-2' }, work]), { errors: [{ path: 'then.1.name' }] });
});
