/** Waits for something outside, but not for ever: rejects when it has not settled after `ms`. */
export function within<T>(
  work: PromiseLike<T>,
  ms: number,
  late: () => unknown = () => new Error(`no answer within ${ms} ms`),
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  return Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}
