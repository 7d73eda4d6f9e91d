import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { newId } from '../../../lib/ids.js';
import { type Delivery, GiveUp } from '../../../lib/queue/queue.js';
import { latch, Recorder } from '../../helpers/events.js';
import { gone, openTestQueue, type QueueAddress, someJob } from '../../helpers/queue.js';

const consumerScript = fileURLToPath(new URL('../../helpers/queue-consumer-process.js', import.meta.url));

/** What every queue backend must do. */
export function queueContract(t: Test, address: QueueAddress): void {
  t.test('a job is delivered under the id that we gave it, and then forgotten', async (t) => {
    const { queue, consume } = openTestQueue(t, address);
    const deliveries = new Recorder<Delivery>();
    const job = someJob();
    await queue.add([job]);
    t.equal(await queue.holds(job), true);
    consume(async (delivery) => deliveries.add(delivery));
    const [delivery] = await deliveries.length(1);
    t.match(delivery, { id: job.id, attempt: 1, isLastAttempt: false });
    await gone(queue, job.id);
  });

  t.test(
    'adding a job again is harmless: while it waits, while it is active, from two sides at once',
    async (t) => {
      const { queue, consume, elsewhere } = openTestQueue(t, address);
      const other = elsewhere().queue;
      const [job, last] = [someJob(), someJob({ priority: 20 })];
      await Promise.all([queue.add([job]), other.add([job]), queue.add([job, job])]);
      const deliveries = new Recorder<string>();
      consume(async ({ id }) => {
        deliveries.add(id);
        await Promise.all([queue.add([job, last]), other.add([job, last])]);
      });
      t.same(await deliveries.until((ids) => ids.includes(last.id)), [job.id, last.id]);
    },
  );

  t.test('a job that has ended can be added again', async (t) => {
    const { queue, consume } = openTestQueue(t, address);
    const deliveries = new Recorder<string>();
    consume(async ({ id }) => deliveries.add(id));
    const job = someJob();
    await queue.add([job]);
    await deliveries.length(1);
    await gone(queue, job.id);
    await queue.add([job]);
    t.same(await deliveries.length(2), [job.id, job.id]);
  });

  t.test('high goes before normal before low, and each in the order of its coming', async (t) => {
    const { queue, consume } = openTestQueue(t, address);
    const jobs = [20, 10, 0, 20, 10, 0].map((priority) => someJob({ priority }));
    for (const job of jobs) await queue.add([job]);
    const deliveries = new Recorder<string>();
    consume(async ({ id }) => deliveries.add(id));
    const expected = [2, 5, 1, 4, 0, 3].map((index) => jobs[index]?.id);
    t.same(await deliveries.length(jobs.length), expected);
  });

  t.test('it tells between which priorities jobs wait, 0 and those to come aside', async (t) => {
    const { queue } = openTestQueue(t, address);
    await queue.add([someJob({ priority: 0 })]);
    await queue.add([someJob({ priority: 5, delayMs: 60_000 })]);
    t.equal(await queue.waitingPriorities(), undefined);
    await queue.add([
      someJob({ priority: 2 ** 21 - 1 }),
      someJob({ priority: 20 }),
      someJob({ priority: 300 }),
    ]);
    t.same(await queue.waitingPriorities(), { first: 20, last: 2 ** 21 - 1 });
  });

  t.test('a failure is tried again, each time later, until the attempts are used up', async (t) => {
    const { queue, consume } = openTestQueue(t, address);
    const deliveries = new Recorder<{ attempt: number; isLastAttempt: boolean; at: number }>();
    const job = someJob({ attempts: 3 });
    consume(async ({ attempt, isLastAttempt }) => {
      deliveries.add({ attempt, isLastAttempt, at: performance.now() });
      throw new Error('again');
    });
    await queue.add([job]);
    const made = await deliveries.length(3);
    t.match(made, [
      { attempt: 1, isLastAttempt: false },
      { attempt: 2, isLastAttempt: false },
      { attempt: 3, isLastAttempt: true },
    ]);
    const [first = 0, second = 0] = made.slice(1).map(({ at }, index) => at - (made[index]?.at ?? 0));
    // 1 s and 2 s, less a jitter of half at most; a timer may fire a moment early.
    t.ok(first >= 490 && second >= 990, `waits of ${Math.round(first)} and ${Math.round(second)} ms`);
    await gone(queue, job.id);
  });

  t.test('what was given up is not tried again', async (t) => {
    const { queue, consume } = openTestQueue(t, address);
    const deliveries = new Recorder<string>();
    const [job, next] = [someJob(), someJob({ priority: 20 })];
    consume(async ({ id }) => {
      deliveries.add(id);
      if (id === job.id) throw new GiveUp('no use');
    });
    await queue.add([job, next]);
    t.same(await deliveries.length(2), [job.id, next.id]);
    await gone(queue, job.id);
  });

  t.test('the queue holds what waits, what is active and what waits for its next attempt', async (t) => {
    const { queue, consume } = openTestQueue(t, address);
    const [active, failed] = [latch<boolean>(), latch()];
    const [job, next] = [someJob(), someJob({ priority: 20 })];
    t.equal(await queue.holds(job), false, 'unknown');
    await queue.add([job, next]);
    t.equal(await queue.holds(job), true, 'waiting');
    consume(async ({ id }) => {
      if (id === next.id) return failed.open();
      active.open(await queue.holds(job));
      throw new Error('again');
    });
    t.equal(await active.opened, true, 'active');
    await failed.opened;
    t.equal(await queue.holds(job), true, 'waiting for its next attempt');
    await gone(queue, next.id);
  });

  t.test('a removed job is not delivered; an active or unknown one is left alone', async (t) => {
    const { queue, consume } = openTestQueue(t, address);
    const [removed, active, last] = [someJob(), someJob(), someJob({ priority: 20 })];
    await queue.add([removed, active, last]);
    await queue.remove(removed);
    t.equal(await queue.holds(removed), false);
    await queue.remove({ id: newId() });
    const deliveries = new Recorder<{ id: string; held: boolean }>();
    consume(async ({ id }) => {
      await queue.remove({ id });
      deliveries.add({ id, held: await queue.holds({ id }) });
    });
    t.same(await deliveries.length(2), [
      { id: active.id, held: true },
      { id: last.id, held: true },
    ]);
  });

  t.test('a repeating job is delivered once a period, however many ask for it', async (t) => {
    const periodMs = 400;
    const first = openTestQueue(t, address);
    const second = first.elsewhere();
    const deliveries = new Recorder<number>();
    for (const each of [first, second]) each.consume(async () => deliveries.add(performance.now()));
    await Promise.all([first, second].map(({ queue, name }) => queue.every(periodMs, name)));
    await deliveries.length(2);
    // Asking again, as a process does that starts later, does not disturb the rhythm.
    await second.queue.every(periodMs, second.name);
    const [start = 0, , , , , end = 0] = await deliveries.length(6);
    // Twice as often would be under three; the first may come late, and so up to one less.
    t.ok(end - start > 3 * periodMs, `six deliveries took ${Math.round(end - start)} ms`);
  });

  t.test('a job whose consumer was killed is delivered to another', async (t) => {
    const lockMs = 1_000;
    const { queue, name, consume } = openTestQueue(t, address);
    const args = [consumerScript, address.databaseUrl, address.redisUrl ?? '', name, String(lockMs)];
    const victim = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => victim.kill('SIGKILL'));
    const job = someJob();
    await queue.add([job]);
    const [taken] = await once(createInterface({ input: victim.stdout }), 'line');
    t.equal(taken, job.id);
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    const deliveries = new Recorder<Delivery>();
    consume(async (delivery) => deliveries.add(delivery), { lockMs });
    const [delivery] = await deliveries.length(1);
    t.match(delivery, { id: job.id, attempt: 1, isLastAttempt: false });
    await gone(queue, job.id);
  });

  t.test(
    '2,000 jobs, two consumers of 16: none is lost, none delivered twice, nothing is logged',
    async (t) => {
      const first = openTestQueue(t, address);
      const second = first.elsewhere();
      const jobs = Array.from({ length: 2_000 }, () => someJob());
      const deliveries = new Recorder<string>();
      for (const each of [first, second]) {
        each.consume(async ({ id }) => deliveries.add(id), { concurrency: 16 });
      }
      const half = jobs.length / 2;
      await Promise.all([first.queue.add(jobs.slice(0, half)), second.queue.add(jobs.slice(half))]);
      await deliveries.length(jobs.length);
      const last = someJob({ priority: 20 });
      await first.queue.add([last]);
      await deliveries.until((ids) => ids.includes(last.id));
      for (const { id } of jobs) await gone(first.queue, id);
      t.same([...deliveries.items].sort(), [...jobs, last].map(({ id }) => id).sort());
      const faults = [...first.logged.items, ...second.logged.items].filter(({ level }) => level !== 'debug');
      t.same(faults, []);
    },
  );
}
