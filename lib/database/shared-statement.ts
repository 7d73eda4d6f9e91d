/** Somebody who waits for their part of a statement. */
interface Waiting<Asked, Answer> {
  readonly asked: Asked;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets those who ask while a statement is under way share the next one: a statement and a commit for each would
 * cost more than many a job.
 *
 * @param run does it for all that have come, and answers in their order; when it rejects, they all fail
 */
export function shareStatement<Asked, Answer>(
  run: (asked: readonly Asked[]) => Promise<readonly Answer[]>,
): (asked: Asked) => Promise<Answer> {
  let waiting: Waiting<Asked, Answer>[] = [];
  let isBusy = false;

  async function work(): Promise<void> {
    isBusy = true;
    while (waiting.length > 0) {
      const taken = waiting;
      waiting = [];
      try {
        const answers = await run(taken.map(({ asked }) => asked));
        for (const [index, answer] of answers.entries()) taken[index]?.resolve(answer);
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    isBusy = false;
  }

  return (asked) =>
    new Promise((resolve, reject) => {
      waiting.push({ asked, resolve, reject });
      if (!isBusy) void work();
    });
}
